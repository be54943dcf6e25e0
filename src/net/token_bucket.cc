#include "net/token_bucket.h"

#include <algorithm>

#include "base/check.h"

namespace tapeline::net {

TokenBucket::TokenBucket(std::vector<Limit> limits) : limits_(std::move(limits)) {
  for (const Limit& limit : limits_) {
    CHECK(limit.calls > 0 && limit.per.count() > 0);
    kept_max_ = std::max(kept_max_, static_cast<size_t>(limit.calls));
  }
}

std::chrono::microseconds TokenBucket::take(BootTime now) {
  BootTime free_at = std::max(now, blocked_until_);
  for (const Limit& limit : limits_) {
    const auto calls = static_cast<size_t>(limit.calls);
    if (taken_.size() < calls) continue;
    // The call `calls` back must have left the window.
    free_at = std::max(free_at, taken_[taken_.size() - calls] + limit.per);
  }
  if (free_at > now) return free_at - now;
  taken_.push_back(now);
  if (taken_.size() > kept_max_) taken_.pop_front();
  return std::chrono::microseconds(0);
}

void TokenBucket::block_until(BootTime until) {
  blocked_until_ = std::max(blocked_until_, until);
}

}  // namespace tapeline::net
