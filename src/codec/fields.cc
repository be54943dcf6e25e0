#include "codec/fields.h"

#include <algorithm>

namespace tapeline::codec {

using model::ParsedDecimal;
using model::ParseOutcome;
using model::RejectReason;

Refusal read_symbol(std::string_view text, size_t bytes_max, TradeView& trade) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty() || text.size() > bytes_max || std::ranges::any_of(text, is_control))
    return RejectReason::bad_symbol;
  trade.symbol = text;
  return std::nullopt;
}

Refusal read_price(std::string_view text, TradeView& trade) {
  const ParsedDecimal price = model::parse_decimal(text, model::kPriceDecimalsMax);
  if (price.outcome == ParseOutcome::out_of_range) return RejectReason::price_out_of_range;
  if (price.outcome == ParseOutcome::malformed || price.value.mantissa <= 0)
    return RejectReason::bad_price;
  if (price.outcome == ParseOutcome::rounded) trade.flags |= model::kPriceRounded;
  trade.price = price.value;
  return std::nullopt;
}

Refusal read_volume(std::string_view text, TradeView& trade) {
  const ParsedDecimal volume = model::parse_decimal(text, model::kVolumeDecimalsMax);
  if (volume.outcome == ParseOutcome::out_of_range) return RejectReason::volume_out_of_range;
  if (volume.outcome == ParseOutcome::malformed || volume.value.mantissa < 0)
    return RejectReason::bad_volume;
  if (volume.outcome == ParseOutcome::rounded) trade.flags |= model::kVolumeRounded;
  trade.volume = volume.value;
  return std::nullopt;
}

Refusal read_event_time(std::string_view text, model::EventTime latest, TradeView& trade) {
  // Up to 18 digits fit; a number of more is in the future of every clock.
  constexpr size_t kDigitsMax = 18;
  const bool zero_led = text.size() > 1 && text[0] == '0';
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || zero_led || !std::ranges::all_of(text, is_digit))
    return RejectReason::bad_time;
  if (text.size() > kDigitsMax) return RejectReason::time_in_future;
  int64_t ms = 0;
  for (const char digit : text) ms = ms * 10 + (digit - '0');
  const model::EventTime time{std::chrono::milliseconds(ms)};
  if (time > latest) return RejectReason::time_in_future;
  trade.event_time = time;
  return std::nullopt;
}

}  // namespace tapeline::codec
