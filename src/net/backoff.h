#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/random.h"

namespace tapeline::net {

/// How long to wait before the next attempt: exponential with a cap and full jitter (a uniform
/// part of the step), so that many clients do not return at once. Pure: no timers; chance and
/// time are passed in. One owner.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds first{1'000};    ///< Greatest wait after one failure.
    std::chrono::milliseconds cap{60'000};     ///< Greatest wait at all, floor and jitter aside.
    std::chrono::milliseconds least{250};      ///< No wait is shorter.
    std::chrono::milliseconds floor{30'000};   ///< Least wait after `refused` (401, 429).
    std::chrono::milliseconds stable{60'000};  ///< A connection this long resets the count.
    std::chrono::milliseconds ask_max{3'600'000};  ///< A longer Retry-After counts as this.
  };

  Backoff(const Options& options, Random& random) : options_(options), random_(random) {}

  /// The connection was made.
  void connected(BootTime now) { connected_at_ = now; }

  /// It failed or ended: how long to wait. `refused` with 401 or 429: at least the floor, or what
  /// the server asked for.
  std::chrono::milliseconds failed(BootTime now);
  std::chrono::milliseconds refused(BootTime now,
                                    std::optional<std::chrono::milliseconds> retry_after);

  /// Failures since the last stable connection.
  int failures() const { return failures_; }

 private:
  std::chrono::milliseconds next_step(BootTime now);

  const Options options_;
  Random& random_;
  int failures_ = 0;
  std::optional<BootTime> connected_at_;
};

}  // namespace tapeline::net
