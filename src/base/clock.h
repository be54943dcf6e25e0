#pragma once

#include <chrono>

namespace tapeline {

/// Microseconds since 1970-01-01T00:00:00Z, UTC, leap seconds not counted.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// Time since boot, suspension included (CLOCK_BOOTTIME): only differences mean something.
using BootTime = std::chrono::duration<int64_t, std::micro>;

/// The only source of time. Passed in everywhere; a simulation passes its own.
/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// The wall clock. May step either way.
  virtual WallTime wall() const = 0;

  /// Never steps back; goes on while the machine is suspended.
  virtual BootTime boot() const = 0;
};

/// The operating system's clocks. Lives as long as the process.
const Clock& system_clock();

/// A clock that stands still until it is told to move. For tests; not thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime{}) : wall_(wall) {}

  WallTime wall() const override { return wall_; }
  BootTime boot() const override { return boot_; }

  /// Both clocks go on together.
  void advance(std::chrono::microseconds by) {
    wall_ += by;
    boot_ += by;
  }
  /// The wall clock alone is set, as by an operator or NTP.
  void step_wall(std::chrono::microseconds by) { wall_ += by; }

 private:
  WallTime wall_;
  BootTime boot_{0};
};

}  // namespace tapeline
