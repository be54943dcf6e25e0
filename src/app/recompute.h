#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/registry.h"
#include "base/metrics.h"
#include "model/bar.h"

/// Bars made anew from the log, beside the store, and put in the place of those that differ. See
/// docs/adr/0007-recompute-under-a-new-generation.md.
namespace tapeline::app {

/// Windows that begin in [from, to), of one symbol or (empty) of all.
struct RecomputeRange {
  std::string symbol;
  model::EventTime from, to;

  bool holds(const model::BarKey& key) const {
    return key.start >= from && key.start < to && (symbol.empty() || symbol == key.symbol);
  }
};

/// One bar of which the store had something else than the log says.
struct BarChange {
  model::BarKey key;
  std::optional<model::Bar> before;  ///< Nothing: it was missing, or `unreadable`.
  std::optional<model::Bar> after;   ///< Nothing: the log does not have it.
  bool unreadable = false;           ///< A row was there whose cells are none of ours.
  bool state = false;                ///< What late trades are merged into was different.
};

struct Recomputed {
  uint64_t bars = 0;               ///< Bars of the ranges, by the log.
  std::vector<BarChange> changes;  ///< In order of key; at most kRecomputeChangesMax.
  Position position;  ///< Of the new generation's record; zero when nothing was written.
};

inline constexpr size_t kRecomputeChangesMax = 250'000;

enum class RecomputeMode {
  compare,  ///< Nothing is changed.
  repair,
};

/// The tape must have no pipeline. Killed at any point, it leaves the store as it was or wholly
/// repaired; in the former case a record in the log makes the next start, or another call, finish
/// it
/// (`unfinished_recomputes`). Errors: `not_found` when retention has removed records of a range,
/// `corrupt` when a part of the log cannot be read or a bar outside the ranges is damaged,
/// `invalid` when more than kRecomputeChangesMax bars would change at once.
Result<Recomputed> recompute(Tape& tape, const Config& config, FileSystem& files,
                             const Clock& clock, metrics::Registry& metrics,
                             std::vector<RecomputeRange> ranges, RecomputeMode mode);

/// Ranges that the log says are recomputed and the store's checkpoint has not reached. A store
/// without bars has none: it is filled from the log as a whole.
Result<std::vector<RecomputeRange>> unfinished_recomputes(Tape& tape);

}  // namespace tapeline::app
