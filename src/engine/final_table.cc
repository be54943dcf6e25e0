#include "engine/final_table.h"

#include "base/check.h"
#include "engine/bars.h"

namespace tapeline::engine {
namespace {

constexpr size_t kSlotsFirst = 64;

uint64_t hash_of(const FinalKey& key) {
  uint64_t mixed = static_cast<uint64_t>(key.start_ms) * 0x9E3779B97F4A7C15;
  mixed ^= (static_cast<uint64_t>(key.symbol) << 8) | key.interval;
  mixed *= 0xD6E8FEB86659FD93;
  return mixed ^ (mixed >> 32);
}

FinalKey key_of(const Bar& bar) {
  return {bar.symbol, bar.interval, bar.start_ms};
}

bool is(const Bar& bar, const FinalKey& key) {
  return bar.symbol == key.symbol && bar.interval == key.interval && bar.start_ms == key.start_ms;
}

}  // namespace

FinalTable::FinalTable() : slots_(kSlotsFirst) {}

Bar* FinalTable::find(const FinalKey& key) const {
  const uint64_t hash = hash_of(key);
  for (size_t at = home(hash); slots_[at].bar != nullptr; at = next(at)) {
    if (slots_[at].hash == hash && is(*slots_[at].bar, key)) return slots_[at].bar;
  }
  return nullptr;
}

bool FinalTable::insert(Bar& bar) {
  if (find(key_of(bar)) != nullptr) return false;
  if (size_ * 2 >= slots_.size()) grow();
  put({hash_of(key_of(bar)), &bar});
  ++size_;
  return true;
}

void FinalTable::erase(const Bar& bar) {
  size_t hole = home(hash_of(key_of(bar)));
  while (slots_[hole].bar != &bar) {
    CHECK(slots_[hole].bar != nullptr, "final bar {} is not in the table", bar.start_ms);
    hole = next(hole);
  }
  // Those behind move up, unless that would put them before their home.
  for (size_t at = next(hole); slots_[at].bar != nullptr; at = next(at)) {
    const size_t mask = slots_.size() - 1;
    const size_t from_home = (at - home(slots_[at].hash)) & mask;
    const size_t from_hole = (at - hole) & mask;
    if (from_home < from_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --size_;
}

void FinalTable::put(const Slot& slot) {
  size_t at = home(slot.hash);
  while (slots_[at].bar != nullptr) at = next(at);
  slots_[at] = slot;
}

void FinalTable::grow() {
  std::vector<Slot> before(slots_.size() * 2);
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.bar != nullptr) put(slot);
  }
}

}  // namespace tapeline::engine
