#include "ingest/finnhub/subscriptions.h"

#include <gtest/gtest.h>

namespace tapeline::ingest::finnhub {
namespace {

using std::chrono::minutes;

class SubscriptionsTest : public ::testing::Test {
 protected:
  void want(std::initializer_list<const char*> symbols) {
    for (const char* symbol : symbols) ASSERT_TRUE(subscriptions_.add(symbol).ok()) << symbol;
  }

  std::string ask_all(BootTime now = BootTime(0)) {
    std::string asked;
    while (const auto symbol = subscriptions_.next(now)) asked += *symbol + " ";
    return asked;
  }

  SymbolState state(std::string_view symbol) {
    return subscriptions_.all().find(symbol)->second.state;
  }

  Subscriptions subscriptions_{{.cap = 3}};
};

TEST_F(SubscriptionsTest, AsksForEachOnceInOrder) {
  want({"B", "A", "B"});
  EXPECT_EQ(ask_all(), "B A ");
  EXPECT_EQ(ask_all(), "");
}

TEST_F(SubscriptionsTest, AsksForAllAgainAfterARestart) {
  want({"B", "A"});
  ask_all();
  subscriptions_.restart();
  EXPECT_EQ(state("A"), SymbolState::waiting);
  EXPECT_EQ(ask_all(), "B A ");
}

TEST_F(SubscriptionsTest, KeepsTheConfiguredLimit) {
  want({"A", "B", "C", "D"});
  EXPECT_EQ(ask_all(), "A B C ");
  EXPECT_EQ(state("D"), SymbolState::over_cap);
  EXPECT_EQ(subscriptions_.all().at("D").reason, "more symbols than feed.symbols_max");
  bool was_subscribed = false;
  EXPECT_TRUE(subscriptions_.remove("B", was_subscribed));
  EXPECT_TRUE(was_subscribed);
  EXPECT_EQ(ask_all(), "D ");
}

TEST_F(SubscriptionsTest, LearnsALowerLimitAndGivesUpTheLast) {
  want({"A", "B", "C"});
  ask_all();
  EXPECT_EQ(subscriptions_.too_many("Subscribing to too many symbols", minutes(0)), "C");
  EXPECT_EQ(subscriptions_.too_many("Subscribing to too many symbols", minutes(0)), "B");
  EXPECT_EQ(subscriptions_.cap(), 1U);
  EXPECT_TRUE(subscriptions_.cap_learned());
  EXPECT_EQ(state("A"), SymbolState::subscribed);
  EXPECT_EQ(subscriptions_.all().at("C").reason, "Subscribing to too many symbols");
  EXPECT_EQ(ask_all(), "");
  subscriptions_.restart();
  EXPECT_EQ(ask_all(), "A ") << "the limit outlives the connection";
}

TEST_F(SubscriptionsTest, TriesOneMoreThanTheLearnedLimitLater) {
  want({"A", "B", "C"});
  ask_all();
  (void)subscriptions_.too_many("no", minutes(0));
  (void)subscriptions_.too_many("no", minutes(0));
  EXPECT_EQ(subscriptions_.next_at(), BootTime(minutes(60)));
  EXPECT_EQ(ask_all(minutes(59)), "");
  EXPECT_EQ(ask_all(minutes(60)), "B ");
  EXPECT_EQ(ask_all(minutes(61)), "") << "one at a time";
  EXPECT_EQ(subscriptions_.too_many("no", minutes(61)), "B");
  EXPECT_EQ(subscriptions_.cap(), 1U);
  EXPECT_EQ(ask_all(minutes(121)), "B ");
  EXPECT_EQ(ask_all(minutes(181)), "C ");
  EXPECT_FALSE(subscriptions_.cap_learned());
}

TEST_F(SubscriptionsTest, AnErrorWithoutSubscriptionsChangesNothing) {
  want({"A"});
  EXPECT_EQ(subscriptions_.too_many("no", minutes(0)), std::nullopt);
  EXPECT_EQ(subscriptions_.cap(), 3U);
  EXPECT_FALSE(subscriptions_.invalid("A", "no", minutes(0)));
  EXPECT_FALSE(subscriptions_.invalid("Z", "no", minutes(0)));
}

TEST_F(SubscriptionsTest, ARefusedSymbolIsAskedForAgainLateAndLater) {
  want({"A", "IC MARKETS:1"});
  ask_all();
  int64_t now = 0;
  for (const int64_t wait : {45, 90, 180, 360, 360}) {
    EXPECT_TRUE(
        subscriptions_.invalid("IC MARKETS:1", "Invalid symbol IC MARKETS:1", minutes(now)));
    subscriptions_.restart();
    EXPECT_EQ(state("IC MARKETS:1"), SymbolState::refused) << "a new connection does not hurry it";
    EXPECT_EQ(ask_all(minutes(now + wait - 1)), "A ");
    EXPECT_EQ(subscriptions_.next_at(), BootTime(minutes(now + wait)));
    now += wait;
    EXPECT_EQ(ask_all(minutes(now)), "IC MARKETS:1 ");
  }
  subscriptions_.traded("IC MARKETS:1");
  EXPECT_TRUE(subscriptions_.invalid("IC MARKETS:1", "no", minutes(now)));
  EXPECT_EQ(ask_all(minutes(now + 45)), "IC MARKETS:1 ");
}

TEST_F(SubscriptionsTest, RefusesWhatIsNoSymbol) {
  for (const std::string& text :
       {std::string(), std::string(65, 'A'), std::string("A\"B"), std::string("A\\B"),
        std::string("A\nB"), std::string(" A"), std::string("\xc3\xa9")})
    EXPECT_EQ(subscriptions_.add(text).error().code(), ErrorCode::invalid) << text;
  EXPECT_EQ(subscriptions_.add("A\"B").error().message(),
            "feed: 'A\"B' is no symbol: 1 to 64 printable ASCII characters without quotes, such as "
            "AAPL or BINANCE:BTCUSDT");
}

TEST_F(SubscriptionsTest, BoundsWhatIsWanted) {
  for (size_t i = 0; i < Subscriptions::kWantedMax; ++i)
    ASSERT_TRUE(subscriptions_.add("S" + std::to_string(i)).ok());
  EXPECT_EQ(subscriptions_.add("ONE-MORE").error().message(),
            "feed: cannot add 'ONE-MORE': 10000 symbols are wanted already");
}

}  // namespace
}  // namespace tapeline::ingest::finnhub
