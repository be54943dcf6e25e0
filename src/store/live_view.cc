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

std::vector<model::Bar> LiveView::newer(const BarQuery& query) const {
  std::vector<model::Bar> found;
  if (!query.interval || query.from >= query.to) return found;
  const ByStart* by_start = series(query.symbol, *query.interval, query.basis);
  // `eligible` is kept only where it differs from `all`.
  const bool eligible = query.basis == model::Basis::eligible;
  const ByStart* all =
      eligible ? series(query.symbol, *query.interval, model::Basis::all) : by_start;
  if (all == nullptr) return found;
  const auto last = all->lower_bound(query.to);
  for (auto at = all->lower_bound(query.from); at != last; ++at) {
    model::Bar& bar = found.emplace_back(at->second);
    if (!eligible) continue;
    bar.key.basis = model::Basis::eligible;
    if (by_start == nullptr) continue;
    if (const auto kept = by_start->find(at->first); kept != by_start->end()) bar = kept->second;
  }
  return found;
}

Result<std::vector<model::Bar>> merge(Reader& reader, const BarQuery& query,
                                      const std::vector<model::Bar>& newer) {
  if (query.symbol.empty() || !query.interval)
    return make_error(ErrorCode::invalid, "live view: a query names a symbol and an interval");
  std::vector<model::Bar> merged;
  TAPELINE_TRY(reader.bars(query, [&](const model::Bar& bar) {
    merged.push_back(bar);
    return true;
  }));

  // With a limit the store gave the bars nearest to one end; live bars beyond them at the other
  // end are cut off below, since the limit counts from the same end.
  const auto by_start = [](const model::Bar& a, const model::Bar& b) {
    return a.key.start < b.key.start;
  };
  const auto stored_count = static_cast<ptrdiff_t>(merged.size());
  for (const model::Bar& live : newer) {
    const auto end = merged.begin() + stored_count;
    const auto at = std::lower_bound(merged.begin(), end, live, by_start);
    if (at == end || at->key.start != live.key.start)
      merged.push_back(live);
    else if (live.through >= at->through)
      *at = live;
  }
  std::inplace_merge(merged.begin(), merged.begin() + stored_count, merged.end(), by_start);
  if (query.limit > 0 && merged.size() > query.limit) {
    if (query.newest)
      merged.erase(merged.begin(), merged.end() - static_cast<ptrdiff_t>(query.limit));
    else
      merged.resize(query.limit);
  }
  return merged;
}

}  // namespace tapeline::store
