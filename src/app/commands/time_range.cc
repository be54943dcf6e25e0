#include "app/commands/time_range.h"

#include <fmt/format.h>

#include <cstdio>

#include "model/time.h"

namespace tapeline::app {

std::optional<TimeRange> parse_time_range(const std::string& from, const std::string& to) {
  TimeRange range;
  const auto read = [](const char* name, const std::string& text, model::EventTime& into) {
    if (text.empty()) return true;
    const auto time = model::parse_time(text);
    if (time) {
      into = std::chrono::time_point_cast<std::chrono::milliseconds>(*time);
      return true;
    }
    fmt::print(stderr,
               "tapeline: {} {} is no time: give RFC 3339 such as 2026-11-21T09:30:00Z, a date, or "
               "milliseconds since 1970\n",
               name, text);
    return false;
  };
  if (!read("--from", from, range.from) || !read("--to", to, range.to)) return std::nullopt;
  if (range.to <= range.from) {
    fmt::print(stderr, "tapeline: --to {} must be later than --from {}\n", to, from);
    return std::nullopt;
  }
  return range;
}

}  // namespace tapeline::app
