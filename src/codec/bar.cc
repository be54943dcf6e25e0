#include "codec/bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "codec/avro.h"
#include "codec/schema.h"

namespace tapeline::embedded {
extern const std::string_view bar_avsc;
}

namespace tapeline::codec {

namespace {

using model::Bar;
using model::Decimal;
using model::Int128;
using model::Sum;

constexpr size_t kSumBytesMax = sizeof(Int128);

/// Two's complement, most significant byte first, no more bytes than needed.
void append_sum(avro::Appender& to, const Sum& sum) {
  if (!to.present(sum.units().has_value())) return;
  Int128 units = *sum.units();
  char bytes[kSumBytesMax];
  size_t first = kSumBytesMax;
  bool sign_is_said = false;
  do {
    const auto byte = static_cast<signed char>(units & 0xff);
    bytes[--first] = static_cast<char>(byte);
    units >>= 8;
    sign_is_said = (units == 0 && byte >= 0) || (units == -1 && byte < 0);
  } while (!sign_is_said && first > 0);
  to.text({bytes + first, kSumBytesMax - first});
}

Sum take_sum(avro::Cursor& in) {
  if (!in.present()) return Sum::from_units(std::nullopt);
  const std::string_view bytes = in.text();
  if (bytes.empty() || bytes.size() > kSumBytesMax) {
    in.fail();
    return {};
  }
  Int128 units = static_cast<uint8_t>(bytes[0]) >= 0x80 ? -1 : 0;  // The sign.
  for (const char byte : bytes) units = units * 256 + static_cast<uint8_t>(byte);
  // Outside 38 digits nothing was written by us.
  const Sum sum = Sum::from_units(units);
  if (!sum.units()) in.fail();
  return sum;
}

void append_price(avro::Appender& to, const std::optional<Decimal>& price) {
  if (to.present(price.has_value())) to.real(to_double(*price));
}

std::optional<Decimal> take_price(avro::Cursor& in) {
  if (!in.present()) return std::nullopt;
  const auto price = model::from_double(in.real(), model::kPriceDecimalsMax);
  if (!price) in.fail();
  return price;
}

void append_vwap(avro::Appender& to, const Bar& bar) {
  const std::string text = vwap_text(bar.notional, bar.volume);
  if (!to.present(!text.empty())) return;
  double vwap = 0;
  std::from_chars(text.data(), text.data() + text.size(), vwap);
  to.real(vwap);
}

void append_time(avro::Appender& to, model::EventTime time) {
  to.number(time.time_since_epoch().count());
}

model::EventTime take_time(avro::Cursor& in) {
  return model::EventTime(std::chrono::milliseconds(in.number()));
}

void append_id(avro::Appender& to, const model::TradeId& id) {
  to.text(id.source);
  to.number(id.epoch);
  to.number(id.sequence);
}

model::TradeId take_id(avro::Cursor& in) {
  model::TradeId id;
  id.source = in.text();
  id.epoch = in.number();
  id.sequence = in.number();
  return id;
}

void append_exclusions(avro::Appender& to, const model::Exclusions& exclusions) {
  if (!exclusions.empty()) to.number(static_cast<int64_t>(exclusions.size()));
  for (const model::ExcludedBy& one : exclusions) {
    to.text(std::to_string(one.code));
    to.number(one.count);
  }
  to.number(0);
}

/// A map in blocks, each in any order. Every entry takes two bytes or more.
model::Exclusions take_exclusions(avro::Cursor& in) {
  model::Exclusions out;
  for (int64_t count = in.number(); count != 0; count = in.number()) {
    // Before it stands how many bytes the block has.
    if (count < 0) in.number();
    for (uint64_t left = count < 0 ? 0 - static_cast<uint64_t>(count)
                                   : static_cast<uint64_t>(count);
         left > 0 && in.ok(); --left) {
      const std::string_view code = in.text();
      const int64_t trades = in.number();
      const auto one = model::parse_exclusions(fmt::format("{}:{}", code, trades));
      const bool fine = one && one->size() == 1;
      if (!fine ||
          std::ranges::find(out, one->front().code, &model::ExcludedBy::code) != out.end()) {
        in.fail();
        break;
      }
      model::count_excluded(out, one->front().code, trades);
    }
  }
  return out;
}

template <typename Enum>
void take_name(avro::Cursor& in, std::optional<Enum> (*parse)(std::string_view), Enum& value) {
  if (const auto known = parse(in.text()))
    value = *known;
  else
    in.fail();
}

}  // namespace

void append(std::string& out, const Bar& bar) {
  avro::Appender to(out);
  to.text(bar.key.symbol);
  to.number(bar.key.interval.ms());
  append_time(to, bar.key.start);
  append_time(to, bar.end);
  to.text(to_string(bar.key.basis));
  to.text(to_string(bar.priced_by));
  for (const auto* price : {&bar.open, &bar.high, &bar.low, &bar.close}) append_price(to, *price);
  append_sum(to, bar.volume);
  append_sum(to, bar.notional);
  append_vwap(to, bar);
  to.number(bar.trade_count);
  to.number(bar.price_update_count);
  to.number(bar.excluded_count);
  append_exclusions(to, bar.excluded_by);
  to.number(bar.suspect_duplicate_count);
  to.text(to_string(bar.coverage_kind));
  to.optional_number(bar.coverage_ms);
  to.boolean(bar.gap);
  append_id(to, bar.first_id);
  append_id(to, bar.last_id);
  to.number(bar.revision);
  to.boolean(bar.final);
  to.number(bar.through.raw());
}

std::optional<Bar> take_bar(std::string_view& bytes) {
  avro::Cursor in(bytes);
  Bar bar;
  bar.key.symbol = in.text();
  bar.key.interval = model::Interval(in.number());
  bar.key.start = take_time(in);
  bar.end = take_time(in);
  take_name(in, model::parse_basis, bar.key.basis);
  take_name(in, model::parse_priced_by, bar.priced_by);
  for (auto* price : {&bar.open, &bar.high, &bar.low, &bar.close}) *price = take_price(in);
  bar.volume = take_sum(in);
  bar.notional = take_sum(in);
  if (in.present()) in.real();  // The VWAP follows from the sums.
  bar.trade_count = in.number();
  bar.price_update_count = in.number();
  bar.excluded_count = in.number();
  bar.excluded_by = take_exclusions(in);
  bar.suspect_duplicate_count = in.number();
  take_name(in, model::parse_coverage_kind, bar.coverage_kind);
  bar.coverage_ms = in.optional_number();
  bar.gap = in.boolean();
  bar.first_id = take_id(in);
  bar.last_id = take_id(in);
  bar.revision = in.number();
  bar.final = in.boolean();
  bar.through = Position::from_raw(in.number());
  if (!in.ok()) return std::nullopt;
  bytes = in.rest();
  return bar;
}

std::string_view bar_schema() {
  static const std::string text = minified(embedded::bar_avsc);
  return text;
}

}  // namespace tapeline::codec
