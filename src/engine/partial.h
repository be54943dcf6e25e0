#pragma once

#include <cstdint>
#include <vector>

#include "codec/entry.h"
#include "model/decimal.h"

/// What bars are made of. A partial is the sum of any set of records; merging is commutative and
/// associative, so a bar depends on the set alone (law 4).
namespace tapeline::engine {

using SourceId = uint32_t;
inline constexpr SourceId kNoSource = UINT32_MAX;

/// Where a record stands among others: by event time, then by trade id.
struct RecordKey {
  int64_t event_ms = 0;
  int64_t epoch = 0;
  int64_t sequence = 0;
  SourceId source = kNoSource;
};

/// Orders keys. Ids of sources are given as they come; `ranks` says how their names order.
class KeyOrder {
 public:
  explicit KeyOrder(const std::vector<uint32_t>& ranks) : ranks_(&ranks) {}
  bool less(const RecordKey& a, const RecordKey& b) const {
    if (a.event_ms != b.event_ms) return a.event_ms < b.event_ms;
    if (a.source != b.source) return (*ranks_)[a.source] < (*ranks_)[b.source];
    if (a.epoch != b.epoch) return a.epoch < b.epoch;
    return a.sequence < b.sequence;
  }

 private:
  const std::vector<uint32_t>* ranks_;
};

/// First, last, highest and lowest price of `count` records; the rest means nothing while
/// `count` is zero.
struct PricePath {
  int64_t count = 0;
  RecordKey first, last;
  model::Decimal open, close, high, low;

  void add(const RecordKey& key, const model::Decimal& price, const KeyOrder& order);
  void merge(const PricePath& other, const KeyOrder& order);
};

/// Trades and price updates of one session of one window.
struct Partial {
  PricePath trades;
  model::Sum volume, notional;  ///< Of trades.
  PricePath updates;
  int64_t suspects = 0;  ///< Of all its records: those whose frame repeats an earlier one.

  void add(const codec::TradeView& record, const RecordKey& key, const KeyOrder& order);
  void merge(const Partial& other, const KeyOrder& order);
  int64_t records() const { return trades.count + updates.count; }
};

}  // namespace tapeline::engine
