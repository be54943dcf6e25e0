#include "model/files/calendar_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/files/toml_reader.h"
#include "model/names.h"

namespace tapeline::embedded {
extern const std::string_view us_calendar_toml;
}  // namespace tapeline::embedded

namespace tapeline::model {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::weekday;
using std::chrono::year;

constexpr Names<7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                "thursday", "friday", "saturday"};
constexpr Names<3> kKinds = {"full", "half", "closed"};
constexpr int kYearMin = 1970;
constexpr int kYearMax = 9999;
constexpr int kEasterDaysMax = 60;

/// Gregorian Easter Sunday, by the method of Meeus, Jones and Butcher.
sys_days easter(int y) {
  const int a = y % 19, b = y / 100, c = y % 100;
  const int g = (8 * b + 13) / 25;
  const int h = (19 * a + b - b / 4 - g + 15) % 30;
  const int l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
  const int m = (a + 11 * h + 19 * l) / 433;
  const int month = (h + l - 7 * m + 90) / 25;
  const int day = (h + l - 7 * m + 33 * month + 19) % 32;
  return std::chrono::year_month_day(year(y), std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day)));
}

struct Rule {
  std::optional<int64_t> easter_days;
  std::chrono::month month{};
  std::chrono::day day{};
  std::optional<weekday> of_weekday;
  int64_t nth = 0;
  int64_t days_after = 0;
  std::optional<std::vector<weekday>> on;
  int64_t saturday_shift = 0;  ///< Days; 0: not kept.
  int64_t sunday_shift = 0;
  int64_t since = kYearMin;
  int64_t until = kYearMax;

  /// Where it falls, moved from a weekend; nothing when it is not kept.
  std::optional<sys_days> date(int of_year) const;
};

std::optional<sys_days> Rule::date(int of_year) const {
  if (of_year < since || of_year > until) return std::nullopt;
  sys_days out;
  if (easter_days) {
    out = easter(of_year) + days(*easter_days);
  } else if (of_weekday && nth > 0) {
    out = year(of_year) / month / (*of_weekday)[static_cast<unsigned>(nth)];
  } else if (of_weekday) {
    out = year(of_year) / month / (*of_weekday)[std::chrono::last];
  } else {
    const std::chrono::year_month_day fixed = year(of_year) / month / day;
    if (!fixed.ok()) return std::nullopt;
    out = fixed;
  }
  out += days(days_after);
  const weekday falls(out);
  if (on && std::find(on->begin(), on->end(), falls) == on->end()) return std::nullopt;
  const bool saturday = falls == std::chrono::Saturday;
  if (saturday || falls == std::chrono::Sunday) {
    const int64_t shift = saturday ? saturday_shift : sunday_shift;
    if (shift == 0) return std::nullopt;
    out += days(shift);
  }
  return out;
}

std::optional<weekday> read_weekday(TomlEntry& entry, std::string_view key) {
  const auto name = entry.text(key);
  if (!name) return std::nullopt;
  for (unsigned i = 0; i < kWeekdays.size(); ++i)
    if (kWeekdays[i] == *name) return weekday(i);
  entry.fail("'{}' is no weekday such as monday", *name);
  return std::nullopt;
}

int64_t read_shift(TomlEntry& entry, std::string_view key, std::string_view only, int64_t shift) {
  const auto kept = entry.text(key);
  if (!kept) return 0;
  if (*kept != only) entry.fail("{} can only be kept on \"{}\"", key, only);
  return shift;
}

Rule read_rule(TomlEntry& entry) {
  Rule rule;
  rule.easter_days = entry.integer("easter", -kEasterDaysMax, kEasterDaysMax);
  rule.of_weekday = read_weekday(entry, "weekday");
  const auto month = entry.integer("month", 1, 12);
  const auto day = entry.integer("day", 1, 31);
  const auto nth = entry.integer("nth", -1, 4);
  const int forms = (rule.easter_days ? 1 : 0) + (rule.of_weekday && nth && month ? 1 : 0) +
                    (day && month ? 1 : 0);
  if (forms != 1) entry.fail("needs easter, or month and day, or month, weekday and nth");
  if (nth && *nth == 0) entry.fail("nth counts from 1; -1 is the last");
  rule.month = std::chrono::month(static_cast<unsigned>(month.value_or(1)));
  rule.day = std::chrono::day(static_cast<unsigned>(day.value_or(1)));
  rule.nth = nth.value_or(0);
  rule.days_after = entry.integer("days_after", -31, 31).value_or(0);
  if (const auto names = entry.texts("on")) {
    rule.on.emplace();
    for (const std::string& name : *names) {
      const auto at = std::find(kWeekdays.begin(), kWeekdays.end(), name);
      if (at == kWeekdays.end()) entry.fail("'{}' is no weekday such as monday", name);
      rule.on->push_back(weekday(static_cast<unsigned>(at - kWeekdays.begin()) % 7));
    }
  }
  rule.saturday_shift = read_shift(entry, "saturday", "friday", -1);
  rule.sunday_shift = read_shift(entry, "sunday", "monday", 1);
  rule.since = entry.integer("since", kYearMin, kYearMax).value_or(kYearMin);
  rule.until = entry.integer("until", kYearMin, kYearMax).value_or(kYearMax);
  entry.text("name");
  entry.finish();
  return rule;
}

using Kinds = std::map<sys_days, DayKind>;

void apply(const Rule& rule, DayKind kind, int first_year, int last_year, Kinds& kinds) {
  for (int y = first_year; y <= last_year; ++y) {
    const auto date = rule.date(y);
    if (!date) continue;
    const auto [at, added] = kinds.try_emplace(*date, kind);
    if (!added && kind == DayKind::closed) at->second = kind;
  }
}

}  // namespace

Result<MarketCalendar> parse_calendar_file(std::string_view toml, std::string_view name) {
  auto file = TomlFile::parse(toml, name);
  if (!file) return file.error();
  TomlFile& in = file.value();
  const std::string calendar = in.root().text("name").value_or("");
  const auto version = in.root().integer("version", 1, 999'999);
  const auto years = in.root().integers("years", kYearMin, kYearMax);
  if (!version || !years || years->size() != 2)
    in.root().fail("needs name, version and years = [first, last]");
  Kinds kinds;
  int first_year = kYearMin;
  int last_year = kYearMin;
  if (years && years->size() == 2) {
    first_year = static_cast<int>(years->front());
    last_year = static_cast<int>(years->back());
  }
  for (TomlEntry& entry : in.entries("holiday"))
    apply(read_rule(entry), DayKind::closed, first_year, last_year, kinds);
  for (TomlEntry& entry : in.entries("half_day"))
    apply(read_rule(entry), DayKind::half, first_year, last_year, kinds);
  for (TomlEntry& entry : in.entries("date")) {
    const auto date = entry.date("date");
    const auto kind = value_of<DayKind>(kKinds, entry.text("kind").value_or(""));
    if (!date || !kind) entry.fail("needs a date, and kind = \"closed\", \"half\" or \"full\"");
    if (date && kind) kinds[*date] = *kind;
    entry.text("name");
    entry.text("source");
    entry.finish();
  }
  TAPELINE_TRY(in.finish());
  std::vector<MarketCalendar::Day> list;
  for (const auto& [date, kind] : kinds)
    if (kind != DayKind::full) list.push_back({date, kind});
  return MarketCalendar::make(calendar, static_cast<int>(*version), first_year, last_year,
                              std::move(list));
}

const MarketCalendar& us_calendar() {
  static const MarketCalendar calendar =
      parse_calendar_file(embedded::us_calendar_toml, "config/calendar/us.toml").value();
  return calendar;
}

}  // namespace tapeline::model
