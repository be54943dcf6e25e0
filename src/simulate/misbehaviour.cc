#include "simulate/misbehaviour.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "base/nearest.h"

namespace tapeline::simulate {
namespace {

constexpr std::string_view kChanceForm = "P or xN";
constexpr std::string_view kTimeForm = "T";
constexpr std::string_view kTimeOrFramesForm = "T or Nf";
constexpr std::string_view kSpellForm = "T/L";

/// In the order of Fault, then of Habit, then `copies`.
constexpr std::array<MisbehaviourHelp, kFaults + kHabits + 1> kHelp = {{
    {"duplicate", kChanceForm, "A trade frame is sent several times in a row."},
    {"disorder", kChanceForm, "A trade frame is sent after up to eight later ones."},
    {"malformed", kChanceForm, "A spoiled copy of a trade frame is sent after it."},
    {"oversized", kChanceForm, "A frame of 5 MiB is sent after a trade frame."},
    {"unknown_type", kChanceForm, "A frame of an unknown type or a news frame is sent."},
    {"error", kChanceForm, "An error frame that names no symbol is sent."},
    {"invalid_symbol", kChanceForm, "A valid subscription is refused with Invalid symbol."},
    {"unauthorized", kChanceForm, "A connection is refused with 401."},
    {"too_many_requests", kChanceForm, "A connection is refused with 429."},
    {"not_upgraded", kChanceForm, "A connection is answered with 200 instead of 101."},
    {"half_open", kChanceForm, "A connection is accepted and nothing is ever sent on it."},
    {"second_connection", kChanceForm, "A second connection with the same token drops both."},
    {"repeat_later", kChanceForm, "A trade frame is sent again among later ones."},
    {"ping", kTimeForm, "A ping is sent, also when the feed is busy."},
    {"pause", kSpellForm, "Every T the feed is frozen for L: pings only, trades are lost."},
    {"silence", kSpellForm, "Every T nothing at all is sent for L, trades are lost."},
    {"burst", kSpellForm, "Every T frames are held back for L and then sent at once."},
    {"disconnect", kTimeOrFramesForm, "A connection is closed with a close frame."},
    {"abort", kTimeOrFramesForm, "A connection is cut without a close frame."},
    {"copies", "N",
     "How often a duplicated or repeated frame is sent in all; 2 to 10, otherwise 3."},
}};

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Chance> to_chance(std::string_view text) {
  if (text.starts_with('x')) {
    const auto first = to_number<uint32_t>(text.substr(1));
    return first ? std::optional(Chance{0, *first}) : std::nullopt;
  }
  const auto probability = to_number<double>(text);
  if (!probability || !(*probability >= 0 && *probability <= 1)) return std::nullopt;
  return Chance{*probability, 0};
}

std::optional<std::chrono::microseconds> to_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 3> kUnits = {
      {{"ms", 1e3}, {"s", 1e6}, {"m", 6e7}}};
  constexpr double kDayUs = 8.64e10;
  for (const auto& [unit, us] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto value = to_number<double>(text.substr(0, text.size() - unit.size()));
    if (!value || !(*value * us >= 1'000 && *value * us <= kDayUs)) return std::nullopt;
    return std::chrono::microseconds(static_cast<int64_t>(*value * us));
  }
  return std::nullopt;
}

std::optional<Schedule> to_schedule(std::string_view text, std::string_view form) {
  Schedule schedule;
  if (form == kTimeOrFramesForm && text.ends_with('f')) {
    const auto frames = to_number<uint64_t>(text.substr(0, text.size() - 1));
    if (!frames || *frames == 0) return std::nullopt;
    schedule.frames = *frames;
    return schedule;
  }
  if (form == kSpellForm) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto length = to_duration(text.substr(slash + 1));
    if (!length) return std::nullopt;
    schedule.length = *length;
    text = text.substr(0, slash);
  }
  const auto every = to_duration(text);
  if (!every) return std::nullopt;
  schedule.every = *every;
  return schedule;
}

std::string_view example(std::string_view form) {
  if (form == kChanceForm) return "must be a probability from 0 to 1, or x3 for the first three";
  if (form == kTimeForm) return "must be a time such as 500ms, 30s or 2m";
  if (form == kTimeOrFramesForm) return "must be a time such as 30s, or frames such as 500f";
  if (form == kSpellForm) return "must be two times such as 60s/10s";
  return "must be a whole number from 2 to 10";
}

/// False when the value does not fit the name.
bool set(Misbehaviour& out, size_t index, std::string_view value) {
  if (index < kFaults) {
    const auto chance = to_chance(value);
    if (chance) out.chances[index] = *chance;
    return chance.has_value();
  }
  if (index < kFaults + kHabits) {
    const auto schedule = to_schedule(value, kHelp[index].value);
    if (schedule) out.schedules[index - kFaults] = *schedule;
    return schedule.has_value();
  }
  const auto copies = to_number<uint32_t>(value);
  if (!copies || *copies < 2 || *copies > 10) return false;
  out.copies = *copies;
  return true;
}

std::string unknown_name(std::string_view name) {
  std::vector<std::string> known;
  for (const MisbehaviourHelp& help : kHelp) known.emplace_back(help.name);
  const std::string nearest = nearest_word(name, known);
  if (!nearest.empty())
    return fmt::format("there is no misbehaviour {}; the nearest is {}", name, nearest);
  return fmt::format("there is no misbehaviour {}; there are {}", name, fmt::join(known, ", "));
}

std::string with_replaced(std::string_view frame, std::string_view member, std::string_view value) {
  const size_t found = frame.find(member);
  if (found == std::string_view::npos) return std::string(frame.substr(0, frame.size() / 2));
  const size_t begin = found + member.size();
  const size_t end = std::min(frame.size(), frame.find_first_of(",}", begin));
  return fmt::format("{}{}{}", frame.substr(0, begin), value, frame.substr(end));
}

}  // namespace

std::span<const MisbehaviourHelp> misbehaviour_help() {
  return kHelp;
}

Result<Misbehaviour> parse_misbehaviour(std::string_view text) {
  Misbehaviour parsed;
  std::vector<std::string> problems;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const size_t equals = std::min(item.size(), item.find('='));
    const std::string_view name = item.substr(0, equals);
    const std::string_view value = item.substr(std::min(item.size(), equals + 1));
    size_t index = 0;
    while (index < kHelp.size() && kHelp[index].name != name) ++index;
    if (index == kHelp.size()) {
      problems.push_back(unknown_name(name));
    } else if (!set(parsed, index, value)) {
      problems.push_back(
          fmt::format("{} {}, not \"{}\"", name, example(kHelp[index].value), value));
    }
  }
  if (problems.empty()) return parsed;
  return make_error(ErrorCode::invalid, "simulate.misbehave: {}", fmt::join(problems, "; "));
}

Faults::Faults(const Misbehaviour& misbehaviour, uint64_t seed)
    : misbehaviour_(misbehaviour), detail_(seed ^ 0xd1b54a32d192ed03) {
  for (uint64_t fault = 0; fault < kFaults; ++fault)
    random_.emplace_back(seed + (fault + 1) * 0x9e3779b97f4a7c15);
}

bool Faults::happens(Fault fault) {
  const Chance& chance = misbehaviour_.of(fault);
  const auto index = static_cast<size_t>(fault);
  if (chance.first > 0) return occasions_[index]++ < chance.first;
  return chance.probability > 0 && random_[index].chance(chance.probability);
}

std::chrono::microseconds Faults::around(std::chrono::microseconds period) {
  return period / 2 +
         std::chrono::microseconds(detail_.below(static_cast<uint64_t>(period.count()) + 1));
}

std::string Faults::spoil(std::string_view frame) {
  // What a feed could send of a broken number, each seen or imaginable in other feeds.
  constexpr std::array<std::string_view, 9> kBadNumbers = {
      "-1", "0", "1e400", "NaN", "01.5", "1.2.3", "\"129.5\"", "null", "1e-300"};
  switch (detail_.below(7)) {
    case 0:
      return std::string(frame.substr(0, detail_.below(frame.size() + 1)));
    case 1:
      return with_replaced(frame, "\"p\":", kBadNumbers[detail_.below(kBadNumbers.size())]);
    case 2:
      return with_replaced(frame, "\"v\":", kBadNumbers[detail_.below(kBadNumbers.size())]);
    case 3:
      return with_replaced(frame, "\"t\":", detail_.below(2) == 0 ? "1e30" : "1515151515151515");
    case 4:
      return with_replaced(frame, "\"s\":", detail_.below(2) == 0 ? "17" : "\"\"");
    case 5: {
      std::string spoiled(frame);
      if (!spoiled.empty()) spoiled[detail_.below(spoiled.size())] = '\xff';
      return spoiled;
    }
    default:
      return R"({"data":{"p":1},"type":"trade"})";
  }
}

}  // namespace tapeline::simulate
