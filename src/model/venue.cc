#include "model/venue.h"

#include <algorithm>

#include "model/names.h"

namespace tapeline::model {

namespace {

constexpr Names<4> kNames = {"stock", "crypto", "forex", "other"};

/// Finnhub's crypto exchanges, and bitFlyer, whose trades recordings hold.
constexpr std::string_view kCryptoVenues[] = {
    "BINANCE", "BINANCEUS", "BITFINEX", "BITFLYER", "BITMEX", "BITSTAMP", "BITTREX",
    "BYBIT",   "COINBASE",  "GEMINI",   "HITBTC",   "HUOBI",  "KRAKEN",   "KUCOIN",
    "OKEX",    "OKX",       "POLONIEX", "UPBIT",    "ZB",
};

/// Finnhub's forex brokers.
constexpr std::string_view kForexVenues[] = {
    "DUKASCOPY", "FOREX.COM", "FXCM",        "FXPIG",         "FXPRO", "IC MARKETS",
    "ICM",       "OANDA",     "PEPPERSTONE", "PEPPERSTONEUK", "SAXO",
};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, upper, upper);
}

template <size_t count>
bool is_one_of(std::string_view name, const std::string_view (&names)[count]) {
  return std::ranges::any_of(
      names, [&](std::string_view known) { return equal_ignoring_case(name, known); });
}

}  // namespace

std::string_view to_string(VenueClass venue) {
  return name_of(kNames, venue);
}

std::optional<VenueClass> parse_venue_class(std::string_view name) {
  return value_of<VenueClass>(kNames, name);
}

VenueClass venue_class(std::string_view symbol) {
  const size_t colon = symbol.find(':');
  if (colon == std::string_view::npos) return VenueClass::stock;
  const std::string_view venue = symbol.substr(0, colon);
  if (is_one_of(venue, kCryptoVenues)) return VenueClass::crypto;
  if (is_one_of(venue, kForexVenues)) return VenueClass::forex;
  return VenueClass::other;
}

}  // namespace tapeline::model
