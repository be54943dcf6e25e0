#include "base/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace tapeline {
namespace {

using namespace std::chrono_literals;

TEST(BoundedQueue, KeepsTheOrder) {
  BoundedQueue<int> queue(100);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push(i, 10));
  EXPECT_EQ(queue.bytes(), 50U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(BoundedQueue, RefusesWhatDoesNotFitAndLeavesItUntouched) {
  BoundedQueue<std::string> queue(10);
  std::string first = "first";
  std::string second = "second";
  EXPECT_TRUE(queue.try_push(first, 6));
  EXPECT_FALSE(queue.try_push(second, 6));
  EXPECT_EQ(second, "second");
  EXPECT_EQ(queue.pop(), "first");
  EXPECT_TRUE(queue.try_push(second, 6));
}

TEST(BoundedQueue, TakesAnItemLargerThanItsBoundWhenEmpty) {
  BoundedQueue<int> queue(10);
  int large = 1;
  int small = 2;
  EXPECT_TRUE(queue.try_push(large, 1000));
  EXPECT_FALSE(queue.try_push(small, 1));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.try_push(small, 1));
}

TEST(BoundedQueue, AFullOneMakesTheProducerWait) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.push(1, 1));
  std::atomic<bool> entered = false;
  std::thread producer([&] {
    EXPECT_TRUE(queue.push(2, 1));
    entered = true;
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(entered);
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
  producer.join();
  EXPECT_TRUE(entered);
}

TEST(BoundedQueue, ClosingWakesBothSidesAndKeepsWhatIsInside) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.push(1, 1));
  std::thread producer([&] { EXPECT_FALSE(queue.push(2, 1)); });
  std::this_thread::sleep_for(5ms);
  queue.close();
  queue.close();
  producer.join();
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_FALSE(queue.push(3, 1));
}

TEST(BoundedQueue, PopForGivesUp) {
  BoundedQueue<int> queue(1);
  EXPECT_EQ(queue.pop_for(1ms), std::nullopt);
  EXPECT_FALSE(queue.closed());
}

TEST(BoundedQueue, LosesNothingBetweenSeveralThreads) {
  constexpr int kProducers = 3;
  constexpr int kItems = 2000;
  BoundedQueue<int> queue(16);
  std::vector<std::thread> threads;
  std::atomic<int64_t> sum = 0;
  std::atomic<int> count = 0;
  for (int consumer = 0; consumer < 2; ++consumer)
    threads.emplace_back([&] {
      while (auto item = queue.pop()) {
        sum += *item;
        ++count;
      }
    });
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer)
    producers.emplace_back([&] {
      for (int i = 1; i <= kItems; ++i) ASSERT_TRUE(queue.push(i, 1));
    });
  for (auto& thread : producers) thread.join();
  queue.close();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, kProducers * kItems);
  EXPECT_EQ(sum, int64_t{kProducers} * kItems * (kItems + 1) / 2);
}

}  // namespace
}  // namespace tapeline
