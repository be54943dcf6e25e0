#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tapeline::simulation {

/// What goes wrong. Each seed draws some of them.
enum class Fault {
  delay,
  cut,
  half_open,
  reorder,
  duplicate,
  garbage,
  short_write,
  torn_tail,
  lost_unsynced,
  disk_full,
  bit_flip,
  slow_sync,
  failed_sync,
  freeze,
  killed,
  power_cut,
  lost_checkpoint,
};
inline constexpr size_t kFaults = 17;
std::string_view to_string(Fault fault);

/// How a run went.
struct Report {
  uint64_t seed = 0;
  std::array<int64_t, kFaults> fired{};  ///< By Fault.
  int64_t trades = 0;                    ///< In the log.
  int64_t offered = 0;                   ///< By the feed.
  int64_t bars = 0;                      ///< In the store.
  int64_t symbols = 0;                   ///< Of trades in the log.
  int64_t starts = 0;
  bool tame = false;                    ///< It holds less than every world has.
  uint64_t digest = 0;                  ///< Of log and bars: equal for equal seeds.
  std::vector<std::string> violations;  ///< Of the laws, each with the numbers that show it.

  /// Kinds of fault that came, but for crashes and what they do to files.
  int64_t kinds() const;
  int64_t crashes() const;
};

/// What every world has: a run that holds less shows less than it seems to.
inline constexpr int64_t kTradesLeast = 2'000;
inline constexpr int64_t kSymbolsLeast = 5;
inline constexpr int64_t kKindsLeast = 3;
/// A world that turns out to be tame is drawn anew, so often at most.
inline constexpr uint64_t kDrawsMax = 4;

/// Lets one seed's world run to its end and looks at the laws.
Report simulate(uint64_t seed);

}  // namespace tapeline::simulation
