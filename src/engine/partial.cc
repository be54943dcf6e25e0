#include "engine/partial.h"

#include <bitset>
#include <string_view>

#include "base/mutant.h"

namespace tapeline::engine {
namespace {

bool less(const model::Decimal& a, const model::Decimal& b) {
  if (a.scale == b.scale) [[likely]]
    return a.mantissa < b.mantissa;
  return model::compare(a, b) < 0;
}

}  // namespace

void PricePath::add(const RecordKey& key, const model::Decimal& price, const KeyOrder& order) {
  if (count++ == 0) {
    first = last = key;
    open = close = high = low = price;
    return;
  }
  if (order.less(key, first)) first = key, open = price;
  if (order.less(last, key)) last = key, close = price;
  if (less(high, price)) high = price;
  if (less(price, low)) low = price;
}

void PricePath::merge(const PricePath& other, const KeyOrder& order) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  count += other.count;
  if (order.less(other.first, first) && !mutated(Mutant::open_by_arrival))
    first = other.first, open = other.open;
  if (order.less(last, other.last)) last = other.last, close = other.close;
  if (less(high, other.high)) high = other.high;
  if (less(other.low, low)) low = other.low;
}

void Eligible::range(const model::Decimal& greatest, const model::Decimal& least, int64_t trades) {
  if (trades == 0) return;
  if (ranged == 0) high = greatest, low = least;
  ranged += trades;
  if (less(high, greatest)) high = greatest;
  if (less(least, low)) low = least;
}

void Eligible::exclude(const codec::TradeView& record, const Judgement& judged) {
  ++excluded;
  if (judged.table == nullptr) return;
  std::bitset<model::ConditionTable::kCodeMax + 1> counted;
  record.conditions.for_each([&](std::string_view code) {
    const int taker = judged.table->taker(code, judged.misplaced);
    if (taker == 0 || counted[static_cast<size_t>(taker)]) return;
    counted.set(static_cast<size_t>(taker));
    model::count_excluded(excluded_by, taker, 1);
  });
}

void Eligible::add(const codec::TradeView& record, const RecordKey& key, const Judgement& judged,
                   const KeyOrder& order) {
  const model::Rights rights = judged.rights;
  if (!rights.all()) exclude(record, judged);
  if (rights != model::Rights(0)) ++count;
  if (rights.last()) last.add(key, record.price, order);
  if (rights.last_if_only() && (!has_candidate || order.less(key, candidate))) {
    has_candidate = true;
    candidate = key;
    candidate_price = record.price;
  }
  if (rights.high_low()) range(record.price, record.price, 1);
  if (!rights.volume()) return;
  volume.add(record.volume);
  notional.add_product(record.price, record.volume);
}

void Eligible::merge(const Eligible& other, const KeyOrder& order) {
  count += other.count;
  excluded += other.excluded;
  for (const model::ExcludedBy& one : other.excluded_by)
    model::count_excluded(excluded_by, one.code, one.count);
  last.merge(other.last, order);
  range(other.high, other.low, other.ranged);
  volume.merge(other.volume);
  notional.merge(other.notional);
  if (!other.has_candidate || (has_candidate && order.less(candidate, other.candidate))) return;
  has_candidate = true;
  candidate = other.candidate;
  candidate_price = other.candidate_price;
}

Eligible Partial::what_is_eligible() const {
  if (eligible) return *eligible;
  Eligible out;
  out.count = out.ranged = trades.count;
  out.last = trades;
  out.high = trades.high;
  out.low = trades.low;
  out.volume = volume;
  out.notional = notional;
  return out;
}

void Partial::add(const codec::TradeView& record, const RecordKey& key, const KeyOrder& order,
                  const Judgement& judged) {
  suspects += (record.flags & model::kRepeated) != 0;
  if (record.is_price_update()) {
    updates.add(key, record.price, order);
    return;
  }
  if (!judged.rights.all() && !eligible) [[unlikely]]
    eligible.put(what_is_eligible());
  if (eligible) eligible->add(record, key, judged, order);
  if (mutated(Mutant::equal_trades_dropped) && trades.count > 0 &&
      trades.last.event_ms == key.event_ms && trades.close == record.price)
    return;
  const bool forgotten =
      mutated(Mutant::notional_of_last) && trades.count > 0 && order.less(trades.last, key);
  trades.add(key, record.price, order);
  volume.add(record.volume);
  if (!forgotten) notional.add_product(record.price, record.volume);
}

void Partial::merge(const Partial& other, const KeyOrder& order) {
  if (other.eligible && !eligible && !mutated(Mutant::eligible_not_merged))
    eligible.put(what_is_eligible());
  if (eligible) eligible->merge(other.what_is_eligible(), order);
  trades.merge(other.trades, order);
  volume.merge(other.volume);
  notional.merge(other.notional);
  updates.merge(other.updates, order);
  suspects += other.suspects;
}

}  // namespace tapeline::engine
