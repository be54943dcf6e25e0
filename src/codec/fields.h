#pragma once

#include <optional>
#include <string_view>

#include "codec/entry.h"
#include "model/trade.h"

/// The rules for one trade's fields, whatever format they come in. Each returns the reason when
/// the field is refused.
namespace tapeline::codec {

using Refusal = std::optional<model::RejectReason>;

/// Not empty, at most `bytes_max`, no control characters.
Refusal read_symbol(std::string_view text, size_t bytes_max, TradeView& trade);
/// Positive after rounding. Sets kPriceRounded.
Refusal read_price(std::string_view text, TradeView& trade);
/// Zero or more after rounding. Sets kVolumeRounded.
Refusal read_volume(std::string_view text, TradeView& trade);
/// A whole number of milliseconds without exponent, from 1970 to `latest`.
Refusal read_event_time(std::string_view text, model::EventTime latest, TradeView& trade);

}  // namespace tapeline::codec
