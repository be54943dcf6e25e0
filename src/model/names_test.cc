#include "model/names.h"

#include <gtest/gtest.h>

#include <set>

#include "model/bar.h"
#include "model/control.h"
#include "model/trade.h"

namespace tapeline::model {
namespace {

TEST(Names, OfRejectReasonsAreDistinctAndHaveASentence) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(kLastRejectReason); ++i) {
    const auto reason = static_cast<RejectReason>(i);
    EXPECT_TRUE(names.insert(to_string(reason)).second);
    EXPECT_EQ(reject_reason(to_string(reason)), reason);
    EXPECT_TRUE(sentence(reason).ends_with('.')) << to_string(reason);
  }
  EXPECT_EQ(to_string(RejectReason::duplicate_frame), "duplicate_frame");
  EXPECT_EQ(to_string(RejectReason::time_in_future), "time_in_future");
  EXPECT_EQ(to_string(RejectReason::volume_out_of_range), "volume_out_of_range");
  EXPECT_FALSE(reject_reason("nonsense"));
}

TEST(Names, OfControlsFollowTheirEnum) {
  EXPECT_EQ(to_string(ControlKind::epoch_opened), "epoch_opened");
  EXPECT_EQ(to_string(ControlKind::tick), "tick");
  EXPECT_EQ(to_string(ControlKind::retention_cut), "retention_cut");
  EXPECT_EQ(control_kind("recording_ended"), ControlKind::recording_ended);
  EXPECT_FALSE(control_kind("Tick"));
  EXPECT_EQ(to_string(GapCause::retention), "retention");
  EXPECT_EQ(gap_cause("overload"), GapCause::overload);
  EXPECT_FALSE(gap_cause(""));
}

TEST(Names, OfBarsFollowTheirEnum) {
  EXPECT_EQ(parse_basis("vendor"), Basis::vendor);
  EXPECT_EQ(parse_priced_by("none"), PricedBy::none);
  EXPECT_EQ(parse_coverage_kind("confirmed"), CoverageKind::confirmed);
  EXPECT_EQ(to_string(PricedBy::updates), "updates");
}

TEST(Intervals, AreKnownByNameAndEachAMultipleOfTheOneBefore) {
  int64_t before = 1;
  for (const Interval interval : known_intervals()) {
    EXPECT_EQ(parse_interval(to_text(interval)), interval);
    EXPECT_EQ(interval.ms() % before, 0) << to_text(interval);
    before = interval.ms();
  }
  EXPECT_EQ(parse_interval("1m"), Interval(60'000));
  EXPECT_EQ(to_text(Interval(86'400'000)), "1d");
  EXPECT_FALSE(parse_interval("2m"));
}

}  // namespace
}  // namespace tapeline::model
