#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/content.h"

namespace tapeline::engine {

using SymbolId = uint32_t;
struct Bar;

/// What names a bar in memory.
struct FinalKey {
  SymbolId symbol;
  IntervalIndex interval;
  int64_t start_ms;
};

/// Final bars in memory by key. Bars come and go at the rate of the market, mostly without being
/// asked for in between, so a slot holds no more than a pointer and the hash: adding or removing a
/// bar costs one cache miss. Open addressing with linear probing, at most half full.
class FinalTable {
 public:
  FinalTable();

  /// nullptr when there is none.
  Bar* find(const FinalKey& key) const;
  /// False when there is one of that key already.
  bool insert(Bar& bar);
  /// It must be there.
  void erase(const Bar& bar);

  template <typename Each>
  void for_each(Each&& each) const {
    for (const Slot& slot : slots_) {
      if (slot.bar != nullptr) each(*slot.bar);
    }
  }
  size_t size() const { return size_; }
  size_t bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    uint64_t hash = 0;
    Bar* bar = nullptr;
  };
  size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  size_t home(uint64_t hash) const { return hash & (slots_.size() - 1); }
  void put(const Slot& slot);
  void grow();

  std::vector<Slot> slots_;  ///< A power of two.
  size_t size_ = 0;
};

}  // namespace tapeline::engine
