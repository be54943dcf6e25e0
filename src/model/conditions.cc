#include "model/conditions.h"

#include <algorithm>
#include <charconv>

namespace tapeline::model {
namespace {

constexpr std::string_view kNone = "none";
constexpr int kVersionMax = 999'999;
/// What a log without a table is read by: Form T, and extended hours sold out of sequence.
constexpr std::array<Condition, 2> kUnnamed = {
    {{24, Rights(), SessionMark::extended}, {25, Rights(), SessionMark::extended}}};

template <typename... Args>
Error wrong(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::invalid, "condition table: {}",
                    fmt::format(format, std::forward<Args>(args)...));
}

/// All of `text` as digits; nothing else, and at most nine of them.
std::optional<int> whole(std::string_view text) {
  if (text.empty() || text.size() > 9 || text[0] == '-') return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Takes what stands before `separator`, and the separator.
std::string_view take(std::string_view& rest, char separator) {
  const size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

bool take_letter(std::string_view& rest, char letter) {
  if (!rest.starts_with(letter)) return false;
  rest.remove_prefix(1);
  return true;
}

bool is_name(std::string_view name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= ConditionTable::kNameBytesMax && name != kNone &&
         std::ranges::all_of(name, fine);
}

std::string text_of(const Condition& condition) {
  const Rights rights = condition.rights;
  std::string out = fmt::format("{}:", condition.code);
  if (rights.last()) out += 'L';
  if (rights.last_if_only()) out += 'c';
  if (rights.high_low()) out += 'H';
  if (rights.volume()) out += 'V';
  if (out.ends_with(':')) out += '-';
  if (condition.mark == SessionMark::extended) out += 'x';
  if (condition.mark == SessionMark::closing) out += 'z';
  return out;
}

Result<Condition> parse_condition(std::string_view text) {
  std::string_view rest = text;
  const auto code = whole(take(rest, ':'));
  uint8_t bits = 0;
  if (!take_letter(rest, '-')) {
    if (take_letter(rest, 'L')) {
      bits |= Rights::kLast | Rights::kOnlyOfDay;
    } else if (take_letter(rest, 'c')) {
      bits |= Rights::kOnlyOfDay;
    }
    if (take_letter(rest, 'H')) bits |= Rights::kHighLow;
    if (take_letter(rest, 'V')) bits |= Rights::kVolume;
  }
  Condition out{code.value_or(0), Rights(bits), SessionMark::none};
  if (take_letter(rest, 'x')) {
    out.mark = SessionMark::extended;
  } else if (take_letter(rest, 'z')) {
    out.mark = SessionMark::closing;
  }
  if (!code || !rest.empty())
    return wrong("'{}' is no condition such as 3:V, 16:-, 30:cHV or 24:LHVx", text);
  return out;
}

}  // namespace

ConditionTable::ConditionTable() {
  for (const Condition& condition : kUnnamed)
    verdicts_[static_cast<size_t>(condition.code)] = {condition.rights, condition.mark};
}

Result<ConditionTable> ConditionTable::make(std::string name, int version,
                                            std::vector<Condition> conditions) {
  if (!is_name(name))
    return wrong("its name must be of at most {} of a-z, 0-9, - and _, and not '{}'", kNameBytesMax,
                 kNone);
  if (version < 1 || version > kVersionMax)
    return wrong("version {} is not from 1 to {}", version, kVersionMax);
  std::ranges::sort(conditions, {}, &Condition::code);
  ConditionTable out;
  out.verdicts_ = {};
  for (size_t i = 0; i < conditions.size(); ++i) {
    const Condition& condition = conditions[i];
    if (condition.code < 1 || condition.code > kCodeMax)
      return wrong("code {} is not from 1 to {}", condition.code, kCodeMax);
    const Rights rights = condition.rights;
    if ((rights.last() || rights.last_if_only()) && !rights.high_low())
      return wrong("code {} may open and close a bar and so must count for high and low",
                   condition.code);
    if (i > 0 && conditions[i - 1].code == condition.code)
      return wrong("code {} is named twice", condition.code);
    out.verdicts_[static_cast<size_t>(condition.code)] = {condition.rights, condition.mark};
  }
  out.name_ = std::move(name);
  out.version_ = version;
  out.conditions_ = std::move(conditions);
  return out;
}

Result<ConditionTable> ConditionTable::parse(std::string_view text) {
  if (text == kNone) return ConditionTable();
  if (text.size() > kTextBytesMax)
    return wrong("its text has {} bytes, more than {}", text.size(), kTextBytesMax);
  std::string_view rest = text;
  const std::string_view name = take(rest, ' ');
  const auto version = whole(take(rest, ' '));
  if (!version) return wrong("it must begin like 'finnhub 1', or be '{}'", kNone);
  std::vector<Condition> conditions;
  while (!rest.empty()) {
    auto condition = parse_condition(take(rest, ' '));
    if (!condition) return condition.error();
    conditions.push_back(condition.value());
  }
  auto made = make(std::string(name), *version, std::move(conditions));
  // One table, one text: what is spelt or ordered differently is refused.
  if (made && made.value().text() != text)
    return wrong("its text is not in the usual form: codes ascend, no space at the end");
  return made;
}

std::string ConditionTable::text() const {
  if (name_.empty()) return std::string(kNone);
  std::string out = fmt::format("{} {}", name_, version_);
  for (const Condition& condition : conditions_) out += " " + text_of(condition);
  return out;
}

std::optional<std::string_view> condition_name(std::string_view code) {
  for (const ConditionName& known : condition_names())
    if (fmt::format_int(known.code).str() == code) return known.name;
  return std::nullopt;
}

std::string in_words(const Verdict& verdict) {
  std::string out;
  const auto say = [&](std::string_view words) {
    if (!out.empty()) out += ", ";
    out += words;
  };
  if (verdict.rights.last_if_only()) {
    say("open and close only as the first or only trade of its day");
  } else if (!verdict.rights.last()) {
    say("no open or close");
  }
  if (!verdict.rights.high_low()) say("no high or low");
  if (!verdict.rights.volume()) say("no volume");
  if (verdict.mark == SessionMark::extended) say("of extended hours");
  if (verdict.mark == SessionMark::closing) say("of the regular session's end");
  return out;
}

}  // namespace tapeline::model
