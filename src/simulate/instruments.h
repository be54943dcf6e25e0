#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What can be traded in the simulator, as Finnhub's symbol lists describe it.
namespace tapeline::simulate {

enum class InstrumentClass { stock, crypto, forex };

struct Instrument {
  std::string symbol;
  std::string description;
  InstrumentClass kind = InstrumentClass::stock;

  /// The rest is for the generated market only. Prices and volumes are integers in units of
  /// 10^-decimals.
  int price_decimals = 2;
  int64_t price_start = 0;
  int step_shift = 17;  ///< A price step is about price / 2^(shift - 2).
  int volume_decimals = 0;
  int64_t volume_typical = 0;  ///< Zero: price updates only.
};

/// 24 US stocks, crypto and currency pairs, the most popular first.
std::vector<Instrument> default_instruments();

/// Stocks SYM0001, SYM0002 and so on, for load. `count` is 1 to 1,000,000.
std::vector<Instrument> numbered_instruments(uint32_t count);

/// As model::venue_class; a venue that is not known counts as a crypto exchange.
InstrumentClass class_of(std::string_view symbol);

/// "BINANCE" of "BINANCE:BTCUSDT", "US" of a stock.
std::string_view exchange_of(const Instrument& instrument);

}  // namespace tapeline::simulate
