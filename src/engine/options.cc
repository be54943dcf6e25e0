#include "engine/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/bar.h"

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

}  // namespace

std::vector<std::string> ContentOptions::details() const {
  const std::string days = calendar == "us" ? model::us_calendar().text() : calendar;
  const std::string table =
      conditions == "finnhub" ? model::finnhub_conditions().text() : conditions;
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
  declarer.choice(
      "calendar", content.calendar, {"us", "none"},
      "Holidays and half days of stocks: those of the US market, 1998 to 2028, or none: "
      "then every day is a full one, weekends included.");
  declarer.choice(
      "conditions", content.conditions, {"finnhub", "none"},
      "What the condition codes of a stock's trade say: what it may move in bars of basis "
      "eligible, "
      "and which session it is of, whatever the clock says. With none, 24 and 25 are of extended "
      "hours and nothing is restricted.");
  declarer.integer("closing_grace_ms", content.closing_grace_ms, 0, kClosingGraceMaxMs, "ms",
                   "How long after its end the regular session still takes stock trades, so that "
                   "the closing auction is part of the day. A trade that says that it is of "
                   "extended hours is not taken.");
  declarer.integer("cache_bytes_max", options.cache_bytes_max, 0, int64_t{1} << 36, "bytes",
                   "Memory for final bars, so that late trades need not read the store.");
}

}  // namespace tapeline::engine
