#include "model/replayed_set.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace tapeline::model {
namespace {

TEST(ReplayedSet, NeighboursBecomeOneRange) {
  ReplayedSet set;
  for (const int64_t sequence : std::initializer_list<int64_t>{5, 7, 6, -3, INT64_MAX, INT64_MIN})
    EXPECT_TRUE(set.add(1, sequence)) << sequence;
  EXPECT_TRUE(set.add(2, 8));
  EXPECT_FALSE(set.add(1, 6));
  const std::vector<ReplayedSet::Range> expected = {
      {1, INT64_MIN, INT64_MIN}, {1, -3, -3}, {1, 5, 7}, {1, INT64_MAX, INT64_MAX}, {2, 8, 8}};
  EXPECT_EQ(set.ranges(), expected);
  EXPECT_TRUE(set.overlaps(1, 7, 100));
  EXPECT_FALSE(set.overlaps(1, 8, 100));
}

TEST(ReplayedSet, RefusesRangesThatItCannotHave) {
  EXPECT_FALSE(ReplayedSet::from_ranges({{1, 5, 4}}));
  EXPECT_FALSE(ReplayedSet::from_ranges({{1, 5, 6}, {1, 7, 8}})) << "they touch";
  EXPECT_FALSE(ReplayedSet::from_ranges({{2, 5, 6}, {1, 8, 9}}));
  EXPECT_FALSE(ReplayedSet::from_ranges({{1, 5, 6}, {1, 6, 9}}));
  EXPECT_TRUE(ReplayedSet::from_ranges({{1, 5, 6}, {1, 8, 9}, {2, 0, 0}}));
}

RC_GTEST_PROP(ReplayedSetProperty, HoldsWhatAPlainSetHolds,
              (const std::vector<std::pair<bool, uint8_t>>& added)) {
  ReplayedSet set;
  std::set<std::pair<int64_t, int64_t>> plain;
  for (const auto& [epoch, sequence] : added)
    RC_ASSERT(set.add(epoch, sequence % 40) == plain.emplace(epoch, sequence % 40).second);
  for (int64_t epoch = 0; epoch < 2; ++epoch)
    for (int64_t sequence = -1; sequence < 41; ++sequence)
      RC_ASSERT(set.contains(epoch, sequence) == plain.contains({epoch, sequence}));
  RC_ASSERT(ReplayedSet::from_ranges(set.ranges()).has_value());
}

}  // namespace
}  // namespace tapeline::model
