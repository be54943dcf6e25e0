#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.h"

namespace tapeline::net {

/// Allows at most so many calls in any stretch of given lengths, for instance 55 in a minute and
/// 25 in a second. Counts real calls in a sliding window, so that no edge lets twice as many
/// through. Pure: time is passed in. One owner.
class TokenBucket {
 public:
  struct Limit {
    int64_t calls;
    std::chrono::milliseconds per;
  };

  explicit TokenBucket(std::vector<Limit> limits);

  /// Zero: the call may be made now and is counted. Otherwise how long to wait; nothing is counted.
  std::chrono::microseconds take(BootTime now);

  /// No call is allowed before `until`, as after a 429.
  void block_until(BootTime until);

 private:
  const std::vector<Limit> limits_;
  std::deque<BootTime> taken_;  ///< Times of the last calls, as many as the largest limit.
  size_t kept_max_ = 0;
  BootTime blocked_until_{0};
};

}  // namespace tapeline::net
