#include "simulate/rest.h"

#include <gtest/gtest.h>

#include "simulate/market.h"

namespace tapeline::simulate {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

class RestTest : public ::testing::Test {
 protected:
  net::Response get(const std::string& path, const Query& query = {}) {
    net::Request request;
    request.method = "GET";
    request.path = "/api/v1" + path;
    request.query = query;
    return rest_.answer(request, kNow, BootTime(std::chrono::minutes(5)));
  }
  std::string body(const std::string& path, const Query& query = {}) {
    const net::Response response = get(path, query);
    EXPECT_EQ(response.status, 200) << *response.body;
    return *response.body;
  }

  static constexpr WallTime kNow{std::chrono::seconds{1'700'000'000}};
  Market market_{{.start = kNow}};
  Rest rest_{market_, "", 1'000};
};

TEST_F(RestTest, SearchesSymbolsAndNames) {
  EXPECT_EQ(body("/search", {{"q", "btcusdt"}}),
            R"({"count":1,"result":[{"description":"Binance BTCUSDT","displaySymbol":"BTCUSDT",)"
            R"("symbol":"BINANCE:BTCUSDT","type":"Crypto"}]})");
  EXPECT_EQ(body("/search", {{"q", "apple"}}),
            R"({"count":1,"result":[{"description":"APPLE INC","displaySymbol":"AAPL",)"
            R"("symbol":"AAPL","type":"Common Stock"}]})");
  EXPECT_EQ(body("/search", {{"q", "nothing like it"}}), R"({"count":0,"result":[]})");
}

TEST_F(RestTest, PutsTheExactSymbolFirst) {
  EXPECT_LT(body("/search", {{"q", "ko"}}).find("\"KO\""), 100u);
}

TEST_F(RestTest, ListsSymbolsOfAnExchange) {
  const std::string stocks = body("/stock/symbol", {{"exchange", "US"}});
  EXPECT_NE(
      stocks.find(
          R"({"currency":"USD","description":"APPLE INC","displaySymbol":"AAPL","figi":"","isin":"",)"
          R"("mic":"XNAS","shareClassFIGI":"","symbol":"AAPL","symbol2":"","type":"Common Stock"})"),
      std::string::npos)
      << stocks;
  EXPECT_EQ(body("/crypto/symbol", {{"exchange", "coinbase"}}),
            R"([{"description":"Coinbase BTC/USD","displaySymbol":"BTC-USD",)"
            R"("symbol":"COINBASE:BTC-USD"}])");
  EXPECT_EQ(body("/forex/symbol", {{"exchange", "IC MARKETS"}}),
            R"([{"description":"IC Markets EURUSD","displaySymbol":"1","symbol":"IC MARKETS:1"}])");
  EXPECT_EQ(body("/crypto/exchange"), R"(["BINANCE","COINBASE"])");
  EXPECT_EQ(body("/forex/exchange"), R"(["IC MARKETS","OANDA"])");
}

TEST_F(RestTest, QuotesWhatWasTraded) {
  EXPECT_EQ(body("/quote", {{"symbol", "AAPL"}}),
            R"({"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0})");
  Batch batch;
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(market_.next(batch).value());
  const std::string quote = body("/quote", {{"symbol", "AAPL"}});
  EXPECT_NE(quote.find("{\"c\":22"), std::string::npos) << quote;
  EXPECT_NE(quote.find("\"t\":17000"), std::string::npos) << quote;
}

TEST_F(RestTest, TellsTheStateOfTheMarketAndItsHolidays) {
  EXPECT_EQ(body("/stock/market-status", {{"exchange", "US"}}),
            R"({"exchange":"US","holiday":null,"isOpen":true,"session":"regular",)"
            R"("timezone":"America/New_York","t":1700000000})");
  const std::string holidays = body("/stock/market-holiday", {{"exchange", "US"}});
  EXPECT_NE(holidays.find(R"({"eventName":"Christmas","atDate":"2026-12-25","tradingHour":""})"),
            std::string::npos);
  EXPECT_NE(holidays.find(R"("exchange":"US","timezone":"America/New_York"})"), std::string::npos);
}

TEST_F(RestTest, RefusesWhatAFreeKeyMayNotAskFor) {
  for (const char* call : {"/stock/candle", "/crypto/candle", "/forex/candle", "/stock/tick"}) {
    const net::Response response = get(call, {{"symbol", "AAPL"}});
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(*response.body, R"({"error":"You don't have access to this resource."})");
  }
  EXPECT_EQ(get("/no/such/call").status, 404);
  EXPECT_EQ(get("/quote").status, 422);
}

TEST_F(RestTest, AsksForTheToken) {
  Rest strict(market_, "sesame", 1'000);
  net::Request request;
  request.method = "GET";
  request.path = "/api/v1/crypto/exchange";
  const auto status = [&] { return strict.answer(request, kNow, BootTime(0)).status; };
  EXPECT_EQ(status(), 429);
  request.query = {{"token", "wrong"}};
  EXPECT_EQ(status(), 401);
  EXPECT_EQ(*strict.answer(request, kNow, BootTime(0)).body, R"({"error":"Invalid API key."})");
  request.query = {{"token", "sesame"}};
  EXPECT_EQ(status(), 200);
  request.query.clear();
  request.headers = {{"x-finnhub-token", "sesame"}};
  EXPECT_EQ(status(), 200);
}

TEST_F(RestTest, LimitsCallsPerMinute) {
  Rest limited(market_, "", 10);
  net::Request request;
  request.method = "GET";
  request.path = "/api/v1/crypto/exchange";
  BootTime now(std::chrono::hours(1));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limited.answer(request, kNow, now).status, 200);
  const net::Response refused = limited.answer(request, kNow, now);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(*refused.body,
            R"({"error":"API limit reached. Please try again later. Remaining Limit: 0"})");
  now += std::chrono::seconds(61);
  EXPECT_EQ(limited.answer(request, kNow, now).status, 200);
}

}  // namespace
}  // namespace tapeline::simulate
