#pragma once

#include <optional>
#include <string>

#include "model/trade.h"

namespace tapeline::app {

/// [from, to) as the options --from and --to give it.
struct TimeRange {
  model::EventTime from = model::EventTime::min();
  model::EventTime to = model::EventTime::max();
};

/// An empty text leaves that end open. Prints what is wrong and gives nothing.
std::optional<TimeRange> parse_time_range(const std::string& from, const std::string& to);

}  // namespace tapeline::app
