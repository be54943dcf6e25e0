#include "ingest/finnhub/staleness.h"

#include <gtest/gtest.h>

#include "model/time.h"

namespace tapeline::ingest::finnhub {
namespace {

using std::chrono::minutes;

WallTime at(std::string_view text) {
  return *model::parse_time(text);
}

class StalenessTest : public ::testing::Test {
 protected:
  /// Whether a symbol subscribed long before is stale at a time.
  bool stale_at(std::string_view symbol, std::string_view time) {
    Staleness staleness(minutes(10));
    staleness.subscribed(symbol, at("2026-11-01T00:00:00Z"));
    (void)staleness.check(at(time));
    return staleness.stale(symbol);
  }

  Staleness staleness_{minutes(10)};
};

TEST_F(StalenessTest, GoesByMarketHours) {
  // New York is five hours behind UTC in November.
  EXPECT_FALSE(stale_at("AAPL", "2026-11-20T14:29:00Z"));
  EXPECT_FALSE(stale_at("AAPL", "2026-11-20T14:39:00Z")) << "open for nine minutes";
  EXPECT_TRUE(stale_at("AAPL", "2026-11-20T14:41:00Z"));
  EXPECT_TRUE(stale_at("AAPL", "2026-11-20T20:59:00Z"));
  EXPECT_FALSE(stale_at("AAPL", "2026-11-20T21:01:00Z"));
  EXPECT_FALSE(stale_at("AAPL", "2026-11-21T16:00:00Z")) << "Saturday";
  EXPECT_FALSE(stale_at("AAPL", "2026-11-26T16:00:00Z")) << "Thanksgiving Day";
  EXPECT_TRUE(stale_at("AAPL", "2026-11-27T17:59:00Z")) << "a half day";
  EXPECT_FALSE(stale_at("AAPL", "2026-11-27T18:01:00Z"));
  EXPECT_TRUE(stale_at("BINANCE:BTCUSDT", "2026-11-21T16:00:00Z"));
  EXPECT_FALSE(stale_at("OANDA:EUR_USD", "2026-11-21T16:00:00Z"));
  EXPECT_TRUE(stale_at("OANDA:EUR_USD", "2026-11-20T03:00:00Z"));
  EXPECT_FALSE(stale_at("MOON:ROCK", "2026-11-20T16:00:00Z")) << "hours unknown";
}

TEST_F(StalenessTest, ForexTradesFromSundayToFridayAtFiveInNewYork) {
  MarketHours hours;
  const auto open = [&](std::string_view time) {
    return hours.open(model::VenueClass::forex, at(time));
  };
  // In winter 17:00 in New York is 22:00 UTC.
  EXPECT_TRUE(open("2026-11-20T21:59:59.999Z")) << "Friday";
  EXPECT_FALSE(open("2026-11-20T22:00:00Z"));
  EXPECT_FALSE(open("2026-11-21T12:00:00Z"));
  EXPECT_FALSE(open("2026-11-22T21:59:59.999Z")) << "Sunday";
  EXPECT_TRUE(open("2026-11-22T22:00:00Z"));
  EXPECT_TRUE(open("2026-11-25T22:00:00Z")) << "Wednesday";
  // In summer it is 21:00 UTC.
  EXPECT_TRUE(open("2026-07-10T20:59:59.999Z")) << "Friday";
  EXPECT_FALSE(open("2026-07-10T21:00:00Z"));
  EXPECT_FALSE(open("2026-07-12T20:59:59.999Z")) << "Sunday";
  EXPECT_TRUE(open("2026-07-12T21:00:00Z"));
  // Between Friday and Sunday New York changed its clocks, on 2026-03-08.
  EXPECT_FALSE(open("2026-03-06T22:00:00Z"));
  EXPECT_FALSE(open("2026-03-08T20:59:59.999Z"));
  EXPECT_TRUE(open("2026-03-08T21:00:00Z"));
  EXPECT_TRUE(stale_at("OANDA:EUR_USD", "2026-11-20T21:59:00Z"));
  EXPECT_FALSE(stale_at("OANDA:EUR_USD", "2026-11-20T23:00:00Z")) << "closed an hour ago";
  EXPECT_FALSE(stale_at("OANDA:EUR_USD", "2026-11-22T22:09:00Z")) << "open for nine minutes";
  EXPECT_TRUE(stale_at("OANDA:EUR_USD", "2026-11-22T22:11:00Z"));
}

TEST_F(StalenessTest, TellsChangesOnly) {
  const WallTime start = at("2026-11-20T00:00:00Z");
  staleness_.subscribed("BINANCE:BTCUSDT", start);
  EXPECT_TRUE(staleness_.check(start + minutes(9)).empty());
  auto changes = staleness_.check(start + minutes(10));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].symbol, "BINANCE:BTCUSDT");
  EXPECT_TRUE(changes[0].stale);
  EXPECT_TRUE(staleness_.check(start + minutes(11)).empty());
  EXPECT_EQ(staleness_.stale_count(), 1U);
  EXPECT_TRUE(staleness_.traded("BINANCE:BTCUSDT", start + minutes(12)));
  EXPECT_FALSE(staleness_.traded("BINANCE:BTCUSDT", start + minutes(12))) << "not the first";
  changes = staleness_.check(start + minutes(12));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_FALSE(changes[0].stale);
  EXPECT_EQ(staleness_.last_trade("BINANCE:BTCUSDT"), start + minutes(12));
}

TEST_F(StalenessTest, AllAreStaleWhenNoOpenMarketIsHeardOfAndOneWas) {
  const WallTime saturday = at("2026-11-21T16:00:00Z");
  const auto all_stale = [&](WallTime now) {
    (void)staleness_.check(now);
    return staleness_.all_stale(now);
  };
  EXPECT_FALSE(all_stale(saturday)) << "nothing is subscribed";
  for (const char* symbol : {"BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "AAPL", "MOON:ROCK"})
    staleness_.subscribed(symbol, saturday);
  EXPECT_FALSE(all_stale(saturday + minutes(10))) << "none has ever traded";
  staleness_.traded("AAPL", saturday + minutes(10));
  EXPECT_FALSE(all_stale(saturday + minutes(20))) << "what traded has a closed market";
  staleness_.traded("BINANCE:BTCUSDT", saturday + minutes(20));
  EXPECT_FALSE(all_stale(saturday + minutes(29)));
  EXPECT_TRUE(all_stale(saturday + minutes(30)));
  staleness_.subscribed("BINANCE:SOLUSDT", saturday + minutes(30));
  EXPECT_FALSE(all_stale(saturday + minutes(39)));
  EXPECT_TRUE(all_stale(saturday + minutes(40)));
  staleness_.unsubscribed("BINANCE:BTCUSDT");
  EXPECT_FALSE(all_stale(saturday + minutes(40)));
}

TEST_F(StalenessTest, ForgetsWhatIsNotSubscribed) {
  staleness_.subscribed("A", at("2026-11-20T15:00:00Z"));
  staleness_.unsubscribed("A");
  EXPECT_FALSE(staleness_.traded("A", at("2026-11-20T15:00:00Z")));
  EXPECT_EQ(staleness_.last_trade("A"), std::nullopt);
}

}  // namespace
}  // namespace tapeline::ingest::finnhub
