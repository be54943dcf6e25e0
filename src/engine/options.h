#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.h"
#include "engine/content.h"

namespace tapeline::engine {

class Events;

/// What the application puts into the log as setting records when it differs from
/// `Engine::settings()`. The engine never reads it from here.
struct ContentOptions {
  std::vector<std::string> intervals = {"1s", "1m", "5m", "1h", "1d"};
  int64_t latency_bound_ms = kLatencyBoundDefaultMs;
  int64_t disorder_ms = kDisorderDefaultMs;
  std::string calendar = "us";         ///< "us": the one built in; "none"; or a file's path.
  std::string calendar_text;           ///< What that file says, as `MarketCalendar::text()`.
  std::string conditions = "finnhub";  ///< "finnhub": the one built in; "none"; or a file's path.
  std::string conditions_text;         ///< What that file says, as `ConditionTable::text()`.
  int64_t closing_grace_ms = 1'000;    ///< How long after its end the regular session takes trades.

  /// "key=value" of each, the `detail` of a setting record.
  std::vector<std::string> details() const;
};

/// How memory is used; never what comes out (law 3).
struct Options {
  int64_t cache_bytes_max = 16 << 20;  ///< Final bars kept in memory for cheap revision. 0: none.
  Events* events = nullptr;  ///< Told what happens; may be absent. Must outlive the engine.
};

/// Files that `calendar` and `conditions` name are read when the setting is given.
void declare(settings::Declarer& declarer, Options& options, ContentOptions& content);

}  // namespace tapeline::engine
