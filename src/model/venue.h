#pragma once

#include <optional>
#include <string_view>

namespace tapeline::model {

/// What kind of market a symbol trades on; decides its day and its sessions.
enum class VenueClass { stock, crypto, forex, other };

std::string_view to_string(VenueClass venue);
std::optional<VenueClass> parse_venue_class(std::string_view name);

/// By the symbol's form: without a colon a stock ("AAPL", "BRK.B", "RY.TO"); with one, the venue
/// before it, ASCII case ignored: a crypto exchange ("BINANCE:BTCUSDT"), a forex broker
/// ("OANDA:EUR_USD", "IC MARKETS:1"), or `other`. Once per symbol, not per trade.
VenueClass venue_class(std::string_view symbol);

}  // namespace tapeline::model
