#include "engine/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "model/bar.h"
#include "model/files/calendar_file.h"
#include "model/files/condition_file.h"
#include "model/files/toml_reader.h"

namespace tapeline::engine {
namespace {

/// What is wrong with the names; empty when nothing is.
std::string wrong_intervals(const std::vector<std::string>& names) {
  std::string known;
  for (const model::Interval interval : model::known_intervals())
    known += fmt::format("{}{}", known.empty() ? "" : ", ", model::to_text(interval));
  if (names.empty()) return fmt::format("must name at least one of {}", known);
  for (const std::string& name : names)
    if (!model::parse_interval(name))
      return fmt::format("'{}' is not a known length; known are {}", name, known);
  return {};
}

constexpr std::string_view kRuleFileEnd = ".toml";

bool is_rule_file(std::string_view name) {
  return name.ends_with(kRuleFileEnd);
}

Result<std::string> calendar_of(std::string_view toml, std::string_view name) {
  auto calendar = model::parse_calendar_file(toml, name);
  if (!calendar) return calendar.error();
  return calendar.value().text();
}

Result<std::string> conditions_of(std::string_view toml, std::string_view name) {
  auto file = model::parse_condition_file(toml, name);
  if (!file) return file.error();
  return file.value().table.text();
}

/// Reads the file that the setting names into `text`. What is wrong with the setting; empty when
/// nothing is.
template <typename Parse>
std::string read_rules(const std::string& setting, std::string_view built_in, std::string& text,
                       const Parse& parse) {
  text.clear();
  if (setting == built_in || setting == "none") return {};
  if (!is_rule_file(setting))
    return fmt::format("must be {}, none, or the path of a file that ends in {}", built_in,
                       kRuleFileEnd);
  const auto toml = posix_file_system().read_all(setting, model::TomlFile::kBytesMax);
  if (!toml) return fmt::format("cannot be read: {}", toml.error().message());
  auto parsed = parse(toml.value(), setting);
  if (!parsed) return parsed.error().message();
  text = std::move(parsed).value();
  return {};
}

}  // namespace

std::vector<std::string> ContentOptions::details() const {
  const std::string days = is_rule_file(calendar) ? calendar_text
                           : calendar == "us"     ? model::us_calendar().text()
                                                  : calendar;
  const std::string table = is_rule_file(conditions)  ? conditions_text
                            : conditions == "finnhub" ? model::finnhub_conditions().text()
                                                      : conditions;
  return {fmt::format("{}={}", kCalendarKey, days),
          fmt::format("{}={}", kClosingGraceKey, closing_grace_ms),
          fmt::format("{}={}", kConditionsKey, table),
          fmt::format("{}={}", kDisorderKey, disorder_ms),
          fmt::format("{}={}", kIntervalsKey, fmt::join(intervals, ",")),
          fmt::format("{}={}", kLatencyBoundKey, latency_bound_ms)};
}

void declare(settings::Declarer& declarer, Options& options, ContentOptions& content) {
  declarer.section("engine", "Bars from the log.");
  declarer.list("intervals", content.intervals,
                "Lengths of bars, out of 1s, 5s, 15s, 1m, 5m, 15m, 30m, 1h, 4h, 1d. One added "
                "later begins with its next full window.");
  declarer.refine("engine.intervals", [&content] { return wrong_intervals(content.intervals); });
  declarer.integer("latency_bound_ms", content.latency_bound_ms, 0, kLatencyBoundMaxMs, "ms",
                   "How long a trade may take to us; silence closes a window that much later.");
  declarer.integer("disorder_ms", content.disorder_ms, 0, kDisorderMaxMs, "ms",
                   "How much older than the newest a trade of its symbol may be without revising "
                   "a final bar.");
  declarer.text(
      "calendar", content.calendar,
      "Holidays and half days of stocks: those of the US market, 1998 to 2028 (us), those "
      "of a file like config/calendar/us.toml (its path), or none: then every day is a "
      "full one, weekends included.");
  declarer.refine("engine.calendar", [&content] {
    return read_rules(content.calendar, "us", content.calendar_text, calendar_of);
  });
  declarer.text("conditions", content.conditions,
                "What the condition codes of a stock's trade say: what it may move in bars of "
                "basis eligible, and which session it is of, whatever the clock says: finnhub, or "
                "the path of a file like config/conditions/finnhub.toml. With none, 24 and 25 are "
                "of extended hours and nothing is restricted.");
  declarer.refine("engine.conditions", [&content] {
    return read_rules(content.conditions, "finnhub", content.conditions_text, conditions_of);
  });
  declarer.integer("closing_grace_ms", content.closing_grace_ms, 0, kClosingGraceMaxMs, "ms",
                   "How long after its end the regular session still takes stock trades, so that "
                   "the closing auction is part of the day. A trade that says that it is of "
                   "extended hours is not taken.");
  declarer.integer("cache_bytes_max", options.cache_bytes_max, 0, int64_t{1} << 36, "bytes",
                   "Memory for final bars, so that late trades need not read the store.");
}

}  // namespace tapeline::engine
