#include "net/backoff.h"

#include <algorithm>

namespace tapeline::net {

std::chrono::milliseconds Backoff::next_step(BootTime now) {
  if (connected_at_ && now - *connected_at_ >= options_.stable) failures_ = 0;
  connected_at_.reset();
  // Doubling stops once the cap is certainly reached, so that the shift cannot overflow.
  const int doublings = std::min(failures_, 20);
  ++failures_;
  return std::min(options_.first * (int64_t{1} << doublings), options_.cap);
}

std::chrono::milliseconds Backoff::failed(BootTime now) {
  const auto step = next_step(now);
  const auto jittered =
      std::chrono::milliseconds(random_.below(static_cast<uint64_t>(step.count()) + 1));
  return std::max(jittered, options_.least);
}

std::chrono::milliseconds Backoff::refused(BootTime now,
                                           std::optional<std::chrono::milliseconds> retry_after) {
  const auto jittered = failed(now);
  const auto asked = std::min(retry_after.value_or(std::chrono::milliseconds(0)), options_.ask_max);
  return std::max(options_.floor, asked) + jittered;
}

}  // namespace tapeline::net
