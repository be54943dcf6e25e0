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

/// Snapshots at the heads of batches, where those of segments stand.
enum class SnapshotsWanted {
  newest_first,  ///< Any: for a store with bars, which take only what lies beyond their `through`.
  without_hole,  ///< Those that no missing record follows, oldest first: for an empty store.
};
/// At most kSnapshotsMax of them, none of a position beyond `till`. Fails when a file cannot be
/// read; damage is passed over.
Result<std::vector<store::Checkpoint>> read_snapshots(log::Source& log, SnapshotsWanted wanted,
                                                      Position till);
inline constexpr size_t kSnapshotsMax = 8;

/// Reads from `from` to the present end. Fails when a file cannot be read; damage is no failure.
Result<LogScan> scan_log(log::Source& log, Position from);

}  // namespace tapeline::app
