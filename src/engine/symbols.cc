#include "engine/symbols.h"

#include <algorithm>
#include <functional>

namespace tapeline::engine {
namespace {

constexpr size_t kSlotsFirst = 64;

}  // namespace

bool SymbolInterval::serves(int64_t start_ms) const {
  return std::any_of(served.rbegin(), served.rend(), [&](const Served& range) {
    return range.from_ms <= start_ms && start_ms <= range.to_ms;
  });
}

void SymbolInterval::serve_also(Served range) {
  const auto meets = [](const Served& a, const Served& b) {
    return a.from_ms <= b.to_ms && b.from_ms <= a.to_ms;
  };
  auto into = std::find_if(served.rbegin(), served.rend(),
                           [&](const Served& other) { return meets(other, range); });
  if (into == served.rend()) {
    const auto at = std::find_if(served.begin(), served.end(), [&](const Served& other) {
      return other.from_ms > range.from_ms;
    });
    served.insert(at, range);
  } else {
    into->from_ms = std::min(into->from_ms, range.from_ms);
    into->to_ms = std::max(into->to_ms, range.to_ms);
  }
  if (served.size() > kServedMax) served.erase(served.begin());
}

Symbol::Symbol(SymbolId id_, std::string_view name_, const model::SessionRules& sessions)
    : id(id_), name(name_), calendar(model::venue_class(name_), sessions) {}

SymbolTable::SymbolTable(const model::SessionRules& sessions)
    : sessions_(sessions), slots_(kSlotsFirst) {}

Symbol* SymbolTable::find(std::string_view name) {
  const size_t hash = std::hash<std::string_view>{}(name);
  for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.symbol == nullptr) return nullptr;
    if (slot.hash == hash && slot.symbol->name == name) return slot.symbol;
  }
}

Symbol& SymbolTable::add(std::string_view name) {
  if (symbols_.size() * 2 >= slots_.size()) grow();
  Symbol& symbol = symbols_.emplace_back(static_cast<SymbolId>(symbols_.size()), name, sessions_);
  const size_t hash = std::hash<std::string_view>{}(name);
  size_t at = hash & (slots_.size() - 1);
  while (slots_[at].symbol != nullptr) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {hash, &symbol};
  return symbol;
}

void SymbolTable::grow() {
  std::vector<Slot> bigger(slots_.size() * 2);
  for (const Slot& slot : slots_) {
    if (slot.symbol == nullptr) continue;
    size_t at = slot.hash & (bigger.size() - 1);
    while (bigger[at].symbol != nullptr) at = (at + 1) & (bigger.size() - 1);
    bigger[at] = slot;
  }
  slots_ = std::move(bigger);
}

}  // namespace tapeline::engine
