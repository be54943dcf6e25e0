#include "model/session.h"

#include <date/date.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tapeline::model {
namespace {

EventTime at(const std::string& text) {
  std::istringstream in(text);
  EventTime time;
  in >> date::parse("%FT%TZ", time);
  EXPECT_FALSE(in.fail()) << text;
  return time;
}

std::string text(EventTime time) {
  return date::format("%FT%TZ", std::chrono::floor<std::chrono::seconds>(time));
}

std::string text(Window window) {
  return text(window.start) + " " + text(window.end);
}

std::string day(VenueClass venue, const std::string& time) {
  return text(VenueCalendar(venue).day(at(time)));
}

TEST(Venue, IsToldByTheSymbol) {
  EXPECT_EQ(venue_class("AAPL"), VenueClass::stock);
  EXPECT_EQ(venue_class("BRK.B"), VenueClass::stock);
  EXPECT_EQ(venue_class("RY.TO"), VenueClass::stock);
  EXPECT_EQ(venue_class("BINANCE:BTCUSDT"), VenueClass::crypto);
  EXPECT_EQ(venue_class("Binance:BTCUSDT"), VenueClass::crypto);
  EXPECT_EQ(venue_class("BITFLYER:BTCJPY"), VenueClass::crypto);
  EXPECT_EQ(venue_class("OANDA:EUR_USD"), VenueClass::forex);
  EXPECT_EQ(venue_class("IC MARKETS:1"), VenueClass::forex);
  EXPECT_EQ(venue_class("FOREX.COM:EURUSD"), VenueClass::forex);
  EXPECT_EQ(venue_class("NOWHERE:X"), VenueClass::other);
  EXPECT_EQ(venue_class(":X"), VenueClass::other);
  EXPECT_EQ(parse_venue_class(to_string(VenueClass::forex)), VenueClass::forex);
}

TEST(Window, IsAMultipleOfTheIntervalInUtc) {
  EXPECT_EQ(text(utc_window(at("2026-11-21T09:36:58Z"), Interval(60'000))),
            "2026-11-21T09:36:00Z 2026-11-21T09:37:00Z");
  EXPECT_EQ(text(utc_window(at("2026-11-21T09:36:00Z"), Interval(60'000))),
            "2026-11-21T09:36:00Z 2026-11-21T09:37:00Z");
  EXPECT_EQ(text(utc_window(at("2026-11-21T09:36:58Z"), Interval(14'400'000))),
            "2026-11-21T08:00:00Z 2026-11-21T12:00:00Z");
  EXPECT_EQ(utc_window(EventTime(std::chrono::milliseconds(-1)), Interval(1'000)).start,
            EventTime(std::chrono::milliseconds(-1'000)));
}

TEST(Day, OfCryptoIsTheUtcDay) {
  EXPECT_EQ(day(VenueClass::crypto, "2026-03-08T12:00:00Z"),
            "2026-03-08T00:00:00Z 2026-03-09T00:00:00Z");
  EXPECT_EQ(day(VenueClass::other, "2026-03-08T23:59:59Z"),
            "2026-03-08T00:00:00Z 2026-03-09T00:00:00Z");
}

TEST(Day, OfAStockIsNewYorksCalendarDay) {
  // Winter: UTC-5. 04:59:59Z is 23:59:59 of the day before.
  EXPECT_EQ(day(VenueClass::stock, "2026-01-15T14:30:00Z"),
            "2026-01-15T05:00:00Z 2026-01-16T05:00:00Z");
  EXPECT_EQ(day(VenueClass::stock, "2026-01-15T04:59:59Z"),
            "2026-01-14T05:00:00Z 2026-01-15T05:00:00Z");
  // Summer: UTC-4.
  EXPECT_EQ(day(VenueClass::stock, "2026-07-15T14:30:00Z"),
            "2026-07-15T04:00:00Z 2026-07-16T04:00:00Z");
}

TEST(Day, HasTwentyThreeOrTwentyFiveHoursWhenTheClocksChange) {
  // 8 March 2026, 02:00 EST becomes 03:00 EDT: 05:00Z to 04:00Z is 23 hours.
  EXPECT_EQ(day(VenueClass::stock, "2026-03-08T12:00:00Z"),
            "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z");
  // 1 November 2026, 02:00 EDT becomes 01:00 EST: 04:00Z to 05:00Z is 25 hours.
  EXPECT_EQ(day(VenueClass::stock, "2026-11-01T12:00:00Z"),
            "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
  // Forex days turn at 17:00: the day that ends on 8 March is the short one.
  EXPECT_EQ(day(VenueClass::forex, "2026-03-08T12:00:00Z"),
            "2026-03-07T22:00:00Z 2026-03-08T21:00:00Z");
  EXPECT_EQ(day(VenueClass::forex, "2026-11-01T12:00:00Z"),
            "2026-10-31T21:00:00Z 2026-11-01T22:00:00Z");
}

TEST(Day, OfForexTurnsAtSeventeenInNewYork) {
  EXPECT_EQ(day(VenueClass::forex, "2014-05-02T20:59:59Z"),
            "2014-05-01T21:00:00Z 2014-05-02T21:00:00Z");
  EXPECT_EQ(day(VenueClass::forex, "2014-05-02T21:00:00Z"),
            "2014-05-02T21:00:00Z 2014-05-03T21:00:00Z");
}

TEST(Day, IsRememberedWithoutChangingTheAnswer) {
  for (const VenueClass venue : {VenueClass::stock, VenueClass::forex, VenueClass::crypto}) {
    VenueCalendar remembering(venue);
    // Every 37 minutes over the year, forth and with jumps back of a day.
    const EventTime begin = at("2026-01-01T00:00:00Z");
    Window before{};
    for (int i = 0; i < 365 * 24 * 60 / 37; ++i) {
      const EventTime time = begin + std::chrono::minutes(37 * i);
      const EventTime asked = i % 50 == 0 ? time - std::chrono::hours(24) : time;
      const Window window = remembering.day(asked);
      ASSERT_TRUE(window.contains(asked));
      ASSERT_EQ(window, VenueCalendar(venue).day(asked));
      if (i % 50 > 1 && window != before) {
        ASSERT_EQ(window.start, before.end) << "days must touch";
      }
      before = window;
    }
  }
}

TEST(Day, OutsideFourDigitYearsIsTheUtcDay) {
  VenueCalendar calendar(VenueClass::stock);
  const EventTime far(std::chrono::milliseconds(1'516'799'999'999'999));
  EXPECT_EQ(calendar.day(far), utc_window(far, Interval(86'400'000)));
  EXPECT_EQ(calendar.session(far), Session::closed);
  const EventTime early(std::chrono::milliseconds(-1));
  EXPECT_EQ(calendar.day(early), utc_window(early, Interval(86'400'000)));
}

TEST(Day, IsTheWindowOfADailyBar) {
  VenueCalendar calendar(VenueClass::stock);
  const EventTime time = at("2026-03-08T12:34:56Z");
  EXPECT_EQ(calendar.window(time, Interval(86'400'000)), calendar.day(time));
  EXPECT_EQ(calendar.window(time, Interval(300'000)), utc_window(time, Interval(300'000)));
}

std::string_view session(const std::string& time, SessionMark mark = SessionMark::none) {
  return to_string(VenueCalendar(VenueClass::stock).session(at(time), mark));
}

TEST(Sessions, FollowNewYorksClock) {
  // Winter, UTC-5.
  EXPECT_EQ(session("2026-01-15T08:59:59Z"), "closed");
  EXPECT_EQ(session("2026-01-15T09:00:00Z"), "pre");
  EXPECT_EQ(session("2026-01-15T14:29:59Z"), "pre");
  EXPECT_EQ(session("2026-01-15T14:30:00Z"), "regular");
  EXPECT_EQ(session("2026-01-15T20:59:59Z"), "regular");
  EXPECT_EQ(session("2026-01-15T21:00:00Z"), "post");
  EXPECT_EQ(session("2026-01-16T00:59:59Z"), "post");
  EXPECT_EQ(session("2026-01-16T01:00:00Z"), "closed");
  // Summer, UTC-4; the day of the change itself.
  EXPECT_EQ(session("2026-07-15T13:30:00Z"), "regular");
  EXPECT_EQ(session("2026-03-09T13:29:59Z"), "pre");
  EXPECT_EQ(session("2026-03-08T13:30:00Z"), "regular");
  EXPECT_EQ(session("2026-11-01T13:30:00Z"), "pre");
  EXPECT_EQ(session("2026-11-01T14:30:00Z"), "regular");
}

TEST(Sessions, OfExtendedHoursByConditionArePreOrPost) {
  EXPECT_EQ(session("2026-01-15T08:00:00Z", SessionMark::extended), "pre");
  EXPECT_EQ(session("2026-01-15T14:29:59Z", SessionMark::extended), "pre");
  EXPECT_EQ(session("2026-01-15T14:30:00Z", SessionMark::extended), "post");
  EXPECT_EQ(session("2026-01-15T21:00:00Z", SessionMark::extended), "post");
  EXPECT_EQ(session("2026-01-16T02:00:00Z", SessionMark::extended), "post");
}

/// A calendar's sessions in New York's time of day, UTC-5 (winter).
class SessionsWithACalendar : public testing::Test {
 protected:
  std::string session(const std::string& time, SessionMark mark = SessionMark::none) {
    return std::string(to_string(calendar_.session(at(time), mark)));
  }

  SessionRules rules_{us_calendar(), std::chrono::milliseconds(1)};
  VenueCalendar calendar_{VenueClass::stock, rules_};
};

TEST_F(SessionsWithACalendar, AreClosedOnWeekendsAndHolidays) {
  for (const SessionMark mark : {SessionMark::none, SessionMark::extended, SessionMark::closing}) {
    EXPECT_EQ(session("2026-11-21T15:00:00Z", mark), "closed") << "Saturday";
    EXPECT_EQ(session("2026-11-26T15:00:00Z", mark), "closed") << "Thanksgiving Day";
    EXPECT_EQ(session("2026-11-26T11:00:00Z", mark), "closed") << "its hours before";
    EXPECT_EQ(session("2001-09-11T14:00:00Z", mark), "closed");
  }
  EXPECT_EQ(session("2026-11-20T15:00:00Z"), "regular");
  // 23:30 of the Friday in New York is Saturday in UTC; the day that counts is New York's.
  EXPECT_EQ(session("2026-11-21T00:30:00Z"), "post");
}

TEST_F(SessionsWithACalendar, OfAHalfDayEndAtOneAndFive) {
  EXPECT_EQ(session("2026-11-27T14:29:59Z"), "pre");
  EXPECT_EQ(session("2026-11-27T17:59:59Z"), "regular");
  EXPECT_EQ(session("2026-11-27T18:00:00Z"), "regular") << "the grace";
  EXPECT_EQ(session("2026-11-27T18:00:01Z"), "post");
  EXPECT_EQ(session("2026-11-27T21:59:59Z"), "post");
  EXPECT_EQ(session("2026-11-27T22:00:00Z"), "closed");
}

TEST_F(SessionsWithACalendar, KeepTheClosingPrints) {
  EXPECT_EQ(session("2026-11-20T21:00:00Z"), "regular") << "16:00:00.000";
  EXPECT_EQ(session("2026-11-20T21:00:00Z", SessionMark::extended), "post");
  EXPECT_EQ(session("2026-11-20T21:00:01Z"), "post");
  EXPECT_EQ(session("2026-11-20T21:05:00Z", SessionMark::closing), "regular");
  EXPECT_EQ(session("2026-11-21T01:00:00Z", SessionMark::closing), "closed") << "after 20:00";
  EXPECT_EQ(session("2026-11-20T12:00:00Z", SessionMark::closing), "pre");
}

TEST_F(SessionsWithACalendar, FollowDaylightSaving) {
  // Monday after the change to summer time: 09:30 is 13:30Z. The Friday before it is 14:30Z.
  EXPECT_EQ(session("2026-03-09T13:30:00Z"), "regular");
  EXPECT_EQ(session("2026-03-06T14:29:59Z"), "pre");
  EXPECT_EQ(session("2026-03-06T21:00:01Z"), "post");
  EXPECT_EQ(session("2026-03-09T20:00:00Z"), "regular");
  EXPECT_EQ(session("2026-03-09T20:00:01Z"), "post");
  EXPECT_EQ(session("2026-11-02T14:29:59Z"), "pre");
}

TEST_F(SessionsWithACalendar, FollowRulesThatChange) {
  EXPECT_EQ(session("2026-11-27T19:00:00Z"), "post");
  rules_.calendar = MarketCalendar();
  calendar_.forget();
  EXPECT_EQ(session("2026-11-27T19:00:00Z"), "regular");
}

TEST(Sessions, OfOtherVenuesAreContinuous) {
  for (const VenueClass venue : {VenueClass::crypto, VenueClass::forex, VenueClass::other})
    EXPECT_EQ(VenueCalendar(venue).session(at("2026-01-15T14:30:00Z")), Session::continuous);
  EXPECT_EQ(parse_session("continuous"), Session::continuous);
}

}  // namespace
}  // namespace tapeline::model
