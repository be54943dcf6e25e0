#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/settings.h"
#include "simulate/misbehaviour.h"

namespace tapeline::simulate {

/// Settings of the simulator, as people write them.
struct Options {
  std::string address = "127.0.0.1";
  int64_t port = 8765;
  std::string certificate_file;
  std::string key_file;
  std::string token;

  std::vector<std::string> recordings;
  std::string speed = "1";
  bool shift_to_now = false;
  int64_t subscription_wait_ms = 2'000;

  std::string rate = "20";
  int64_t symbols = 0;
  int64_t seed = 1;

  int64_t trades_per_frame = 10;
  int64_t symbols_max = 50;
  int64_t ping_interval_s = 60;
  int64_t rest_calls_per_min = 60;
  std::string misbehave;
  std::string ledger_file;
};

void declare(settings::Declarer& declarer, Options& options);

/// What the texts among the options say.
struct ParsedOptions {
  double speed = 1;  ///< Infinity: as fast as the readers take it.
  double rate = 20;  ///< Infinity likewise.
  Misbehaviour misbehaviour;
};

/// `invalid` names every problem at once.
Result<ParsedOptions> parse(const Options& options);

}  // namespace tapeline::simulate
