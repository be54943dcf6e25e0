#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/registry.h"
#include "base/metrics.h"
#include "model/bar.h"
#include "store/store.h"

/// Stored bars that records cannot be merged into, because their row is damaged.
namespace tapeline::app {

inline constexpr size_t kDamagedBarsMax = 100;

/// At most kDamagedBarsMax + 1 of them; `symbol` empty: of every symbol.
Result<std::vector<model::BarKey>> find_damaged_bars(store::Reader& store,
                                                     const std::string& symbol);

/// Makes damaged bars anew from the log. What the log no longer holds is sealed: its cells stay,
/// with the gap flag, and nothing is merged into it any more (engine/row.h). Returns how many there
/// were. The tape must have no pipeline. `corrupt` when there are more than kDamagedBarsMax.
Result<size_t> repair_damaged_bars(Tape& tape, const Config& config, FileSystem& files,
                                   const Clock& clock, metrics::Registry& metrics);

}  // namespace tapeline::app
