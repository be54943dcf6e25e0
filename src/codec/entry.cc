#include "codec/entry.h"

#include <utility>

#include "codec/schema.h"

namespace tapeline::embedded {
extern const std::string_view entry_avsc;
}

namespace tapeline::codec {

namespace {

using avro::kNumberBytesMax;
using avro::put_number;
using avro::put_real;
using avro::put_text;

// The index of the union ["null", X].
constexpr char kAbsent = 0;
constexpr char kPresent = 2;

/// Later times are no times; day arithmetic stays far from overflow.
constexpr int64_t kEventMsMax = kEventTimeMax.time_since_epoch().count();
constexpr int64_t kIngestUsMax = kEventMsMax * 1'000 + 999;

size_t bytes_max(const TradeView& trade) {
  // Two reals, eleven numbers (lengths and counts included), four union indices.
  size_t bytes =
      trade.symbol.size() + trade.source.size() + 2 * sizeof(double) + 11 * kNumberBytesMax + 4;
  trade.conditions.for_each([&](std::string_view name) { bytes += name.size() + kNumberBytesMax; });
  return bytes;
}

char* put_conditions(char* at, const ConditionsView& conditions) {
  if (!conditions.empty()) {
    at = put_number(at, static_cast<int64_t>(conditions.size()));
    conditions.for_each([&](std::string_view name) { at = put_text(at, name); });
  }
  *at++ = 0;  // No further block.
  return at;
}

char* put_trade(char* at, const TradeView& trade) {
  *at++ = kPresent;
  at = put_text(at, trade.symbol);
  at = put_real(at, to_double(trade.price));
  at = put_real(at, to_double(trade.volume));
  at = put_number(at, trade.event_time.time_since_epoch().count());
  at = put_number(at, trade.ingest_time.time_since_epoch().count());
  at = put_conditions(at, trade.conditions);
  at = put_text(at, trade.source);
  at = put_number(at, trade.epoch);
  at = put_number(at, trade.sequence);
  at = put_number(at, trade.frame);
  at = put_number(at, trade.flags);
  *at++ = kAbsent;
  *at++ = kAbsent;
  *at++ = kAbsent;
  return at;
}

std::optional<int64_t> micros(const std::optional<model::IngestTime>& time) {
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

// -------------------------------------------------------------------------------------------------

int64_t take_in_range(avro::Cursor& in, int64_t least, int64_t greatest) {
  const int64_t value = in.number();
  if (value < least || value > greatest) [[unlikely]]
    in.fail();
  return value;
}

model::EventTime take_event_time(avro::Cursor& in) {
  return model::EventTime(std::chrono::milliseconds(take_in_range(in, 0, kEventMsMax)));
}

model::IngestTime take_ingest_time(avro::Cursor& in) {
  return model::IngestTime(std::chrono::microseconds(take_in_range(in, 0, kIngestUsMax)));
}

model::Decimal take_decimal(avro::Cursor& in, int decimals_max, uint8_t& scale_hint) {
  const auto value = model::from_double(in.real(), decimals_max, scale_hint);
  if (!value) [[unlikely]] {
    in.fail();
    return {};
  }
  // Too many decimals cost a division of the mantissa each, too few one of doubles each, which is
  // dearer: so a shorter number now and then (122.1 among 122.09) does not change the hint.
  constexpr int kSlack = 2;
  if (value->scale > scale_hint || value->scale + kSlack < scale_hint)
    scale_hint = static_cast<uint8_t>(value->scale);
  return *value;
}

/// Distinct for most symbols that trade at one time; wrong answers cost time only.
size_t rough_hash(std::string_view symbol) {
  if (symbol.empty()) return 0;
  const size_t middle = static_cast<uint8_t>(symbol[symbol.size() / 2]);
  return static_cast<uint8_t>(symbol.back()) * size_t{7} +
         static_cast<uint8_t>(symbol.front()) * size_t{3} + middle + symbol.size();
}

/// One block, as every writer makes of a short array; with or without its size in bytes.
ConditionsView take_conditions(avro::Cursor& in) {
  int64_t count = in.number();
  if (count == 0) return {};
  if (count < 0) {
    in.number();
    count = count == INT64_MIN ? 0 : -count;
  }
  // Each name takes a byte at least.
  const std::string_view encoded = in.rest();
  if (count <= 0 || static_cast<uint64_t>(count) > encoded.size()) {
    in.fail();
    return {};
  }
  for (int64_t i = 0; i < count; ++i) in.text();
  if (in.number() != 0) in.fail();
  return {encoded, static_cast<uint32_t>(count)};
}

std::optional<model::IngestTime> take_optional_time(avro::Cursor& in) {
  if (!in.present()) return std::nullopt;
  return take_ingest_time(in);
}

void take_control(avro::Cursor& in, model::Control& control) {
  const auto kind = model::control_kind(in.text());
  if (!kind) return in.fail();
  control.kind = *kind;
  control.source = in.text();
  control.epoch = take_in_range(in, 0, INT64_MAX);
  control.ingest_time = take_ingest_time(in);
  if (in.present())
    control.symbol = in.text();
  else
    control.symbol.reset();
  control.from = take_optional_time(in);
  control.to = take_optional_time(in);
  control.lag_ms = in.optional_number();
  control.detail = in.text();
}

void skip_vendor_bar(avro::Cursor& in) {
  in.text();
  take_in_range(in, 1, kEventMsMax);
  take_event_time(in);
  for (int i = 0; i < 5; ++i) in.real();
  in.text();
  take_ingest_time(in);
}

void take_snapshot(avro::Cursor& in, SnapshotView& snapshot) {
  snapshot.as_of = take_in_range(in, 0, INT64_MAX);
  snapshot.state = in.text();
}

}  // namespace

model::Trade TradeView::to_trade() const {
  model::Trade trade{
      .symbol = std::string(symbol),
      .price = price,
      .volume = volume,
      .event_time = event_time,
      .ingest_time = ingest_time,
      .conditions = {},
      .id = {std::string(source), epoch, sequence},
      .frame = frame,
      .flags = flags,
  };
  trade.conditions.reserve(conditions.size());
  conditions.for_each([&](std::string_view name) { trade.conditions.emplace_back(name); });
  return trade;
}

inline void EntryReader::take_trade(avro::Cursor& in, TradeView& trade) {
  trade.symbol = in.text();
  ScaleHints& hints = hints_[rough_hash(trade.symbol) % kHints];
  trade.price = take_decimal(in, model::kPriceDecimalsMax, hints.price);
  trade.volume = take_decimal(in, model::kVolumeDecimalsMax, hints.volume);
  trade.event_time = take_event_time(in);
  trade.ingest_time = take_ingest_time(in);
  trade.conditions = take_conditions(in);
  trade.source = in.text();
  trade.epoch = take_in_range(in, 0, INT64_MAX);
  trade.sequence = take_in_range(in, 0, INT64_MAX);
  trade.frame = take_in_range(in, 0, INT64_MAX);
  trade.flags = static_cast<int32_t>(take_in_range(in, 0, INT32_MAX));
  if (trade.price.mantissa <= 0 || trade.volume.mantissa < 0 || trade.symbol.empty()) [[unlikely]]
    in.fail();
}

EntryReader::Outcome EntryReader::next(EntryView& entry) {
  if (rest_.empty()) return Outcome::finished;
  avro::Cursor in(rest_);
  int members = 0;
  if (in.present()) [[likely]] {
    entry.kind = EntryKind::trade;
    take_trade(in, entry.trade);
    ++members;
  }
  if (in.present()) {
    entry.kind = EntryKind::control;
    take_control(in, entry.control);
    ++members;
  }
  if (in.present()) {
    entry.kind = EntryKind::vendor_bar;
    skip_vendor_bar(in);
    ++members;
  }
  if (in.present()) {
    entry.kind = EntryKind::snapshot;
    take_snapshot(in, entry.snapshot);
    ++members;
  }
  if (!in.ok() || members != 1) [[unlikely]]
    return Outcome::corrupt;
  rest_ = in.rest();
  return Outcome::progressed;
}

void EntryWriter::add(const TradeView& trade) {
  // Encoding into a buffer of the stack and appending it once is what keeps this short: no
  // bookkeeping per field.
  constexpr size_t kUsualBytes = 1024;
  ++count_;
  const size_t room = bytes_max(trade);
  if (room <= kUsualBytes) [[likely]] {
    char buffer[kUsualBytes];
    bytes_.append(buffer, static_cast<size_t>(put_trade(buffer, trade) - buffer));
  } else {
    std::string buffer(room, '\0');
    bytes_.append(buffer.data(),
                  static_cast<size_t>(put_trade(buffer.data(), trade) - buffer.data()));
  }
}

void EntryWriter::add(const model::Control& control) {
  ++count_;
  avro::Appender to(bytes_);
  to.present(false);
  to.present(true);
  to.text(to_string(control.kind));
  to.text(control.source);
  to.number(control.epoch);
  to.number(control.ingest_time.time_since_epoch().count());
  if (to.present(control.symbol.has_value())) to.text(*control.symbol);
  to.optional_number(micros(control.from));
  to.optional_number(micros(control.to));
  to.optional_number(control.lag_ms);
  to.text(control.detail);
  to.present(false);
  to.present(false);
}

void EntryWriter::add(const SnapshotView& snapshot) {
  ++count_;
  avro::Appender to(bytes_);
  to.present(false);
  to.present(false);
  to.present(false);
  to.present(true);
  to.number(snapshot.as_of);
  to.text(snapshot.state);
}

std::string EntryWriter::take() {
  count_ = 0;
  // The next batch is likely to be as large as this one.
  const size_t size = bytes_.size();
  std::string taken = std::exchange(bytes_, {});
  bytes_.reserve(size);
  return taken;
}

std::string_view entry_schema() {
  static const std::string text = minified(embedded::entry_avsc);
  return text;
}

}  // namespace tapeline::codec
