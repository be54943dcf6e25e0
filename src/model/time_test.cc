#include "model/time.h"

#include <gtest/gtest.h>

namespace tapeline::model {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Time, PrintsTheFullFractionOfItsKind) {
  EXPECT_EQ(time_text(EventTime(milliseconds(1'582'641'000'007))), "2020-02-25T14:30:00.007Z");
  EXPECT_EQ(time_text(IngestTime(microseconds(1'582'641'000'007'001))),
            "2020-02-25T14:30:00.007001Z");
  EXPECT_EQ(time_text(EventTime(milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

TEST(Time, PrintsTheNearestOfTheYearsThatHaveFourDigits) {
  EXPECT_EQ(time_text(EventTime::max()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(time_text(EventTime::min()), "0000-01-01T00:00:00.000Z");
}

TEST(Time, ReadsRfc3339DatesAndMilliseconds) {
  const IngestTime want(milliseconds(1'582'641'000'000));
  for (const char* text :
       {"2020-02-25T14:30:00Z", "2020-02-25 14:30:00.000Z", "2020-02-25T15:30:00+01:00",
        "2020-02-25t09:30:00-05:00", "2020-02-25T14:30Z", "1582641000000"})
    EXPECT_EQ(parse_time(text), want) << text;
  EXPECT_EQ(parse_time("2020-02-25"), IngestTime(milliseconds(1'582'588'800'000)));
  EXPECT_EQ(parse_time("2020-02-25T14:30:00.1234567Z"), want + microseconds(123'456));
  EXPECT_EQ(parse_time("-1"), IngestTime(milliseconds(-1)));
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2020-13-01", "2020-02-30", "2020-02-25T", "2020-02-25T24:00:00Z",
        "2020-02-25T14:30:00", "2020-02-25T14:30:00.Z", "2020-02-25T14:30:00Zx",
        "2020-02-25T14:30:00+1:00", "99999999999999999", "1e3"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(Time, ReadsWhatItPrints) {
  for (const int64_t us : {0L, 1L, -1L, 1'582'641'000'007'001L, 253'402'300'799'999'999L}) {
    const IngestTime time{microseconds(us)};
    EXPECT_EQ(parse_time(time_text(time)), time) << us;
  }
}

}  // namespace
}  // namespace tapeline::model
