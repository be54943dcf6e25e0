#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "net/loop.h"

namespace tapeline::test {

/// A loop whose time is a ManualClock: nothing happens until a test says so. One thread.
class ManualLoop : public net::Loop {
 public:
  explicit ManualLoop(WallTime wall = WallTime(std::chrono::seconds(1'700'000'000)))
      : clock_(wall) {}

  const Clock& clock() const override { return clock_; }
  ManualClock& manual_clock() { return clock_; }

  void post(std::function<void()> task) override { posted_.push_back(std::move(task)); }

  net::Timer after(std::chrono::microseconds delay, std::function<void()> task) override {
    const Key key{clock_.boot() + delay, ++made_};
    timers_.emplace(key, std::move(task));
    return net::Timer(std::make_unique<Handle>(*this, key));
  }

  void run() override { run_ready(); }
  void stop() override {}

  /// Runs what is posted and what is due, until nothing is.
  void run_ready() {
    for (;;) {
      if (!posted_.empty()) {
        const auto task = std::move(posted_.front());
        posted_.pop_front();
        task();
      } else if (!timers_.empty() && timers_.begin()->first.first <= clock_.boot()) {
        const auto node = timers_.extract(timers_.begin());
        node.mapped()();
      } else {
        return;
      }
    }
  }

  /// Lets time pass, stopping at each timer on the way.
  void advance(std::chrono::microseconds by) {
    run_ready();
    const BootTime end = clock_.boot() + by;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      const BootTime due = timers_.begin()->first.first;
      if (due > clock_.boot()) clock_.advance(due - clock_.boot());
      run_ready();
    }
    clock_.advance(end - clock_.boot());
    run_ready();
  }

  /// Lets time pass with the program standing still: timers of that time are late.
  void freeze(std::chrono::microseconds by) {
    clock_.advance(by);
    run_ready();
  }

  /// When the next timer is due; nothing without one.
  std::optional<BootTime> next_due() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first.first;
  }

  size_t timers() const { return timers_.size(); }

 private:
  using Key = std::pair<BootTime, uint64_t>;

  class Handle : public net::Timer::Impl {
   public:
    Handle(ManualLoop& loop, Key key) : loop_(loop), key_(key) {}
    ~Handle() override { const auto node = loop_.timers_.extract(key_); }

   private:
    ManualLoop& loop_;
    const Key key_;
  };

  ManualClock clock_;
  std::deque<std::function<void()>> posted_;
  std::map<Key, std::function<void()>> timers_;
  uint64_t made_ = 0;
};

}  // namespace tapeline::test
