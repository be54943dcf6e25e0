#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.h"

namespace tapeline::ingest::finnhub {

/// Settings of the feed, live and REST.
struct Options {
  std::string url = "wss://ws.finnhub.io";
  std::string rest_url = "https://finnhub.io/api/v1";
  std::string token;
  std::string ca_file;
  std::vector<std::string> symbols = {"BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "AAPL", "MSFT"};
  bool validate_symbols = false;
  int64_t symbols_max = 50;
  int64_t subscribe_per_second = 20;
  int64_t watchdog_ms = 150'000;
  int64_t frozen_ms = 10'000;
  int64_t connect_timeout_ms = 15'000;
  int64_t message_bytes_max = 4 << 20;
  int64_t backoff_first_ms = 1'000;
  int64_t backoff_max_ms = 60'000;
  int64_t backoff_refused_ms = 30'000;
  int64_t stable_ms = 60'000;
  int64_t refused_retry_ms = 2'700'000;
  int64_t cap_retry_ms = 3'600'000;
  int64_t stale_ms = 600'000;
  int64_t rest_timeout_ms = 10'000;
};

/// Declares the members of `options` in the section "feed".
void declare(settings::Declarer& declarer, Options& options);

}  // namespace tapeline::ingest::finnhub
