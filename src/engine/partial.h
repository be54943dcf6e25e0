#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "codec/entry.h"
#include "model/bar.h"
#include "model/conditions.h"
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

/// What conditions leave a trade. By a table, if there is one, that lives longer.
struct Judgement {
  model::Rights rights;
  const model::ConditionTable* table = nullptr;
  bool misplaced = false;  ///< Of extended hours, among those of the regular session.
};

/// What conditions leave of trades (model::Rights).
struct Eligible {
  int64_t count = 0;              ///< Trades that count for anything.
  int64_t excluded = 0;           ///< Trades from which conditions take something.
  model::Exclusions excluded_by;  ///< The same by condition.
  PricePath last;                 ///< Of trades that open and close; its high and low mean nothing.
  int64_t ranged = 0;  ///< Trades that count for high and low, which mean nothing without.
  model::Decimal high, low;
  model::Sum volume, notional;
  /// The least trade that opens and closes only as the first or only one of its day. Whether it
  /// does is known to the day (Bar::candidate_counts).
  bool has_candidate = false;
  RecordKey candidate;
  model::Decimal candidate_price;

  void add(const codec::TradeView& record, const RecordKey& key, const Judgement& judged,
           const KeyOrder& order);
  void merge(const Eligible& other, const KeyOrder& order);

 private:
  void exclude(const codec::TradeView& record, const Judgement& judged);
  void range(const model::Decimal& greatest, const model::Decimal& least, int64_t trades);
};

/// Holds one or none; copied with it.
class EligibleBox {
 public:
  EligibleBox() = default;
  EligibleBox(const EligibleBox& other) { *this = other; }
  EligibleBox(EligibleBox&&) = default;
  EligibleBox& operator=(const EligibleBox& other) {
    if (this != &other) held_ = other.held_ ? std::make_unique<Eligible>(*other.held_) : nullptr;
    return *this;
  }
  EligibleBox& operator=(EligibleBox&&) = default;
  ~EligibleBox() = default;

  explicit operator bool() const { return held_ != nullptr; }
  Eligible& operator*() const { return *held_; }
  Eligible* operator->() const { return held_.get(); }
  Eligible& put(Eligible value) {
    held_ = std::make_unique<Eligible>(std::move(value));
    return *held_;
  }

 private:
  std::unique_ptr<Eligible> held_;
};

/// Trades and price updates of one session of one window.
struct Partial {
  PricePath trades;
  model::Sum volume, notional;  ///< Of trades.
  PricePath updates;
  int64_t suspects = 0;  ///< Of all its records: those whose frame repeats an earlier one.
  /// Present if and only if conditions take something from a trade of it; without, they leave all.
  EligibleBox eligible;

  void add(const codec::TradeView& record, const RecordKey& key, const KeyOrder& order,
           const Judgement& judged = {});
  void merge(const Partial& other, const KeyOrder& order);
  int64_t records() const { return trades.count + updates.count; }
  /// What conditions leave, whether it is kept or not.
  Eligible what_is_eligible() const;
};

}  // namespace tapeline::engine
