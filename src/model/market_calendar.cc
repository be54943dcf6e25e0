#include "model/market_calendar.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tapeline::model {
namespace {

using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::string_view kNone = "none";
constexpr int kYearMin = 1970;
constexpr int kYearMax = 9999;
constexpr int kVersionMax = 999'999;
constexpr size_t kDayDigits = 4;

template <typename... Args>
Error wrong(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::invalid, "market calendar: {}",
                    fmt::format(format, std::forward<Args>(args)...));
}

/// All of `text` as digits; nothing else, and at most nine of them.
std::optional<int> whole(std::string_view text) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fine = error == std::errc() && end == text.data() + text.size() && text[0] != '-';
  return fine ? std::optional(value) : std::nullopt;
}

/// Takes what stands before `separator`, and the separator.
std::string_view take(std::string_view& rest, char separator) {
  const size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

bool is_weekend(sys_days date) {
  const std::chrono::weekday day(date);
  return day == std::chrono::Saturday || day == std::chrono::Sunday;
}

/// A name stands in one line between spaces.
bool is_name(std::string_view name) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= MarketCalendar::kNameBytesMax && name != kNone &&
         std::ranges::all_of(name, fine);
}

Result<MarketCalendar::Day> parse_day(int of_year, std::string_view text) {
  MarketCalendar::Day out;
  std::string_view digits = text;
  if (digits.ends_with('h')) out.kind = DayKind::half, digits.remove_suffix(1);
  const auto number = digits.size() == kDayDigits ? whole(digits) : std::nullopt;
  if (!number) return wrong("'{}' in {} is no month and day such as 0704 or 1127h", text, of_year);
  const year_month_day date(year(of_year), std::chrono::month(static_cast<unsigned>(*number / 100)),
                            std::chrono::day(static_cast<unsigned>(*number % 100)));
  if (!date.ok()) return wrong("{} has no day {}", of_year, text);
  out.date = date;
  return out;
}

}  // namespace

Result<MarketCalendar> MarketCalendar::make(std::string name, int version, int first_year,
                                            int last_year, std::vector<Day> days) {
  if (!is_name(name))
    return wrong("its name must be of at most {} of a-z, 0-9, - and _, and not '{}'", kNameBytesMax,
                 kNone);
  if (version < 1 || version > kVersionMax)
    return wrong("version {} is not from 1 to {}", version, kVersionMax);
  if (first_year < kYearMin || last_year > kYearMax || first_year > last_year)
    return wrong("years {}-{} are not a range within {}-{}", first_year, last_year, kYearMin,
                 kYearMax);
  std::ranges::sort(days, {}, &Day::date);
  for (size_t i = 0; i < days.size(); ++i) {
    const year_month_day date(days[i].date);
    const int of_year = static_cast<int>(date.year());
    const auto shown = fmt::format("{}-{:02}-{:02}", of_year, static_cast<unsigned>(date.month()),
                                   static_cast<unsigned>(date.day()));
    if (of_year < first_year || of_year > last_year)
      return wrong("{} lies outside its years {}-{}", shown, first_year, last_year);
    if (is_weekend(days[i].date)) return wrong("{} is a Saturday or Sunday", shown);
    if (i > 0 && days[i].date == days[i - 1].date) return wrong("{} is named twice", shown);
    if (days[i].kind == DayKind::full) return wrong("{} is a full day", shown);
  }
  MarketCalendar out;
  out.name_ = std::move(name);
  out.version_ = version;
  out.first_year_ = first_year;
  out.last_year_ = last_year;
  out.days_ = std::move(days);
  return out;
}

Result<MarketCalendar> MarketCalendar::parse(std::string_view text) {
  if (text == kNone) return MarketCalendar();
  if (text.size() > kTextBytesMax)
    return wrong("its text has {} bytes, more than {}", text.size(), kTextBytesMax);
  std::string_view rest = text;
  const std::string_view name = take(rest, ' ');
  const auto version = whole(take(rest, ' '));
  std::string_view range = take(rest, ' ');
  const auto first_year = whole(take(range, '-'));
  const auto last_year = whole(range);
  if (!version || !first_year || !last_year)
    return wrong("it must begin like 'us 1 1998-2028', or be '{}'", kNone);
  std::vector<Day> days;
  while (!rest.empty()) {
    std::string_view list = take(rest, ' ');
    const std::string_view year_text = take(list, ':');
    const auto of_year = whole(year_text);
    if (!of_year || *of_year < kYearMin || *of_year > kYearMax)
      return wrong("'{}' is no year of its list", year_text);
    while (!list.empty()) {
      auto day = parse_day(*of_year, take(list, ','));
      if (!day) return day.error();
      days.push_back(day.value());
    }
  }
  auto made = make(std::string(name), *version, *first_year, *last_year, std::move(days));
  // One calendar, one text: what is spelt or ordered differently is refused.
  if (made && made.value().text() != text)
    return wrong("its text is not in the usual form: years and days ascend, no space at the end");
  return made;
}

std::string MarketCalendar::text() const {
  if (name_.empty()) return std::string(kNone);
  std::string out = fmt::format("{} {} {}-{}", name_, version_, first_year_, last_year_);
  int shown_year = 0;
  for (const Day& day : days_) {
    const year_month_day date(day.date);
    const int of_year = static_cast<int>(date.year());
    out += of_year == shown_year ? "," : fmt::format(" {}:", of_year);
    shown_year = of_year;
    out += fmt::format("{:02}{:02}{}", static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), day.kind == DayKind::half ? "h" : "");
  }
  return out;
}

DayKind MarketCalendar::kind(sys_days date) const {
  if (name_.empty()) return DayKind::full;
  if (is_weekend(date)) return DayKind::closed;
  const auto at = std::ranges::lower_bound(days_, date, {}, &Day::date);
  return at != days_.end() && at->date == date ? at->kind : DayKind::full;
}

}  // namespace tapeline::model
