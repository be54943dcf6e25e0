#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/content.h"
#include "log/log.h"
#include "store/store.h"

namespace tapeline::app {

/// What a reading of the log finds beside trades.
struct LogScan {
  std::vector<engine::Fill> recomputed;  ///< By its `recomputed` records, oldest first.
  std::vector<std::string> settings;     ///< "key=value" of its setting records, oldest first.
  /// The first snapshot whose state no missing record precedes: all behind it can be applied to it.
  std::optional<store::Checkpoint> snapshot;
  std::string damage;  ///< The first thing that cannot be read; empty when all can.
};

/// Reads from `from` to the present end. Fails when a file cannot be read; damage is no failure.
Result<LogScan> scan_log(log::Source& log, Position from);

}  // namespace tapeline::app
