#include "engine/partial.h"

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

void Eligible::add(const codec::TradeView& record, const RecordKey& key, model::Rights rights,
                   const KeyOrder& order) {
  if (!rights.all()) ++excluded;
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
                  model::Rights rights) {
  suspects += (record.flags & model::kRepeated) != 0;
  if (record.is_price_update()) {
    updates.add(key, record.price, order);
    return;
  }
  if (!rights.all() && !eligible) [[unlikely]]
    eligible.put(what_is_eligible());
  if (eligible) eligible->add(record, key, rights, order);
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
  if (other.eligible && !eligible) eligible.put(what_is_eligible());
  if (eligible) eligible->merge(other.what_is_eligible(), order);
  trades.merge(other.trades, order);
  volume.merge(other.volume);
  notional.merge(other.notional);
  updates.merge(other.updates, order);
  suspects += other.suspects;
}

}  // namespace tapeline::engine
