// The small ones: clock, chance, position, units, metrics.

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/position.h"
#include "base/random.h"
#include "base/units.h"

namespace tapeline {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, StepsOfTheWallLeaveBootTimeAlone) {
  ManualClock clock(WallTime(1'000s));
  clock.advance(5s);
  EXPECT_EQ(clock.wall(), WallTime(1'005s));
  EXPECT_EQ(clock.boot(), 5s);
  clock.step_wall(-60s);
  EXPECT_EQ(clock.wall(), WallTime(945s));
  EXPECT_EQ(clock.boot(), 5s);
}

TEST(SystemClock, BootTimeNeverStepsBack) {
  auto last = system_clock().boot();
  for (int i = 0; i < 1000; ++i) {
    const auto now = system_clock().boot();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(Random, TheSameSeedGivesTheSameNumbersEverywhere) {
  Random random(42);
  // xoshiro256** seeded by splitmix64(42), as its authors' reference code gives them.
  EXPECT_EQ(random.next(), 1546998764402558742U);
  EXPECT_EQ(random.next(), 6990951692964543102U);
  EXPECT_EQ(random.next(), 12544586762248559009U);
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  Random random(1);
  int seen[7] = {};
  for (int i = 0; i < 7'000; ++i) ++seen[random.below(7)];
  for (const int count : seen) EXPECT_GT(count, 800);
}

TEST(Random, UnitIsInTheHalfOpenInterval) {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
  EXPECT_FALSE(random.chance(0));
  EXPECT_TRUE(random.chance(1));
}

TEST(Position, ComparesByGenerationThenOrdinal) {
  EXPECT_LT(Position(), Position(0, 1));
  EXPECT_LT(Position(0, Position::kOrdinalMax), Position(1, 1));
  const Position last(Position::kGenerationMax, Position::kOrdinalMax);
  EXPECT_GT(last.raw(), 0);
  EXPECT_EQ(last.generation(), Position::kGenerationMax);
  EXPECT_EQ(last.ordinal(), Position::kOrdinalMax);
  EXPECT_EQ(Position(3, 7).plus(2), Position(3, 9));
  EXPECT_EQ(Position::from_raw(Position(3, 7).raw()), Position(3, 7));
}

TEST(PositionDeath, OutOfRangeIsABug) {
  EXPECT_DEATH(Position(Position::kGenerationMax + 1, 1), "kGenerationMax");
}

TEST(Units, ArePowersOfTwo) {
  static_assert(1_KiB == 1024 && 1_MiB == 1024 * 1_KiB && 4_GiB == uint64_t{4096} * 1_MiB);
}

TEST(Metrics, AreFoundAgainByNameAndLabelsAndPrinted) {
  metrics::Registry registry;
  registry.counter("tapeline_test_frames_total", "Frames.", {{"kind", "trade"}}).add(2);
  auto again = registry.counter("tapeline_test_frames_total", "Frames.", {{"kind", "trade"}});
  again.add();
  registry.counter("tapeline_test_frames_total", "Frames.", {{"kind", "ping"}}).add(5);
  registry.gauge("tapeline_test_depth_bytes", "Depth.").set(7);
  registry.histogram("tapeline_test_sync_seconds", "Syncs.", {0.001, 0.01}).observe(0.005);
  EXPECT_EQ(again.value(), 3);
  const std::string text = registry.text();
  for (const auto* line :
       {"tapeline_test_frames_total{kind=\"trade\"} 3\n",
        "tapeline_test_frames_total{kind=\"ping\"} 5\n", "tapeline_test_depth_bytes 7\n",
        "tapeline_test_sync_seconds_bucket{le=\"0.001\"} 0\n",
        "tapeline_test_sync_seconds_bucket{le=\"0.01\"} 1\n",
        "# TYPE tapeline_test_frames_total counter\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
}

}  // namespace
}  // namespace tapeline
