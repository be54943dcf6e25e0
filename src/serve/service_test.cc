#include "serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <sstream>

#include "serve/limits.h"
#include "serve/page.h"
#include "serve/service_fixture.h"
#include "support/golden.h"

namespace tapeline::embedded {
extern const std::string_view openapi_yaml;
}

namespace tapeline::serve {
namespace {

using test::expect_golden;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string unzipped(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string input = bytes;
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

class ApiTest : public ServiceTest {
 protected:
  /// "start:trades" of each bar of a JSON answer.
  std::string starts(const net::Response& response) {
    std::string text;
    const std::string json = body(response);
    for (size_t at = json.find("\"start_ms\":"); at != std::string::npos;
         at = json.find("\"start_ms\":", at + 1))
      text += std::to_string((std::stoll(json.substr(at + 11)) - kNowMs) / 1'000) + " ";
    return text;
  }
  void store_seconds(int count) {
    std::vector<store::BarRow> rows;
    for (int i = 0; i < count; ++i)
      rows.push_back(sample_row("AAPL", kSecond, kNowMs + i * 1'000, 1));
    store_bars(rows);
  }
};

TEST_F(ApiTest, StatusSaysWhatTheProgramKnows) {
  status_.now.connection = {.state = "live",
                            .detail = "",
                            .source = "simulated",
                            .epoch = 3,
                            .since = at_us(kNowMs * 1'000 - 59'000'000),
                            .last_frame = at_us(kNowMs * 1'000 - 90'001),
                            .lag_ms = 90};
  status_.now.rates = {12.5, 61.25, 40};
  status_.now.counters = {{"frames", 10}, {"trades", 50}, {"rejected", 2}};
  status_.now.rejects = {{"bad_price", 2}};
  status_.now.log = {.durability = "fsync",
                     .bytes = 4'096,
                     .segments = 1,
                     .pending_bytes = 10,
                     .begin = Position(1, 1),
                     .end = Position(1, 51),
                     .error = ""};
  status_.now.ready = true;
  expect_golden("api/status.json", body(get("/api/v1/status")));
}

TEST_F(ApiTest, SymbolsComeWithTheirLastTrade) {
  symbols_.infos = {{"AAPL", "stock", "subscribed", "", at_us(kNowMs * 1'000)},
                    {"BINANCE:BTCUSDT", "crypto", "refused", "Invalid \"symbol\"", std::nullopt}};
  Publication publication;
  publication.trades = {trade("AAPL", kNowMs, 7), trade("AAPL", kNowMs + 5, 8)};
  service().publish(publication);
  expect_golden("api/symbols.json", body(get("/api/v1/symbols")));
}

TEST_F(ApiTest, BarsAreExactAndSayWhatTheyAre) {
  store::BarRow forex = sample_row("OANDA:EUR_USD", kMinute, kNowMs, 1);
  forex.bar.priced_by = model::PricedBy::none;
  forex.bar.open = forex.bar.high = forex.bar.low = forex.bar.close = std::nullopt;
  forex.bar.volume = model::Sum();
  forex.bar.notional = model::Sum::from_units(std::nullopt);
  forex.bar.coverage_kind = model::CoverageKind::unknown;
  forex.bar.coverage_ms = std::nullopt;
  store_bars({sample_row("AAPL", kMinute, kNowMs, 1), forex});
  expect_golden("api/bars.json", body(get("/api/v1/bars", {{"symbol", "AAPL"}})));
  expect_golden("api/bars_without_prices.json",
                body(get("/api/v1/bars", {{"symbol", "OANDA:EUR_USD"}})));
  const auto csv = get("/api/v1/bars", {{"symbol", "AAPL"}, {"format", "csv"}});
  EXPECT_EQ(csv.content_type, "text/csv; charset=utf-8");
  expect_golden("api/bars.csv", body(csv));
}

TEST_F(ApiTest, BarsOfAnUnknownSymbolAreNone) {
  const auto answer = get("/api/v1/bars", {{"symbol", "NONE"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(body(answer), HasSubstr("\"next\":null,\"bars\":[]"));
}

TEST_F(ApiTest, BarsNewerThanTheStoreAreInTheAnswer) {
  store_seconds(2);
  publish_bars({sample_row("AAPL", kSecond, kNowMs + 5'000, 9).bar});
  EXPECT_EQ(starts(get("/api/v1/bars", {{"symbol", "AAPL"}, {"interval", "1s"}})), "0 1 5 ");
}

TEST_F(ApiTest, WithoutABeginningTheNewestBarsAreGiven) {
  store_seconds(10);
  EXPECT_EQ(starts(get("/api/v1/bars", {{"symbol", "AAPL"}, {"interval", "1s"}, {"limit", "3"}})),
            "7 8 9 ");
  EXPECT_EQ(starts(get("/api/v1/bars", {{"symbol", "AAPL"},
                                        {"interval", "1s"},
                                        {"to", "2020-02-25T14:30:05Z"},
                                        {"limit", "2"}})),
            "3 4 ");
}

TEST_F(ApiTest, WithABeginningBarsArePaged) {
  store_seconds(5);
  std::vector<std::pair<std::string, std::string>> query = {
      {"symbol", "AAPL"}, {"interval", "1s"}, {"from", "2020-02-25T14:30:00Z"}, {"limit", "2"}};
  std::string all;
  for (int page = 0; page < 3; ++page) {
    const auto answer = get("/api/v1/bars", query);
    all += starts(answer) + "| ";
    const std::string json = body(answer);
    query[2].second = json.substr(json.find("\"next\":") + 7, 13);
  }
  EXPECT_EQ(all, "0 1 | 2 3 | 4 | ");
  EXPECT_THAT(body(get("/api/v1/bars",
                       {{"symbol", "AAPL"}, {"interval", "1s"}, {"from", "1582641004000"}})),
              HasSubstr("\"next\":null"));
  const auto csv = get(
      "/api/v1/bars",
      {{"symbol", "AAPL"}, {"interval", "1s"}, {"from", "0"}, {"limit", "2"}, {"format", "csv"}});
  EXPECT_EQ(header(csv, "x-next"), "1582641002000");
}

TEST_F(ApiTest, TradesAreTheNewestOfTheRangeFromTheLog) {
  log_trades({trade("AAPL", kNowMs + 2, 3), trade("MSFT", kNowMs, 4), trade("AAPL", kNowMs, 1),
              trade("AAPL", kNowMs + 2, 2), trade("AAPL", kNowMs + 2, 3)});
  expect_golden("api/trades.json", body(get("/api/v1/trades", {{"symbol", "AAPL"}})));
  const auto sequences = [&](std::vector<std::pair<std::string, std::string>> query) {
    query.emplace_back("symbol", "AAPL");
    const std::string json = body(get("/api/v1/trades", query));
    std::string text;
    for (size_t at = json.find("\"sequence\":"); at != std::string::npos;
         at = json.find("\"sequence\":", at + 1))
      text += json[at + 11];
    return text;
  };
  EXPECT_EQ(sequences({}), "123");
  EXPECT_EQ(sequences({{"limit", "2"}}), "23");
  EXPECT_EQ(sequences({{"to", std::to_string(kNowMs + 2)}}), "1");
  EXPECT_EQ(sequences({{"from", std::to_string(kNowMs + 1)}}), "23");
  EXPECT_EQ(sequences({{"from", std::to_string(kNowMs + 3)}}), "");
}

TEST_F(ApiTest, OldTradesAreFoundWhenThereAreNoNewerOnes) {
  log_trades({trade("AAPL", 1'000, 1)});
  EXPECT_THAT(body(get("/api/v1/trades", {{"symbol", "AAPL"}})), HasSubstr("\"sequence\":1"));
}

TEST_F(ApiTest, ATradeQueryEndsAtItsBoundAndSaysSo) {
  options().records_scanned_max = 3;
  log_trades({trade("AAPL", kNowMs, 1), trade("AAPL", kNowMs, 2), trade("AAPL", kNowMs, 3)});
  EXPECT_THAT(body(get("/api/v1/trades", {{"symbol", "AAPL"}, {"from", "0"}})),
              HasSubstr("\"complete\":true"));
  log_trades({trade("AAPL", kNowMs, 4)});
  EXPECT_THAT(body(get("/api/v1/trades", {{"symbol", "AAPL"}, {"from", "0"}})),
              HasSubstr("\"complete\":false"));
}

TEST_F(ApiTest, DeadLettersAreThoseOfTheQuery) {
  using enum model::RejectReason;
  put_aside(time_in_future, 17, 42, R"({"s":"A","p":1,"t":9,"v":1})");
  put_aside(not_utf8, 18, 0, "\xff\x01");
  put_aside(time_in_future, 19, 43, "{}");
  store::Commit commit;
  commit.checkpoint = {Position(0, 1), "state"};
  ASSERT_TRUE(store_->open_writer().value()->write(commit).ok());
  (*replayed_)["simulated"].add(3, 42);
  expect_golden("api/dead_letters.json", body(get("/api/v1/dead-letters")));
  const auto ids = [&](std::vector<std::pair<std::string, std::string>> query) {
    const std::string text = body(get("/api/v1/dead-letters", std::move(query)));
    std::string found;
    for (int id = 1; id <= 3; ++id)
      if (text.find("{\"id\":" + std::to_string(id) + ",") != std::string::npos)
        found += std::to_string(id);
    return found + (text.find("\"next\":null") == std::string::npos ? "+" : "");
  };
  EXPECT_EQ(ids({{"reason", "time_in_future"}}), "13");
  EXPECT_EQ(ids({{"source", "finnhub"}}), "");
  EXPECT_EQ(ids({{"limit", "2"}}), "23+");
  EXPECT_EQ(ids({{"limit", "2"}, {"before", "2"}}), "1");
  EXPECT_EQ(ids({{"to", "2020-02-25"}}), "");
  EXPECT_EQ(ids({{"from", "2020-02-25"}}), "123");
}

TEST_F(ApiTest, ADeadLetterIsWholeAndAListCutsIt) {
  // A cut inside the two bytes of a character leaves it out.
  std::string raw(kLetterBytesShown - 1, 'x');
  raw += "\u00e9 and more";
  put_aside(model::RejectReason::malformed_json, 17, 0, raw);
  const std::string shown = "\"cut\":true,\"text\":\"" + std::string(kLetterBytesShown - 1, 'x');
  EXPECT_THAT(body(get("/api/v1/dead-letters")), HasSubstr(shown + "\",\"hex\":null"));
  const auto whole = get("/api/v1/dead-letters/1");
  EXPECT_THAT(body(whole), HasSubstr("\"cut\":false,\"text\":\"" + raw + "\""));
  EXPECT_THAT(body(whole), HasSubstr("\"replayed\":null")) << "there is no checkpoint";
  EXPECT_EQ(get("/api/v1/dead-letters/2").status, 404);
  EXPECT_THAT(body(get("/api/v1/dead-letters/2")), HasSubstr("have the numbers 1 to 1"));
  EXPECT_EQ(get("/api/v1/dead-letters/x").status, 404);
}

TEST_F(ApiTest, GapsAreThoseOfTheRange) {
  store::Commit commit;
  commit.gaps = {store::sample_gap(1, std::nullopt, kNowMs * 1'000, kNowMs * 1'000 + 14'000'000),
                 store::sample_gap(2, "MSFT", kNowMs * 1'000, kNowMs * 1'000 + 1)};
  ASSERT_TRUE(store_->open_writer().value()->write(commit).ok());
  expect_golden("api/gaps.json", body(get("/api/v1/gaps")));
  EXPECT_THAT(body(get("/api/v1/gaps", {{"symbol", "AAPL"}})), Not(HasSubstr("MSFT")));
  EXPECT_THAT(body(get("/api/v1/gaps", {{"to", "2020-02-25"}})), HasSubstr("\"gaps\":[]"));
  const std::string newest = body(get("/api/v1/gaps", {{"limit", "1"}}));
  EXPECT_THAT(newest, HasSubstr("\"more\":true"));
  EXPECT_THAT(newest, HasSubstr("MSFT"));
  EXPECT_THAT(body(get("/api/v1/gaps", {{"limit", "1"}, {"from", "0"}})), Not(HasSubstr("MSFT")));
}

TEST_F(ApiTest, ConfigMasksSecrets) {
  options().token = "hunter2";
  net::Request made = request("GET", "/api/v1/config");
  made.headers.emplace_back("authorization", "Bearer hunter2");
  const std::string json = body(ask(made));
  EXPECT_THAT(json, HasSubstr("\"key\":\"serve.token\",\"value\":\"***\""));
  EXPECT_THAT(json, HasSubstr("\"key\":\"serve.port\",\"value\":\"8080\""));
  EXPECT_THAT(json, Not(HasSubstr("hunter2")));
}

TEST_F(ApiTest, SymbolsAreAddedAndRemoved) {
  net::Request post = request("POST", "/api/v1/symbols");
  post.headers.emplace_back("content-type", "application/json");
  post.body = R"({"symbol": "IC MARKETS:1"})";
  const auto answer = ask(post);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(header(answer, "location"), "/api/v1/symbols/IC%20MARKETS%3A1");
  EXPECT_EQ(ask(request("DELETE", "/api/v1/symbols/IC MARKETS:1")).status, 204);
  EXPECT_THAT(symbols_.added, ElementsAre("IC MARKETS:1"));
  EXPECT_THAT(symbols_.removed, ElementsAre("IC MARKETS:1"));

  symbols_.outcome =
      make_error(ErrorCode::full, "ingest: 50 symbols is the feed's cap; remove one");
  const auto full = ask(post);
  EXPECT_EQ(full.status, 507);
  EXPECT_THAT(body(full), HasSubstr("50 symbols is the feed's cap; remove one"));
  symbols_.outcome = make_error(ErrorCode::not_found, "not wanted");
  EXPECT_EQ(ask(request("DELETE", "/api/v1/symbols/X")).status, 404);
}

TEST_F(ApiTest, BadSymbolsNeverReachTheFeed) {
  for (const char* text :
       {"", "[]", "{}", "{\"symbol\":\"\"}", "{\"symbol\":\" A\"}", "{\"symbol\":\"A\\n\"}",
        "{\"symbol\":\"A\",\"x\":1}", "{\"symbol\":\"\xff\"}", "{\"symbol\":{\"a\":1}}",
        "{\"symbol\":\"A\"", "{\"symbol\":\"\\ud800\"}"}) {
    net::Request post = request("POST", "/api/v1/symbols");
    post.headers.emplace_back("content-type", "application/json");
    post.body = text;
    EXPECT_EQ(ask(post).status, 400) << text;
  }
  net::Request form = request("POST", "/api/v1/symbols");
  form.headers.emplace_back("content-type", "text/plain");
  form.body = "{\"symbol\":\"A\"}";
  EXPECT_EQ(ask(form).status, 415);
  form.headers.back().second = "application/json";
  form.body += std::string(kRequestBodyBytesMax, ' ');
  EXPECT_EQ(ask(form).status, 413);
  EXPECT_TRUE(symbols_.added.empty());
}

TEST_F(ApiTest, SearchAsksTheFeedAndIsBounded) {
  for (int i = 0; i < 60; ++i) symbols_.hits.push_back({"S" + std::to_string(i), "NAME", "Common"});
  const std::string json = body(get("/api/v1/symbols/search", {{"q", "app"}}));
  EXPECT_THAT(symbols_.searched, ElementsAre("app"));
  EXPECT_THAT(json,
              HasSubstr(R"({"results":[{"symbol":"S0","description":"NAME","type":"Common"},)"));
  EXPECT_THAT(json, HasSubstr("\"S49\""));
  EXPECT_THAT(json, Not(HasSubstr("\"S50\"")));
  EXPECT_THAT(json, HasSubstr("\"more\":true"));
  EXPECT_EQ(get("/api/v1/symbols/search").status, 400);
  EXPECT_EQ(get("/api/v1/symbols/search", {{"q", std::string(101, 'a')}}).status, 400);
}

TEST_F(ApiTest, WrongParametersAreRefusedWithWhatIsRight) {
  const struct {
    const char* path;
    std::vector<std::pair<std::string, std::string>> query;
    const char* sentence;
  } kCases[] = {
      {"/api/v1/bars", {}, "'symbol' is missing: give one, such as symbol=AAPL."},
      {"/api/v1/bars", {{"symbol", ""}}, "'symbol' must be 1 to 64 bytes"},
      {"/api/v1/bars",
       {{"symbol", "A"}, {"interval", "2m"}},
       "'interval' must be one of 1s, 5s, 15s, 1m, 5m, 15m, 30m, 1h, 4h, 1d."},
      {"/api/v1/bars", {{"symbol", "A"}, {"limit", "10001"}}, "whole number from 1 to 10000."},
      {"/api/v1/bars", {{"symbol", "A"}, {"limit", "0"}}, "whole number from 1 to 10000."},
      {"/api/v1/bars", {{"symbol", "A"}, {"limit", "5x"}}, "whole number from 1 to 10000."},
      {"/api/v1/bars", {{"symbol", "A"}, {"from", "today"}}, "'from' must be a time such as"},
      {"/api/v1/bars", {{"symbol", "A"}, {"basis", "some"}}, "one of all, eligible, vendor."},
      {"/api/v1/bars", {{"symbol", "A"}, {"format", "xml"}}, "'format' must be one of json, csv."},
      {"/api/v1/bars",
       {{"symbol", "A"}, {"start", "1"}},
       "'start' is not known: the parameters here are symbol, interval, basis, from, to, limit, "
       "format."},
      {"/api/v1/trades", {{"symbol", "A"}, {"symbol", "B"}}, "'symbol' is given twice"},
      {"/api/v1/trades", {{"symbol", "A"}, {"limit", "1001"}}, "from 1 to 1000."},
      {"/api/v1/gaps", {{"to", "x"}}, "'to' must be a time"},
      {"/api/v1/dead-letters", {{"reason", "x"}}, "'reason' must be one of malformed_json, not_"},
      {"/api/v1/dead-letters", {{"before", "0"}}, "'before' must be a whole number from 1."},
  };
  for (const auto& wrong : kCases) {
    const auto answer = get(wrong.path, wrong.query);
    EXPECT_EQ(answer.status, 400) << wrong.sentence;
    EXPECT_EQ(answer.content_type, "application/problem+json");
    EXPECT_THAT(body(answer), HasSubstr(wrong.sentence));
  }
  expect_golden("api/problem.json", body(get("/api/v1/bars")));
}

TEST_F(ApiTest, UnknownPathsAndMethodsAreToldWhatThereIs) {
  EXPECT_EQ(get("/api/v1/nothing").status, 404);
  EXPECT_EQ(get("/api/v2/bars").status, 404);
  EXPECT_EQ(get("/nothing.html").status, 404);
  EXPECT_EQ(get("/api/v1/symbols/").status, 404);
  const auto wrong = ask(request("PUT", "/api/v1/symbols"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header(wrong, "allow"), "GET, POST");
  EXPECT_EQ(get("/api/v1/stream").status, 426);
}

TEST_F(ApiTest, HealthReadinessAndMetrics) {
  EXPECT_EQ(body(get("/healthz")), "ok\n");
  status_.now.not_ready = "The feed refused the token; set FINNHUB_API_TOKEN.";
  const auto not_ready = get("/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_THAT(body(not_ready), HasSubstr("The feed refused the token"));
  status_.now.ready = true;
  EXPECT_EQ(get("/readyz").status, 200);
  const auto metrics = get("/metrics");
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(body(metrics), HasSubstr("tapeline_serve_answers_total{class=\"5xx\"} 1"));
}

TEST_F(ApiTest, LargeAnswersAreCompressedForWhoTakesIt) {
  store_seconds(20);
  net::Request made = request("GET", "/api/v1/bars", {{"symbol", "AAPL"}, {"interval", "1s"}});
  const std::string plain = body(ask(made));
  for (const char* accepted : {"gzip", "br, gzip;q=0.5", "deflate,gzip ; q=1.0"}) {
    made.headers = {{"host", "localhost"}, {"accept-encoding", accepted}};
    const auto answer = ask(made);
    EXPECT_EQ(header(answer, "content-encoding"), "gzip") << accepted;
    EXPECT_EQ(unzipped(body(answer)), plain);
    EXPECT_LT(body(answer).size(), plain.size() / 4);
  }
  for (const char* accepted : {"br", "gzip;q=0", "gzipped"}) {
    made.headers = {{"host", "localhost"}, {"accept-encoding", accepted}};
    EXPECT_EQ(header(ask(made), "content-encoding"), "") << accepted;
  }
}

TEST_F(ApiTest, AnAnswerTheCallerHasIsNotSentAgain) {
  store_seconds(2);
  net::Request made = request("GET", "/api/v1/bars", {{"symbol", "AAPL"}, {"interval", "1s"}});
  const std::string etag = header(ask(made), "etag");
  made.headers.emplace_back("if-none-match", etag);
  const auto again = ask(made);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(body(again), "");
  store_seconds(3);
  EXPECT_EQ(ask(made).status, 200);
}

TEST_F(ApiTest, TheDashboardIsServedWithItsPolicy) {
  const auto page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(header(page, "content-security-policy"), HasSubstr("default-src 'self'"));
  EXPECT_EQ(header(page, "x-content-type-options"), "nosniff");
  for (const PageFile& file : page_files()) {
    net::Request made = request("GET", std::string(file.path));
    made.headers.emplace_back("accept-encoding", "gzip");
    const auto answer = ask(made);
    EXPECT_EQ(answer.content_type, file.type);
    EXPECT_EQ(body(answer), file.gzip.empty() ? file.bytes : file.gzip);
    made.headers.emplace_back("if-none-match", header(answer, "etag"));
    EXPECT_EQ(ask(made).status, 304);
    EXPECT_EQ(body(get(std::string(file.path))), file.bytes);
  }
}

TEST_F(ApiTest, TooManyWaitingQueriesAreRefusedWithRetry) {
  workers_.waiting_max = 0;
  const auto refused = get("/api/v1/bars", {{"symbol", "AAPL"}});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(header(refused, "retry-after"), "1");
}

TEST_F(ApiTest, ProofsAreAskedForOnTheWorkersThreadWithinLimits) {
  EXPECT_EQ(body(get("/api/v1/bars/BRK/A/1m/2020-02-25T14:30:00Z")),
            "{\"feed\":\"simulated\",\"label\":\"Simulated market\",\"simulated\":true,"
            "\"outcome\":\"equal\"}\n");
  get("/api/v1/bars/AAPL/1d/1582641000123", {{"limit", "1000"}});
  get("/api/v1/verify", {{"symbol", "AAPL"}, {"from", "1000"}, {"to", "61000"}});
  get("/api/v1/verify", {{"symbol", "AAPL"}, {"interval", "1m"}, {"from", "0"}, {"to", "1"}});
  EXPECT_THAT(proofs_.asked,
              testing::ElementsAre("explain BRK/A 1m 1582641000000 100",
                                   "explain AAPL 1d 1582641000123 1000",
                                   "verify AAPL all 60000 100", "verify AAPL 1m 1 100"));
  proofs_.error = make_error(ErrorCode::invalid, "the log has {} records", 7);
  EXPECT_EQ(get("/api/v1/bars/AAPL/1m/0").status, 400);
}

TEST_F(ApiTest, WrongQuestionsForProofsAreRefused) {
  EXPECT_EQ(get("/api/v1/bars/AAPL").status, 404);
  EXPECT_EQ(get("/api/v1/bars/AAPL/1m").status, 404);
  EXPECT_EQ(get("/api/v1/bars//1m/0").status, 400);
  EXPECT_EQ(get("/api/v1/bars/AAPL/2m/0").status, 400);
  EXPECT_EQ(get("/api/v1/bars/AAPL/1m/noon").status, 400);
  EXPECT_EQ(get("/api/v1/bars/AAPL/1m/0", {{"limit", "1001"}}).status, 400);
  EXPECT_EQ(get("/api/v1/verify", {{"from", "0"}, {"to", "1"}}).status, 400);
  EXPECT_EQ(get("/api/v1/verify", {{"symbol", "A"}, {"to", "1"}}).status, 400);
  EXPECT_EQ(get("/api/v1/verify", {{"symbol", "A"}, {"from", "1"}, {"to", "1"}}).status, 400);
  EXPECT_THAT(proofs_.asked, testing::IsEmpty());
}

TEST_F(ApiTest, DescriptionAndRoutesAreTheSame) {
  // The file's layout is fixed: a path begins a line after two spaces, a method after four.
  std::vector<std::string> described;
  std::string path;
  std::string text = body(get("/api/v1/openapi.yaml"));
  EXPECT_EQ(text, embedded::openapi_yaml);
  std::istringstream lines(text.substr(0, text.find("\ncomponents:")));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  /")) path = line.substr(2, line.rfind(':') - 2);
    if (line.starts_with("    ") && line[4] != ' ' && !path.empty()) {
      std::string method = line.substr(4, line.find(':') - 4);
      std::transform(method.begin(), method.end(), method.begin(), ::toupper);
      described.push_back(method + " " + path);
    }
  }
  std::vector<std::string> served;
  for (const Api::Route& route : Api::routes())
    served.push_back(std::string(route.method) + " " + std::string(route.path));
  EXPECT_THAT(described, testing::UnorderedElementsAreArray(served));
  for (const size_t limit : {kBarsMax, kTradesMax, kProofRowsMax, kLettersMax})
    EXPECT_THAT(text, HasSubstr("maximum: " + std::to_string(limit) + ","));
  EXPECT_THAT(text, HasSubstr("maxLength: " + std::to_string(kSearchBytesMax)));
  EXPECT_THAT(text, HasSubstr("maxLength: " + std::to_string(kSymbolBytesMax)));
  EXPECT_THAT(text, HasSubstr(std::to_string(kSubscriptionsMax) + " subscriptions a stream"));
}

TEST_F(ApiTest, PagesOfOtherSitesAreRefused) {
  net::Request rebound = request("GET", "/api/v1/status");
  for (const char* host :
       {"evil.example:8080", "127.evil.example", "127.0.0.1.evil.example:8080"}) {
    rebound.headers = {{"host", host}};
    EXPECT_EQ(ask(rebound).status, 421) << host;
  }
  rebound.headers.clear();
  EXPECT_EQ(ask(rebound).status, 421);
  for (const char* host : {"localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"}) {
    rebound.headers = {{"host", host}};
    EXPECT_EQ(ask(rebound).status, 200) << host;
  }
  net::Request foreign = request("DELETE", "/api/v1/symbols/A");
  foreign.headers.emplace_back("origin", "https://evil.example");
  EXPECT_EQ(ask(foreign).status, 403);
  EXPECT_EQ(service().upgrade(foreign).refusal->status, 403);
  foreign.headers.back().second = "null";
  EXPECT_EQ(ask(foreign).status, 403);
  foreign.headers.back().second = "http://localhost:8080";
  EXPECT_EQ(ask(foreign).status, 204);
}

TEST_F(ApiTest, ATokenIsWantedOnceSet) {
  options().token = "hunter2";
  EXPECT_EQ(get("/api/v1/status").status, 401);
  EXPECT_EQ(get("/metrics").status, 401);
  EXPECT_EQ(get("/").status, 401);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(service().upgrade(request("GET", "/api/v1/stream")).refusal->status, 401);
  const auto with = [&](const char* authorization) {
    net::Request made = request("GET", "/api/v1/status");
    made.headers.emplace_back("authorization", authorization);
    return ask(made).status;
  };
  EXPECT_EQ(with("Bearer hunter2"), 200);
  EXPECT_EQ(with("bearer hunter2"), 200);
  EXPECT_EQ(with("Basic YW55Ym9keTpodW50ZXIy"), 200);
  for (const char* wrong : {"Bearer hunter", "Bearer hunter22", "Bearer ", "hunter2",
                            "Basic aHVudGVyMg==", "Basic ???", ""})
    EXPECT_EQ(with(wrong), 401) << wrong;
}

TEST(Access, RefusesToOpenToANetworkWithoutTokenAndTls) {
  Options options;
  EXPECT_TRUE(check_access(options).ok());
  options.address = "0.0.0.0";
  EXPECT_EQ(check_access(options).error().message(),
            "serve: listening on 0.0.0.0 would let everyone on the network in; set serve.token, "
            "serve.certificate_file and serve.key_file, or listen on 127.0.0.1");
  options.token = "x";
  EXPECT_FALSE(check_access(options).ok());
  options.certificate_file = "c.pem";
  EXPECT_EQ(check_access(options).error().message(),
            "serve: TLS needs both serve.certificate_file and serve.key_file; set serve.key_file "
            "too");
  options.key_file = "k.pem";
  EXPECT_TRUE(check_access(options).ok());
}

}  // namespace
}  // namespace tapeline::serve
