#include "engine/bars.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutant.h"

namespace tapeline::engine {

/// With its entry in the table of final bars.
const size_t Bar::kBytes = sizeof(Bar) + 4 * sizeof(void*);

size_t Bar::bytes() const {
  size_t out = kBytes + more.capacity() * sizeof(more[0]);
  const auto add = [&](const EligibleBox& box) {
    if (box) out += sizeof(Eligible) + box->excluded_by.capacity() * sizeof(model::ExcludedBy);
  };
  add(partial.eligible);
  for (const auto& [other, part] : more) add(part.eligible);
  return out;
}

Partial& Bar::of(model::Session wanted) {
  if (session == wanted) return partial;
  if (partial.records() == 0 && more.empty()) {
    session = wanted;
    return partial;
  }
  for (auto& [other, part] : more) {
    if (other == wanted) return part;
  }
  return more.emplace_back(wanted, Partial{}).second;
}

const Partial* Bar::find(model::Session wanted) const {
  if (session == wanted) return partial.records() == 0 ? nullptr : &partial;
  for (const auto& [other, part] : more) {
    if (other == wanted) return &part;
  }
  return nullptr;
}

bool Bar::restricted() const {
  return partial.eligible || std::any_of(more.begin(), more.end(), [](const auto& part) {
           return bool(part.second.eligible);
         });
}

std::pair<RecordKey, RecordKey> Bar::ends(const KeyOrder& order) const {
  std::pair<RecordKey, RecordKey> out;
  bool empty = true;
  const auto take = [&](const PricePath& path) {
    if (path.count == 0) return;
    if (empty || order.less(path.first, out.first)) out.first = path.first;
    if (empty || order.less(out.second, path.last)) out.second = path.last;
    empty = false;
  };
  take(partial.trades);
  take(partial.updates);
  for (const auto& [other, part] : more) take(part.trades), take(part.updates);
  return out;
}

Bar& BarTable::make(SymbolId symbol, IntervalIndex interval, int64_t start_ms, int64_t end_ms) {
  Bar* bar = nullptr;
  if (free_.empty()) {
    bar = &bars_.emplace_back();
  } else {
    bar = free_.back();
    free_.pop_back();
    *bar = Bar{};
  }
  bar->symbol = symbol;
  bar->interval = interval;
  bar->start_ms = start_ms;
  bar->end_ms = end_ms;
  return *bar;
}

Bar* BarTable::find_final(SymbolId symbol, IntervalIndex interval, int64_t start_ms) {
  Bar* bar = finals_.find({symbol, interval, start_ms});
  if (bar != nullptr && bar->cached) unlink(*bar), link(*bar);
  return bar;
}

void BarTable::keep_final(Bar& bar) {
  const bool added = finals_.insert(bar);
  CHECK(added, "final bar {} of symbol {} is in memory twice", bar.start_ms, bar.symbol);
  settle(bar);
}

void BarTable::touch(Bar& bar, Position position, bool report) {
  bar.changed = position;
  if (bar.cached) unlink(bar);
  if (!bar.dirty) {
    bar.dirty = true;
    dirty_.push_back(&bar);
  }
  if (report && !bar.unreported) {
    bar.unreported = true;
    unreported_.push_back(&bar);
  }
}

void BarTable::clean(Position through) {
  const auto rest = std::partition(dirty_.begin(), dirty_.end(), [&](const Bar* bar) {
    return bar->changed > through && !mutated(Mutant::changed_in_flight);
  });
  for (auto it = rest; it != dirty_.end(); ++it) {
    (*it)->dirty = false;
    settle(**it);
  }
  dirty_.erase(rest, dirty_.end());
}

std::vector<Bar*> BarTable::take_unreported() {
  for (Bar* bar : unreported_) {
    bar->unreported = false;
    settle(*bar);
  }
  return std::exchange(unreported_, {});
}

void BarTable::trim() {
  while (oldest_ != nullptr && cache_bytes_ > static_cast<size_t>(cache_bytes_max_)) drop(*oldest_);
}

/// Puts a final bar that nothing holds back into the cache.
void BarTable::settle(Bar& bar) {
  if (bar.final && !bar.dirty && !bar.unreported && !bar.cached) link(bar);
}

void BarTable::link(Bar& bar) {
  bar.cached = true;
  bar.older = newest_;
  bar.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &bar;
  newest_ = &bar;
  cache_bytes_ += bar.bytes();
}

void BarTable::unlink(Bar& bar) {
  (bar.older != nullptr ? bar.older->newer : oldest_) = bar.newer;
  (bar.newer != nullptr ? bar.newer->older : newest_) = bar.older;
  bar.cached = false;
  cache_bytes_ -= bar.bytes();
}

void BarTable::drop(Bar& bar) {
  unlink(bar);
  finals_.erase(bar);
  bar.more = {};
  free_.push_back(&bar);
}

}  // namespace tapeline::engine
