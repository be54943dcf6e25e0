#include "engine/final_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <map>
#include <tuple>

#include "engine/bars.h"

namespace tapeline::engine {
namespace {

RC_GTEST_PROP(FinalTable, AgreesWithAMap, (const std::vector<std::pair<uint8_t, bool>>& steps)) {
  FinalTable table;
  std::deque<Bar> storage;
  std::map<std::tuple<SymbolId, IntervalIndex, int64_t>, Bar*> map;
  for (const auto& [number, removes] : steps) {
    const FinalKey key{number % 5u, static_cast<IntervalIndex>(number % 3), number / 16 * 1'000};
    Bar*& known = map[{key.symbol, key.interval, key.start_ms}];
    RC_ASSERT(table.find(key) == known);
    if (removes && known != nullptr) {
      table.erase(*known);
      known = nullptr;
    } else if (!removes) {
      Bar& bar = storage.emplace_back();
      bar.symbol = key.symbol;
      bar.interval = key.interval;
      bar.start_ms = key.start_ms;
      const bool added = table.insert(bar);
      RC_ASSERT(added == (known == nullptr));
      if (added) known = &bar;
    }
  }
  size_t count = 0;
  for (const auto& [key, bar] : map) {
    count += bar != nullptr ? 1 : 0;
    RC_ASSERT(table.find({std::get<0>(key), std::get<1>(key), std::get<2>(key)}) == bar);
  }
  RC_ASSERT(table.size() == count);
}

}  // namespace
}  // namespace tapeline::engine
