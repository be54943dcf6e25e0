#include "store/live_view.h"

#include <algorithm>
#include <utility>

namespace tapeline::store {

void LiveView::put(const std::vector<model::Bar>& bars) {
  for (const model::Bar& bar : bars) {
    ByStart& by_start = series_[{bar.key.symbol, bar.key.interval, bar.key.basis}];
    const auto [at, fresh] = by_start.try_emplace(bar.key.start, bar);
    size_ += fresh;
    if (!fresh && bar.through >= at->second.through) at->second = bar;
  }
}

void LiveView::stored(Position through) {
  for (auto series = series_.begin(); series != series_.end();) {
    size_ -= std::erase_if(series->second,
                           [&](const auto& entry) { return entry.second.through <= through; });
    series = series->second.empty() ? series_.erase(series) : std::next(series);
  }
}

const model::Bar* LiveView::find(const model::BarKey& key) const {
  const ByStart* by_start = series(key.symbol, key.interval, key.basis);
  if (by_start == nullptr) return nullptr;
  const auto at = by_start->find(key.start);
  return at == by_start->end() ? nullptr : &at->second;
}

const LiveView::ByStart* LiveView::series(const std::string& symbol, model::Interval interval,
                                          model::Basis basis) const {
  const auto at = series_.find({symbol, interval, basis});
  return at == series_.end() ? nullptr : &at->second;
}

Result<std::vector<model::Bar>> LiveView::bars(Reader& reader, const BarQuery& query) const {
  if (query.symbol.empty() || !query.interval)
    return make_error(ErrorCode::invalid, "live view: a query names a symbol and an interval");
  std::vector<model::Bar> merged;
  TAPELINE_TRY(reader.bars(query, [&](const model::Bar& bar) {
    merged.push_back(bar);
    return true;
  }));
  const ByStart* by_start = series(query.symbol, *query.interval, query.basis);
  if (by_start == nullptr || query.from >= query.to) return merged;

  // With a limit the store gave the `limit` bars nearest to one end; a live bar beyond them at the
  // other end would not belong to the answer, and is cut off below.
  const auto by_key_start = [](const model::Bar& a, const model::Bar& b) {
    return a.key.start < b.key.start;
  };
  const auto stored_count = static_cast<ptrdiff_t>(merged.size());
  const auto last = by_start->lower_bound(query.to);
  for (auto live = by_start->lower_bound(query.from); live != last; ++live) {
    const auto end = merged.begin() + stored_count;
    const auto at = std::lower_bound(merged.begin(), end, live->second, by_key_start);
    if (at == end || at->key.start != live->first)
      merged.push_back(live->second);
    else if (live->second.through >= at->through)
      *at = live->second;
  }
  std::inplace_merge(merged.begin(), merged.begin() + stored_count, merged.end(), by_key_start);
  if (query.limit > 0 && merged.size() > query.limit) {
    if (query.newest)
      merged.erase(merged.begin(), merged.end() - static_cast<ptrdiff_t>(query.limit));
    else
      merged.resize(query.limit);
  }
  return merged;
}

}  // namespace tapeline::store
