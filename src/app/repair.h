#pragma once

#include <cstddef>

#include "app/config.h"
#include "app/registry.h"
#include "base/metrics.h"

namespace tapeline::app {

/// Makes damaged bars anew from the log. What the log no longer holds is sealed: its cells stay,
/// with the gap flag, and nothing is merged into it any more (engine/row.h). Returns how many there
/// were. The tape must have no pipeline. `corrupt` when there are more than kDamagedBarsMax.
Result<size_t> repair_damaged_bars(Tape& tape, const Config& config, FileSystem& files,
                                   const Clock& clock, metrics::Registry& metrics);

}  // namespace tapeline::app
