#include "app/damaged_bars.h"

#include "engine/row.h"

namespace tapeline::app {
namespace {

/// Sealed rows and those of basis `eligible` have no state.
bool is_damaged(const Result<std::optional<store::BarRow>>& row) {
  if (!row) return row.error().code() == ErrorCode::corrupt;
  if (!row.value() || row.value()->state.empty()) return false;
  const auto bars = engine::bars_of_state(*row.value());
  return !bars && bars.error().code() == ErrorCode::corrupt;
}

}  // namespace

Result<std::vector<model::BarKey>> find_damaged_bars(store::Reader& store,
                                                     const std::string& symbol) {
  std::vector<model::BarKey> keys;
  store::BarQuery query;
  query.symbol = symbol;
  TAPELINE_TRY(store.keys(query, [&](const model::BarKey& key) { keys.push_back(key); }));
  std::vector<model::BarKey> damaged;
  for (const model::BarKey& key : keys) {
    if (damaged.size() > kDamagedBarsMax) break;
    const auto row = store.row(key);
    if (is_damaged(row))
      damaged.push_back(key);
    else if (!row)
      return row.error();
  }
  return damaged;
}

}  // namespace tapeline::app
