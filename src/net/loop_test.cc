#include "net/loop.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tapeline::net {
namespace {

using std::chrono::milliseconds;

class LoopTest : public ::testing::Test {
 protected:
  std::unique_ptr<Loop> loop_ = make_loop(system_clock());
  std::vector<int> order_;
};

TEST_F(LoopTest, TimersFireInOrderOfTheirTime) {
  Timer second = loop_->after(milliseconds(20), [&] {
    order_.push_back(2);
    loop_->stop();
  });
  Timer first = loop_->after(milliseconds(5), [&] { order_.push_back(1); });
  loop_->run();
  EXPECT_EQ(order_, (std::vector{1, 2}));
}

TEST_F(LoopTest, ATimerDoesNotFireEarly) {
  const BootTime start = system_clock().boot();
  Timer timer = loop_->after(milliseconds(30), [&] { loop_->stop(); });
  loop_->run();
  EXPECT_GE(system_clock().boot() - start, milliseconds(30));
}

TEST_F(LoopTest, ACancelledTimerDoesNotFire) {
  Timer cancelled = loop_->after(milliseconds(5), [&] { order_.push_back(1); });
  Timer stop = loop_->after(milliseconds(15), [&] { loop_->stop(); });
  {
    Timer gone = loop_->after(milliseconds(5), [&] { order_.push_back(2); });
  }
  cancelled.cancel();
  loop_->run();
  EXPECT_TRUE(order_.empty());
}

TEST_F(LoopTest, ATimerMayReplaceItselfWhileItFires) {
  int fired = 0;
  Timer timer;
  std::function<void()> task = [&] {
    if (++fired == 3) return loop_->stop();
    timer = loop_->after(milliseconds(1), task);
  };
  timer = loop_->after(milliseconds(1), task);
  loop_->run();
  EXPECT_EQ(fired, 3);
}

TEST_F(LoopTest, PostsFromAnotherThreadRunInOrder) {
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop_->post([this, i] { order_.push_back(i); });
    loop_->post([&] { loop_->stop(); });
  });
  loop_->run();
  other.join();
  ASSERT_EQ(order_.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order_[static_cast<size_t>(i)], i);
}

TEST_F(LoopTest, ATimerWithNoDelayLetsPostsGoFirst) {
  std::vector<Timer> timers;
  timers.push_back(loop_->after(milliseconds(0), [&] {
    loop_->post([&] { order_.push_back(1); });
    timers.push_back(loop_->after(milliseconds(0), [&] {
      order_.push_back(2);
      loop_->stop();
    }));
  }));
  loop_->run();
  EXPECT_EQ(order_, (std::vector{1, 2}));
}

}  // namespace
}  // namespace tapeline::net
