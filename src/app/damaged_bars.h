#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/bar.h"
#include "store/store.h"

/// Stored bars that records cannot be merged into, because their row is damaged.
namespace tapeline::app {

inline constexpr size_t kDamagedBarsMax = 100;

/// At most kDamagedBarsMax + 1 of them; `symbol` empty: of every symbol.
Result<std::vector<model::BarKey>> find_damaged_bars(store::Reader& store,
                                                     const std::string& symbol);

}  // namespace tapeline::app
