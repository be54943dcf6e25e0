#include "simulate/instruments.h"

#include <fmt/format.h>

#include "base/check.h"
#include "model/venue.h"

namespace tapeline::simulate {
namespace {

Instrument stock(std::string symbol, std::string description, int64_t cents) {
  return {.symbol = std::move(symbol),
          .description = std::move(description),
          .kind = InstrumentClass::stock,
          .price_decimals = 4,
          .price_start = cents * 100,
          .volume_typical = 100};
}

Instrument crypto(std::string symbol, std::string description, int decimals, int64_t price,
                  int64_t volume) {
  return {.symbol = std::move(symbol),
          .description = std::move(description),
          .kind = InstrumentClass::crypto,
          .price_decimals = decimals,
          .price_start = price,
          .volume_decimals = 8,
          .volume_typical = volume};
}

Instrument forex(std::string symbol, std::string description, int decimals, int64_t price) {
  return {.symbol = std::move(symbol),
          .description = std::move(description),
          .kind = InstrumentClass::forex,
          .price_decimals = decimals,
          .price_start = price,
          .step_shift = 19};
}

}  // namespace

std::vector<Instrument> default_instruments() {
  return {
      crypto("BINANCE:BTCUSDT", "Binance BTCUSDT", 2, 67'214'50, 1'500'000),
      stock("AAPL", "APPLE INC", 229'87),
      stock("NVDA", "NVIDIA CORP", 138'25),
      stock("TSLA", "TESLA INC", 248'98),
      crypto("BINANCE:ETHUSDT", "Binance ETHUSDT", 2, 2'641'37, 12'000'000),
      stock("AMZN", "AMAZON.COM INC", 188'53),
      stock("MSFT", "MICROSOFT CORP", 417'14),
      forex("OANDA:EUR_USD", "Oanda EUR/USD", 5, 108'462),
      crypto("COINBASE:BTC-USD", "Coinbase BTC/USD", 2, 67'221'04, 900'000),
      stock("META", "META PLATFORMS INC-CLASS A", 573'25),
      stock("AMD", "ADVANCED MICRO DEVICES", 156'23),
      stock("GOOGL", "ALPHABET INC-CL A", 163'42),
      crypto("BINANCE:SOLUSDT", "Binance SOLUSDT", 2, 155'83, 250'000'000),
      stock("SPY", "SPDR S&P 500 ETF TRUST", 579'78),
      forex("IC MARKETS:1", "IC Markets EURUSD", 5, 108'461),
      stock("NFLX", "NETFLIX INC", 722'79),
      stock("JPM", "JPMORGAN CHASE & CO", 222'29),
      forex("OANDA:GBP_USD", "Oanda GBP/USD", 5, 130'627),
      crypto("BINANCE:DOGEBTC", "Binance DOGEBTC", 8, 176, 5'200'000'000'000),
      stock("XOM", "EXXON MOBIL CORP", 120'31),
      stock("BRK.B", "BERKSHIRE HATHAWAY INC-CL B", 461'19),
      forex("OANDA:USD_JPY", "Oanda USD/JPY", 3, 149'132),
      stock("DIS", "WALT DISNEY CO/THE", 94'89),
      stock("KO", "COCA-COLA CO/THE", 70'44),
  };
}

std::vector<Instrument> numbered_instruments(uint32_t count) {
  CHECK(count >= 1 && count <= 1'000'000);
  std::vector<Instrument> made;
  made.reserve(count);
  for (uint32_t i = 1; i <= count; ++i) {
    // Prices between 10 and 509 dollars, spread by a multiplier without common factor.
    const int64_t cents = 1'000 + (int64_t{i} * 7'919) % 49'900;
    made.push_back(
        stock(fmt::format("SYM{:04}", i), fmt::format("SIMULATED COMPANY {}", i), cents));
  }
  return made;
}

InstrumentClass class_of(std::string_view symbol) {
  switch (model::venue_class(symbol)) {
    case model::VenueClass::stock:
      return InstrumentClass::stock;
    case model::VenueClass::forex:
      return InstrumentClass::forex;
    case model::VenueClass::crypto:
    case model::VenueClass::other:
      return InstrumentClass::crypto;
  }
  CHECK(false);
  return InstrumentClass::crypto;
}

std::string_view exchange_of(const Instrument& instrument) {
  const size_t colon = instrument.symbol.find(':');
  if (colon == std::string::npos) return "US";
  return std::string_view(instrument.symbol).substr(0, colon);
}

}  // namespace tapeline::simulate
