#include "base/clock.h"

#include <ctime>

namespace tapeline {
namespace {

class SystemClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }

  BootTime boot() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return BootTime(int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000);
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace tapeline
