#pragma once

#include <cstdint>
#include <string>

namespace tapeline::bench {

inline constexpr int64_t kTradesPerFrame = 5;

/// What is to be replayed. The same spec gives the same bytes.
struct FloodSpec {
  int64_t trades = 10'000'000;  ///< A multiple of kTradesPerFrame.
  uint32_t symbols = 1'000;
  uint64_t seed = 1;
};

/// Where the files of a spec are kept between runs.
struct FloodFiles {
  std::string recording;  ///< Finnhub frames as JSON lines.
  std::string bars;       ///< The export that a correct program gives for 1s, 1m and 5m.
};
FloodFiles files_of(const std::string& folder, const FloodSpec& spec);

/// Makes both files, unless they are there. The bars come from a plain tally made while the trades
/// are generated; it shares no code with the product.
void generate(const FloodFiles& files, const FloodSpec& spec);

}  // namespace tapeline::bench
