#include "ingest/finnhub/rest.h"

#include <gtest/gtest.h>

#include <optional>

#include "support/fake_connector.h"
#include "support/manual_loop.h"

namespace tapeline::ingest::finnhub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RestTest : public ::testing::Test {
 protected:
  RestTest() { options_.token = "sesame"; }

  void make() { rest_ = std::make_unique<Rest>(loop_, connector_, registry_, options_); }

  void search(const std::string& query) {
    if (!rest_) make();
    matches_.reset();
    rest_->search(query, [this](Rest::Matches matches) { matches_.emplace(std::move(matches)); });
    loop_.run_ready();
  }

  void validate(const std::string& symbol) {
    if (!rest_) make();
    validity_.reset();
    rest_->validate(symbol, [this](Result<Rest::Validity> validity) { validity_ = validity; });
    loop_.run_ready();
  }

  std::string search_error(int status, net::Headers headers = {}) {
    search("x");
    connector_.answer(status, R"({"error":"no"})", std::move(headers));
    return matches_->error().message();
  }

  test::ManualLoop loop_;
  test::FakeConnector connector_;
  metrics::Registry registry_;
  Options options_;
  std::unique_ptr<Rest> rest_;
  std::optional<Rest::Matches> matches_;
  std::optional<Result<Rest::Validity>> validity_;
};

constexpr const char* kApple = R"({"count":2,"result":[
  {"description":"APPLE INC","displaySymbol":"AAPL","symbol":"AAPL","type":"Common Stock"},
  {"description":"APPLE INC-CDR","displaySymbol":"AAPL.TO","symbol":"AAPL.TO","type":null}]})";

TEST_F(RestTest, SearchesWithTheTokenInAHeader) {
  search("apple & co");
  ASSERT_EQ(connector_.calls.size(), 1U);
  EXPECT_EQ(connector_.calls[0].url, "https://finnhub.io/api/v1/search?q=apple%20%26%20co");
  EXPECT_EQ(connector_.calls[0].headers, (net::Headers{{"X-Finnhub-Token", "sesame"}}));
  connector_.answer(200, kApple);
  ASSERT_TRUE(matches_->ok());
  ASSERT_EQ(matches_->value().size(), 2U);
  EXPECT_EQ(matches_->value()[0].symbol, "AAPL");
  EXPECT_EQ(matches_->value()[0].description, "APPLE INC");
  EXPECT_EQ(matches_->value()[1].type, "");
}

TEST_F(RestTest, SaysWhatIsWrong) {
  EXPECT_EQ(search_error(401),
            "feed: the token was refused (HTTP 401); check FINNHUB_API_TOKEN or feed.token");
  EXPECT_EQ(search_error(500),
            "feed: /search answered HTTP 500; try again, and check feed.rest_url if it lasts");
  for (const char* body : {"<html>", "{}", "[]", R"({"result":1})"}) {
    search("x");
    connector_.answer(200, body);
    EXPECT_EQ(matches_->error().message(),
              "feed: the answer to /search is not what Finnhub documents; check feed.rest_url");
  }
}

TEST_F(RestTest, WhatThePlanDoesNotIncludeIsAskedForOnce) {
  EXPECT_EQ(search_error(403), "feed: the plan of the key does not include /search (HTTP 403)");
  search("y");
  EXPECT_TRUE(connector_.calls.empty());
  EXPECT_EQ(matches_->error().code(), ErrorCode::failed);
  validate("AAPL");
  EXPECT_EQ(validity_->value(), Rest::Validity::unknown);
}

TEST_F(RestTest, A429BlocksAllCallsForAMinuteOrAsAsked) {
  EXPECT_EQ(search_error(429),
            "feed: too many REST calls with this key (HTTP 429); calls wait 60 s");
  search("y");
  loop_.advance(milliseconds(59'999));
  EXPECT_TRUE(connector_.calls.empty());
  loop_.advance(milliseconds(1));
  EXPECT_EQ(connector_.calls.size(), 1U);
  connector_.answer(429, "", {{"retry-after", "7"}});
  EXPECT_EQ(matches_->error().message(),
            "feed: too many REST calls with this key (HTTP 429); calls wait 7 s");
}

TEST_F(RestTest, WithoutATokenA429MeansThat) {
  options_.token.clear();
  EXPECT_EQ(search_error(429),
            "feed: no token is set (HTTP 429); set FINNHUB_API_TOKEN or feed.token");
}

TEST_F(RestTest, KeepsTheRateAndBoundsTheQueue) {
  for (int i = 0; i < 55 + static_cast<int>(Rest::kWaitingMax); ++i) search("x");
  EXPECT_EQ(connector_.calls.size(), 25U);
  loop_.advance(seconds(59));
  EXPECT_EQ(connector_.calls.size(), 55U);
  loop_.advance(seconds(2));
  EXPECT_EQ(connector_.calls.size(), 105U);
  for (int i = 0; i < 200 && !matches_; ++i) search("x");
  EXPECT_EQ(matches_->error().message(),
            "feed: 100 REST calls wait already (60 a minute are allowed); try later");
}

TEST_F(RestTest, ValidatesStocksByAnExactMatch) {
  validate("AAPL");
  connector_.answer(200, kApple);
  EXPECT_EQ(validity_->value(), Rest::Validity::valid);
  validate("AAP");
  connector_.answer(200, kApple);
  EXPECT_EQ(validity_->value(), Rest::Validity::invalid);
}

TEST_F(RestTest, RemembersVerdictsForADay) {
  validate("AAPL");
  connector_.answer(200, kApple);
  loop_.advance(hours(23));
  validate("AAPL");
  EXPECT_TRUE(connector_.calls.empty());
  EXPECT_EQ(validity_->value(), Rest::Validity::valid);
  loop_.advance(hours(2));
  validate("AAPL");
  EXPECT_EQ(connector_.calls.size(), 1U);
}

TEST_F(RestTest, ValidatesCryptoAndForexByTheirLists) {
  validate("BINANCE:BTCUSDT");
  EXPECT_EQ(connector_.calls[0].url, "https://finnhub.io/api/v1/crypto/symbol?exchange=binance");
  connector_.answer(200, R"([{"symbol":"BINANCE:BTCUSDT"},{"symbol":"BINANCE:ETHUSDT"}])");
  EXPECT_EQ(validity_->value(), Rest::Validity::valid);
  validate("BINANCE:DOGEDOGE");
  EXPECT_TRUE(connector_.calls.empty()) << "the list is kept";
  EXPECT_EQ(validity_->value(), Rest::Validity::invalid);
  validate("IC MARKETS:1");
  EXPECT_EQ(connector_.calls[0].url,
            "https://finnhub.io/api/v1/forex/symbol?exchange=ic%20markets");
  connector_.answer(200, "[]");
  EXPECT_EQ(validity_->value(), Rest::Validity::unknown);
  validate("MOON:ROCK");
  EXPECT_TRUE(connector_.calls.empty());
  EXPECT_EQ(validity_->value(), Rest::Validity::unknown);
}

TEST_F(RestTest, AFailureIsNotAVerdict) {
  validate("AAPL");
  connector_.calls.front().done(make_error(ErrorCode::unavailable, "net: no answer"));
  connector_.calls.pop_front();
  EXPECT_EQ(validity_->error().message(), "net: no answer");
  validate("AAPL");
  EXPECT_EQ(connector_.calls.size(), 1U);
}

TEST_F(RestTest, AnAnswerAfterItsEndIsHarmless) {
  search("x");
  rest_.reset();
  connector_.answer(200, kApple);
  EXPECT_FALSE(matches_);
}

}  // namespace
}  // namespace tapeline::ingest::finnhub
