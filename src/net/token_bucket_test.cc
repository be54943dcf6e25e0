#include "net/token_bucket.h"

#include <gtest/gtest.h>

namespace tapeline::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TokenBucket, KeepsBothLimits) {
  TokenBucket bucket({{55, seconds(60)}, {25, seconds(1)}});
  BootTime now{0};
  int calls = 0;
  for (; now < seconds(60); now += milliseconds(10)) calls += bucket.take(now) == microseconds(0);
  EXPECT_EQ(calls, 55);
}

TEST(TokenBucket, AllowsNoMoreInAnySecond) {
  TokenBucket bucket({{25, seconds(1)}});
  for (int i = 0; i < 25; ++i) EXPECT_EQ(bucket.take(milliseconds(900)), microseconds(0));
  EXPECT_EQ(bucket.take(milliseconds(1'100)), milliseconds(800));
  EXPECT_EQ(bucket.take(milliseconds(1'899)), milliseconds(1));
  EXPECT_EQ(bucket.take(milliseconds(1'900)), microseconds(0));
}

TEST(TokenBucket, ARefusedCallIsNotCounted) {
  TokenBucket bucket({{1, seconds(1)}});
  EXPECT_EQ(bucket.take(BootTime(0)), microseconds(0));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bucket.take(milliseconds(500)), milliseconds(500));
  EXPECT_EQ(bucket.take(seconds(1)), microseconds(0));
}

TEST(TokenBucket, ABlockHoldsWhateverIsLeft) {
  TokenBucket bucket({{10, seconds(1)}});
  bucket.block_until(seconds(60));
  EXPECT_EQ(bucket.take(seconds(1)), seconds(59));
  EXPECT_EQ(bucket.take(seconds(60)), microseconds(0));
}

}  // namespace
}  // namespace tapeline::net
