#include "net/backoff.h"

#include <gtest/gtest.h>

namespace tapeline::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class BackoffTest : public ::testing::Test {
 protected:
  /// The greatest of many waits of the n-th failure in a row, over seeds.
  milliseconds greatest_wait(int nth) {
    milliseconds greatest{0};
    for (uint64_t seed = 0; seed < 400; ++seed) {
      Random random(seed);
      Backoff backoff({}, random);
      milliseconds wait{0};
      for (int i = 0; i < nth; ++i) wait = backoff.failed(BootTime(0));
      EXPECT_GE(wait, milliseconds(250));
      greatest = std::max(greatest, wait);
    }
    return greatest;
  }

  Random random_{7};
  Backoff backoff_{{}, random_};
};

TEST_F(BackoffTest, DoublesUpToTheCap) {
  const int64_t steps[] = {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000};
  for (int i = 0; i < 8; ++i) {
    const int64_t greatest = greatest_wait(i + 1).count();
    EXPECT_LE(greatest, steps[i]);
    EXPECT_GT(greatest, steps[i] * 9 / 10);
  }
  EXPECT_LE(greatest_wait(100).count(), 60'000);
}

TEST_F(BackoffTest, WaitsAreSpreadOverTheWholeStep) {
  int below_half = 0;
  for (uint64_t seed = 0; seed < 1'000; ++seed) {
    Random random(seed);
    Backoff backoff({.first = milliseconds(60'000)}, random);
    below_half += backoff.failed(BootTime(0)) < milliseconds(30'000);
  }
  EXPECT_NEAR(below_half, 500, 80);
}

TEST_F(BackoffTest, OnlyAStableConnectionResets) {
  for (int i = 0; i < 5; ++i) (void)backoff_.failed(BootTime(0));
  backoff_.connected(BootTime(0));
  (void)backoff_.failed(seconds(59));
  EXPECT_EQ(backoff_.failures(), 6);
  backoff_.connected(seconds(100));
  EXPECT_LE(backoff_.failed(seconds(160)), milliseconds(1'000));
  EXPECT_EQ(backoff_.failures(), 1);
}

TEST_F(BackoffTest, AFailureWithoutConnectionDoesNotCountOldStability) {
  backoff_.connected(BootTime(0));
  (void)backoff_.failed(seconds(60));
  (void)backoff_.failed(seconds(200));
  EXPECT_EQ(backoff_.failures(), 2);
}

TEST_F(BackoffTest, ARefusalWaitsAtLeastTheFloor) {
  EXPECT_GE(backoff_.refused(BootTime(0), std::nullopt), milliseconds(30'000));
  EXPECT_LE(backoff_.refused(BootTime(0), std::nullopt), milliseconds(32'000));
}

TEST_F(BackoffTest, RetryAfterIsObeyedWithinReason) {
  EXPECT_GE(backoff_.refused(BootTime(0), seconds(120)), seconds(120));
  EXPECT_GE(backoff_.refused(BootTime(0), seconds(5)), seconds(30));
  EXPECT_LE(backoff_.refused(BootTime(0), std::chrono::hours(1'000)), seconds(3'664));
}

}  // namespace
}  // namespace tapeline::net
