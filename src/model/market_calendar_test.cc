#include "model/market_calendar.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <map>

#include "model/files/calendar_file.h"

namespace tapeline::model {
namespace {

using std::chrono::sys_days;

sys_days date(int year, unsigned month, unsigned day) {
  return std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month),
                                     std::chrono::day(day));
}

std::string refusal(std::string_view text) {
  const auto parsed = MarketCalendar::parse(text);
  return parsed ? "taken: " + parsed.value().text() : parsed.error().message();
}

/// Closed days and half days of each year as the exchange announced them, written down from its
/// lists and not from rules.
const std::map<int, std::string>& announced() {
  static const std::map<int, std::string> years = {
      {1998, "0101,0119,0216,0410,0525,0703,0907,1126,1127h,1224h,1225"},
      {1999, "0101,0118,0215,0402,0531,0705,0906,1125,1126h,1224,1231h"},
      {2000, "0117,0221,0421,0529,0703h,0704,0904,1123,1124h,1225"},
      {2001, "0101,0115,0219,0413,0528,0703h,0704,0903,0911,0912,0913,0914,1122,1123h,1224h,1225"},
      {2002, "0101,0121,0218,0329,0527,0704,0705h,0902,1128,1129h,1224h,1225"},
      {2003, "0101,0120,0217,0418,0526,0703h,0704,0901,1127,1128h,1224h,1225,1226h"},
      {2004, "0101,0119,0216,0409,0531,0611,0705,0906,1125,1126h,1224"},
      {2005, "0117,0221,0325,0530,0704,0905,1124,1125h,1226"},
      {2006, "0102,0116,0220,0414,0529,0703h,0704,0904,1123,1124h,1225"},
      {2007, "0101,0102,0115,0219,0406,0528,0703h,0704,0903,1122,1123h,1224h,1225"},
      {2008, "0101,0121,0218,0321,0526,0703h,0704,0901,1127,1128h,1224h,1225"},
      {2009, "0101,0119,0216,0410,0525,0703,0907,1126,1127h,1224h,1225"},
      {2010, "0101,0118,0215,0402,0531,0705,0906,1125,1126h,1224"},
      {2011, "0117,0221,0422,0530,0704,0905,1124,1125h,1226"},
      {2012, "0102,0116,0220,0406,0528,0703h,0704,0903,1029,1030,1122,1123h,1224h,1225"},
      {2013, "0101,0121,0218,0329,0527,0703h,0704,0902,1128,1129h,1224h,1225"},
      {2014, "0101,0120,0217,0418,0526,0703h,0704,0901,1127,1128h,1224h,1225"},
      {2015, "0101,0119,0216,0403,0525,0703,0907,1126,1127h,1224h,1225"},
      {2016, "0101,0118,0215,0325,0530,0704,0905,1124,1125h,1226"},
      {2017, "0102,0116,0220,0414,0529,0703h,0704,0904,1123,1124h,1225"},
      {2018, "0101,0115,0219,0330,0528,0703h,0704,0903,1122,1123h,1205,1224h,1225"},
      {2019, "0101,0121,0218,0419,0527,0703h,0704,0902,1128,1129h,1224h,1225"},
      {2020, "0101,0120,0217,0410,0525,0703,0907,1126,1127h,1224h,1225"},
      {2021, "0101,0118,0215,0402,0531,0705,0906,1125,1126h,1224"},
      {2022, "0117,0221,0415,0530,0620,0704,0905,1124,1125h,1226"},
      {2023, "0102,0116,0220,0407,0529,0619,0703h,0704,0904,1123,1124h,1225"},
      {2024, "0101,0115,0219,0329,0527,0619,0703h,0704,0902,1128,1129h,1224h,1225"},
      {2025, "0101,0109,0120,0217,0418,0526,0619,0703h,0704,0901,1127,1128h,1224h,1225"},
      {2026, "0101,0119,0216,0403,0525,0619,0703,0907,1126,1127h,1224h,1225"},
      {2027, "0101,0118,0215,0326,0531,0618,0705,0906,1125,1126h,1224"},
      {2028, "0117,0221,0414,0529,0619,0703h,0704,0904,1123,1124h,1225"},
  };
  return years;
}

TEST(UsCalendar, IsWhatTheExchangeAnnouncedEachYear) {
  std::map<int, std::string> built_in;
  const std::string whole = us_calendar().text();
  std::string_view rest = whole;
  ASSERT_TRUE(rest.starts_with("us 1 1998-2028 ")) << rest.substr(0, 40);
  rest.remove_prefix(std::string_view("us 1 1998-2028 ").size());
  while (!rest.empty()) {
    const std::string_view year = rest.substr(0, rest.find(' '));
    built_in[std::stoi(std::string(year.substr(0, 4)))] = year.substr(5);
    rest.remove_prefix(std::min(rest.size(), year.size() + 1));
  }
  EXPECT_EQ(built_in, announced());
}

TEST(UsCalendar, KnowsWeekendsAndDaysInBetween) {
  const MarketCalendar& us = us_calendar();
  EXPECT_EQ(us.kind(date(2026, 11, 20)), DayKind::full);
  EXPECT_EQ(us.kind(date(2026, 11, 21)), DayKind::closed) << "a Saturday";
  EXPECT_EQ(us.kind(date(2026, 11, 22)), DayKind::closed) << "a Sunday";
  EXPECT_EQ(us.kind(date(2026, 11, 26)), DayKind::closed);
  EXPECT_EQ(us.kind(date(2026, 11, 27)), DayKind::half);
  EXPECT_EQ(us.kind(date(2001, 9, 10)), DayKind::full);
  EXPECT_EQ(us.kind(date(2001, 9, 17)), DayKind::full);
  EXPECT_EQ(us.kind(date(2010, 12, 31)), DayKind::full) << "the day before a Saturday's New Year";
  EXPECT_EQ(us.kind(date(2012, 7, 3)), DayKind::half);
  EXPECT_EQ(us.kind(date(2002, 7, 3)), DayKind::full) << "a Wednesday before 2013";
}

TEST(MarketCalendar, OutsideItsYearsKnowsWeekendsOnly) {
  EXPECT_EQ(us_calendar().kind(date(1997, 12, 25)), DayKind::full);
  EXPECT_EQ(us_calendar().kind(date(2029, 12, 25)), DayKind::full);
  EXPECT_EQ(us_calendar().kind(date(2029, 12, 29)), DayKind::closed);
}

TEST(MarketCalendar, WithoutANameKnowsNothing) {
  const MarketCalendar none;
  EXPECT_EQ(none.text(), "none");
  EXPECT_EQ(none.kind(date(2026, 11, 21)), DayKind::full);
  EXPECT_EQ(MarketCalendar::parse("none").value(), none);
}

TEST(MarketCalendar, IsReadBackFromItsText) {
  const std::string text = us_calendar().text();
  EXPECT_LT(text.size(), 2'200u);
  EXPECT_EQ(MarketCalendar::parse(text).value(), us_calendar());
  EXPECT_EQ(MarketCalendar::parse("a 1 2026-2026").value().text(), "a 1 2026-2026");
}

TEST(MarketCalendar, SaysWhatIsWrongWithAText) {
  EXPECT_EQ(refusal(""), "market calendar: it must begin like 'us 1 1998-2028', or be 'none'");
  EXPECT_EQ(refusal("us"), "market calendar: it must begin like 'us 1 1998-2028', or be 'none'");
  EXPECT_EQ(refusal("US 1 1998-2028"),
            "market calendar: its name must be of at most 32 of a-z, 0-9, - and _, and not 'none'");
  EXPECT_EQ(refusal("us 0 1998-2028"), "market calendar: version 0 is not from 1 to 999999");
  EXPECT_EQ(refusal("us 1 2028-1998"),
            "market calendar: years 2028-1998 are not a range within 1970-9999");
  EXPECT_EQ(refusal("us 1 1998-2028 1998:0230"), "market calendar: 1998 has no day 0230");
  EXPECT_EQ(refusal("us 1 1998-2028 1998:7"),
            "market calendar: '7' in 1998 is no month and day such as 0704 or 1127h");
  EXPECT_EQ(refusal("us 1 1998-2028 2029:0101"),
            "market calendar: 2029-01-01 lies outside its years 1998-2028");
  EXPECT_EQ(refusal("us 1 1998-2028 1998:0103"),
            "market calendar: 1998-01-03 is a Saturday or Sunday");
  EXPECT_EQ(refusal("us 1 1998-2028 1998:0101,0101h"),
            "market calendar: 1998-01-01 is named twice");
  EXPECT_EQ(refusal("us 1 1998-2028 98:0101"), "market calendar: '98' is no year of its list");
  for (const char* text : {"us 1 1998-2028 1998:0119,0101", "us 1 1998-2028 1998:0101,",
                           "us 1 1998-2028 ", "us 01 1998-2028"}) {
    EXPECT_EQ(refusal(text),
              "market calendar: its text is not in the usual form: years and days ascend, no space "
              "at the end")
        << text;
  }
  EXPECT_EQ(refusal(std::string(20'000, 'x')),
            "market calendar: its text has 20000 bytes, more than 12288");
}

RC_GTEST_PROP(MarketCalendar, TakesOnlyItsOwnTexts, ()) {
  std::string text = us_calendar().text();
  const size_t at = *rc::gen::inRange<size_t>(0, text.size());
  text[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  const auto parsed = MarketCalendar::parse(text);
  if (parsed) RC_ASSERT(parsed.value().text() == text);
}

TEST(CalendarFile, SaysEverythingThatIsWrong) {
  const auto parsed = parse_calendar_file(R"(name = "x"
version = 1
years = [2000, 2001]
typo = 1
[[holiday]]
name = "New Year"
month = 13
day = 1
[[half_day]]
month = 7
day = 3
on = ["frisday"]
[[date]]
date = 2001-01-01
kind = "shut"
)",
                                          "x.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message(),
            "cannot read x.toml: line 5, holiday \"New Year\": month must be a whole number from 1 "
            "to 12; line 5, holiday \"New Year\": needs easter, or month and day, or month, "
            "weekday and nth; line 9, half_day: 'frisday' is no weekday such as monday; line 13, "
            "date: needs a date, and kind = \"closed\", \"half\" or \"full\"; at its head: unknown "
            "key typo; known are name, version, years, holiday, half_day, date");
}

TEST(CalendarFile, SaysWhereItIsNoToml) {
  const auto parsed = parse_calendar_file("name = \n", "x.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message().substr(0, 40), "cannot read x.toml: line 1, column 8: Er");
}

TEST(CalendarFile, LetsADateOverrideARule) {
  const auto parsed = parse_calendar_file(R"(name = "x"
version = 3
years = [2026, 2027]
[[holiday]]
month = 7
day = 1
[[date]]
date = 2026-07-01
kind = "full"
[[date]]
date = 2026-07-02
kind = "half"
)",
                                          "x.toml");
  EXPECT_EQ(parsed.value().text(), "x 3 2026-2027 2026:0702h 2027:0701");
}

}  // namespace
}  // namespace tapeline::model
