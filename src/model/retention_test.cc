#include "model/retention.h"

#include <gtest/gtest.h>

namespace tapeline::model {
namespace {

using Range = EventRanges::Range;

EventTime at(int64_t ms) {
  return EventTime(std::chrono::milliseconds(ms));
}

TEST(EventRanges, HoldBothEndsAndBecomeOneWhereTheyMeet) {
  EventRanges ranges;
  ranges.add({at(100), at(200)});
  ranges.add({at(400), at(500)});
  ranges.add({at(20), at(10)});
  EXPECT_EQ(ranges.all(), (std::vector<Range>{{at(100), at(200)}, {at(400), at(500)}}));
  EXPECT_TRUE(ranges.contains(at(100)) && ranges.contains(at(200)));
  EXPECT_FALSE(ranges.contains(at(99)) || ranges.contains(at(201)));
  EXPECT_TRUE(ranges.reach_into(at(200), at(300)));
  EXPECT_FALSE(ranges.reach_into(at(201), at(400)));
  ranges.add({at(200), at(400)});
  EXPECT_EQ(ranges.all(), (std::vector<Range>{{at(100), at(500)}}));
}

TEST(EventRanges, BecomeOneOverAHoleThatIsNoLargerThanAllowed) {
  constexpr std::chrono::milliseconds kHoleMax{100};
  EventRanges ranges;
  ranges.add({at(1'000), at(1'000)}, kHoleMax);
  ranges.add({at(1'100), at(1'110)}, kHoleMax);
  ranges.add({at(1'211), at(1'220)}, kHoleMax);
  ranges.add({at(0), at(0)}, kHoleMax);
  ranges.add({at(1'005), at(1'006)}, kHoleMax);
  EXPECT_EQ(ranges.all(),
            (std::vector<Range>{{at(0), at(0)}, {at(1'000), at(1'110)}, {at(1'211), at(1'220)}}));
  ranges.add({at(1'111), at(1'111)}, kHoleMax);
  EXPECT_EQ(ranges.all(), (std::vector<Range>{{at(0), at(0)}, {at(1'000), at(1'220)}}));
  ranges.add({at(-5'000), at(900)}, kHoleMax);
  EXPECT_EQ(ranges.all(), (std::vector<Range>{{at(-5'000), at(1'220)}}));
}

TEST(EventRanges, BeyondTheirNumberTheNearestBecomeOneAndNothingIsForgotten) {
  EventRanges ranges;
  const auto max = static_cast<int64_t>(EventRanges::kMax);
  for (int64_t i = 0; i <= max; ++i) ranges.add({at(i * i * 1'000), at(i * i * 1'000 + 10)});
  EXPECT_EQ(ranges.all().size(), EventRanges::kMax);
  EXPECT_EQ(ranges.all().front(), (Range{at(0), at(1'010)}));
  for (int64_t i = 0; i <= max; ++i) EXPECT_TRUE(ranges.contains(at(i * i * 1'000 + 5))) << i;
}

TEST(RetentionCut, SurvivesTheWayThroughItsRecords) {
  RetentionCut cut{Position(3, 1'421), {}};
  cut.removed["AAPL"].add({at(5), at(9)});
  cut.removed["X:A"].add({at(0), at(0)});
  cut.removed["AAPL"].add({at(70), at(80)});
  const std::vector<Control> controls = to_controls(cut);
  ASSERT_EQ(controls.size(), 4U);
  EXPECT_EQ(controls[0].symbol, "AAPL");
  EXPECT_EQ(removed_by(controls[0]), (Range{at(5), at(9)}));
  EXPECT_EQ(controls[1].symbol, "AAPL");
  EXPECT_EQ(removed_by(controls[1]), (Range{at(70), at(80)}));
  EXPECT_EQ(removed_by(controls[2]), (Range{at(0), at(0)}));
  EXPECT_EQ(controls[3].detail, "before 3:1421");
  EXPECT_EQ(cut_before(controls[3]), Position(3, 1'421));
  EXPECT_FALSE(removed_by(controls[3]));
  EXPECT_FALSE(cut_before(controls[0]));
}

TEST(RetentionCut, OfHostileRecordsSaysNothing) {
  for (const char* detail : {"", "before", "before 1", "before 1:", "before 1:2:", "before -1:2",
                             "before 99999:2", "before 1:99999999999999999999", "after 1:2"}) {
    Control control;
    control.detail = detail;
    EXPECT_FALSE(cut_before(control)) << detail;
  }
  Control control;
  control.symbol = "A";
  control.from = IngestTime(at(2));
  control.to = IngestTime(at(1));
  EXPECT_FALSE(removed_by(control)) << "it ends before it begins";
}

}  // namespace
}  // namespace tapeline::model
