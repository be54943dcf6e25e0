#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/loop.h"

namespace tapeline::test {

/// A loop that runs what is due when a test says so, on a clock that the test moves.
class FakeLoop final : public net::Loop {
 public:
  explicit FakeLoop(WallTime wall = WallTime{}) : clock_(wall) {}

  const Clock& clock() const override { return clock_; }
  void post(std::function<void()> task) override { posted_.push_back(std::move(task)); }
  net::Timer after(std::chrono::microseconds delay, std::function<void()> task) override {
    const Key key{clock_.boot() + delay, next_++};
    timers_->emplace(key, std::move(task));
    return net::Timer(std::make_unique<Handle>(timers_, key));
  }
  void run() override { settle(); }
  void stop() override {}

  /// Runs what is posted and due, and what that posts.
  void settle() {
    for (;;) {
      for (const auto& task : std::exchange(posted_, {})) task();
      const auto first = timers_->begin();
      if (first != timers_->end() && first->first.first <= clock_.boot()) {
        const auto node = timers_->extract(first);
        node.mapped()();
      } else if (posted_.empty()) {
        return;
      }
    }
  }

  /// Moves the clock from timer to timer.
  void advance(std::chrono::microseconds by) {
    const BootTime end = clock_.boot() + by;
    settle();
    while (!timers_->empty() && timers_->begin()->first.first <= end) {
      clock_.advance(timers_->begin()->first.first - clock_.boot());
      settle();
    }
    clock_.advance(end - clock_.boot());
    settle();
  }

 private:
  using Key = std::pair<BootTime, uint64_t>;
  using Timers = std::map<Key, std::function<void()>>;

  class Handle final : public net::Timer::Impl {
   public:
    Handle(std::weak_ptr<Timers> timers, Key key) : timers_(std::move(timers)), key_(key) {}
    ~Handle() override {
      if (const auto timers = timers_.lock()) timers->erase(key_);
    }

   private:
    const std::weak_ptr<Timers> timers_;
    const Key key_;
  };

  ManualClock clock_;
  std::vector<std::function<void()>> posted_;
  std::shared_ptr<Timers> timers_ = std::make_shared<Timers>();
  uint64_t next_ = 0;
};

}  // namespace tapeline::test
