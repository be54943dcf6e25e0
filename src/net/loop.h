#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"

/// Networking without knowledge of markets. Callbacks run on the loop's thread, one at a time;
/// objects of this folder are used from there only, except where a function says otherwise. Asio
/// and Beast stay inside net/asio/.
namespace tapeline::net {

/// Cancels its timer when it goes away. Movable.
class Timer {
 public:
  class Impl {
   public:
    virtual ~Impl() = default;
  };
  Timer() = default;
  explicit Timer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void cancel() { impl_.reset(); }
  bool active() const { return impl_ != nullptr; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Timers and turns. The product's loop runs on Asio; a simulation's runs on a clock of its own.
class Loop {
 public:
  virtual ~Loop() = default;

  virtual const Clock& clock() const = 0;

  /// Runs `task` on the loop's thread, later. Thread-safe.
  virtual void post(std::function<void()> task) = 0;

  /// Runs `task` once after `delay` of boot time, unless the timer is cancelled before.
  [[nodiscard]] virtual Timer after(std::chrono::microseconds delay,
                                    std::function<void()> task) = 0;

  /// Runs callbacks until `stop`; returns at once if that came before.
  virtual void run() = 0;
  /// Thread-safe.
  virtual void stop() = 0;
};

/// A loop on Asio with the given clock's wall time.
std::unique_ptr<Loop> make_loop(const Clock& clock);

}  // namespace tapeline::net
