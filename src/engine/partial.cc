#include "engine/partial.h"

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
  if (order.less(other.first, first)) first = other.first, open = other.open;
  if (order.less(last, other.last)) last = other.last, close = other.close;
  if (less(high, other.high)) high = other.high;
  if (less(other.low, low)) low = other.low;
}

void Partial::add(const codec::TradeView& record, const RecordKey& key, const KeyOrder& order) {
  suspects += (record.flags & model::kRepeated) != 0;
  if (record.is_price_update()) {
    updates.add(key, record.price, order);
    return;
  }
  trades.add(key, record.price, order);
  volume.add(record.volume);
  notional.add_product(record.price, record.volume);
}

void Partial::merge(const Partial& other, const KeyOrder& order) {
  trades.merge(other.trades, order);
  volume.merge(other.volume);
  notional.merge(other.notional);
  updates.merge(other.updates, order);
  suspects += other.suspects;
}

}  // namespace tapeline::engine
