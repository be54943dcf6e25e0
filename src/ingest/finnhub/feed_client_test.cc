#include "ingest/finnhub/feed_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/diag.h"
#include "codec/entry.h"
#include "support/entry_format.h"
#include "support/fake_connector.h"
#include "support/manual_loop.h"
#include "support/moody_log.h"

namespace tapeline::ingest::finnhub {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr WallTime kStart{seconds(1'700'000'000)};

struct NoLetters : DeadLetterSink {
  void put(const DeadLetter& letter) override { ++count, last = letter.reason; }
  int count = 0;
  model::RejectReason last{};
};

class FeedClientTest : public testing::Test {
 protected:
  FeedClientTest() {
    options_.symbols = {"AAPL", "BINANCE:BTCUSDT"};
    options_.token = "sesame/1";
    diag::set_sink([this](diag::Level, std::string_view line) { lines_.emplace_back(line); });
  }
  ~FeedClientTest() override { diag::set_sink({}); }

  void make(std::string source = "finnhub") {
    stage_ = std::make_unique<Stage>(log_, letters_, loop_.clock(), registry_, StageOptions());
    client_ = std::make_unique<FeedClient>(
        loop_, connector_, *stage_, random_, registry_, std::move(source), options_, seconds(2),
        FeedClient::Callbacks{.next_epoch = [this] { return ++epoch_; },
                              .ended = [this] { ended_ = true; }});
  }

  void start(const FeedClient::Previous& previous = {}) {
    if (!client_) make();
    client_->start(previous);
    loop_.run_ready();
  }

  /// Started, open, and every symbol asked for.
  void start_live(const net::Headers& handshake = {}) {
    start();
    open(handshake);
    while (client_->state() == FeedState::subscribing) loop_.advance(milliseconds(50));
    (void)new_records();
  }

  test::FakeSocket& socket() { return connector_.last(); }
  void open(const net::Headers& handshake = {}) {
    socket().open(handshake);
    loop_.run_ready();
  }
  void message(std::string_view text) {
    socket().message(text);
    if (client_->state() != FeedState::stopped) loop_.run_ready();
  }
  void trade(std::string_view symbol, int64_t at_ms) {
    message(fmt::format(R"({{"data":[{{"s":"{}","p":10,"t":{},"v":1,"c":null}}],"type":"trade"}})",
                        symbol, at_ms));
  }
  void end(const net::Closed& closed) {
    socket().end(closed);
    loop_.run_ready();
  }
  void lose() { end({.kind = net::Closed::Kind::broken, .message = "the connection broke"}); }
  void refuse(int status, net::Headers headers = {}) {
    end({.kind = net::Closed::Kind::handshake_refused,
         .http_status = status,
         .message = "refused",
         .headers = std::move(headers)});
  }
  int64_t now_ms() { return loop_.clock().wall().time_since_epoch().count() / 1'000; }

  /// Seconds since the start.
  static std::string time(const std::optional<model::IngestTime>& time) {
    if (!time) return "-";
    return fmt::format("{}", std::chrono::duration<double>(*time - kStart).count());
  }

  static std::string text(const codec::EntryView& entry) {
    if (entry.kind == codec::EntryKind::trade)
      return fmt::format("trade {} {}/{}", entry.trade.symbol, entry.trade.epoch,
                         entry.trade.sequence);
    const model::Control& control = entry.control;
    std::string line(model::to_string(control.kind));
    if (control.kind == model::ControlKind::gap || control.kind == model::ControlKind::tick ||
        control.kind == model::ControlKind::clock_stepped)
      line += fmt::format(" {}..{}", time(control.from), time(control.to));
    else
      line += fmt::format(" {}", control.epoch);
    if (control.symbol) line += " " + *control.symbol;
    if (!control.detail.empty()) line += " " + control.detail;
    return line;
  }

  static std::optional<milliseconds> optional_ms(std::optional<int64_t> value) {
    return value ? std::optional(milliseconds(*value)) : std::nullopt;
  }

  /// What came into the log since the last call; ticks only when asked for.
  std::vector<std::string> new_records(bool ticks = false) {
    std::vector<std::string> found;
    if (!reader_) reader_ = log_.read(Position()).value();
    log::Batch batch;
    while (reader_->next(batch, std::chrono::microseconds(0)).value() ==
           log::ReadOutcome::progressed) {
      codec::EntryReader entries(*batch.bytes);
      codec::EntryView entry;
      while (entries.next(entry) == codec::EntryReader::Outcome::progressed) {
        EXPECT_EQ(entry.kind == codec::EntryKind::trade ? entry.trade.source : entry.control.source,
                  client_->status().source);
        const bool tick = entry.kind == codec::EntryKind::control &&
                          entry.control.kind == model::ControlKind::tick;
        if (tick) lag_ = optional_ms(entry.control.lag_ms);
        if (tick == ticks || !tick) found.push_back(text(entry));
      }
    }
    EXPECT_TRUE(stage_->accounts().balanced()) << "law 1: " << stage_->accounts().to_text();
    return found;
  }

  /// That the newest tick in the log since the last call tells.
  std::optional<milliseconds> last_lag() {
    lag_.reset();
    (void)new_records(true);
    return lag_;
  }

  FeedClient::SymbolStatus symbol(std::string_view name) {
    for (const auto& symbol : client_->status().symbols)
      if (symbol.symbol == name) return symbol;
    return {};
  }

  test::ManualLoop loop_{kStart};
  test::FakeConnector connector_;
  test::MoodyLog log_{loop_.clock(), test::entry_format()};
  NoLetters letters_;
  metrics::Registry registry_;
  Random random_{1};
  Options options_;
  int64_t epoch_ = 0;
  bool ended_ = false;
  std::vector<std::string> lines_;
  std::optional<milliseconds> lag_;  ///< Of the last tick that `new_records` met.
  std::unique_ptr<log::Reader> reader_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<FeedClient> client_;
};

TEST_F(FeedClientTest, ConnectsWithTheTokenAndSubscribesPaced) {
  start();
  EXPECT_EQ(client_->state(), FeedState::connecting);
  EXPECT_EQ(socket().url, "wss://ws.finnhub.io?token=sesame%2F1");
  EXPECT_TRUE(socket().options.tls.verify);
  open();
  EXPECT_EQ(client_->state(), FeedState::subscribing);
  EXPECT_THAT(socket().sent, ElementsAre(R"({"type":"subscribe","symbol":"AAPL"})"));
  loop_.advance(milliseconds(49));
  EXPECT_EQ(socket().sent.size(), 1U);
  loop_.advance(milliseconds(1));
  EXPECT_THAT(socket().sent, ElementsAre(R"({"type":"subscribe","symbol":"AAPL"})",
                                         R"({"type":"subscribe","symbol":"BINANCE:BTCUSDT"})"));
  loop_.advance(milliseconds(50));
  EXPECT_EQ(client_->state(), FeedState::live);
  EXPECT_EQ(client_->status().sentence, "connected to ws.finnhub.io:443");
  EXPECT_THAT(new_records(), ElementsAre("epoch_opened 1 wall", "subscribed 1 AAPL",
                                         "subscribed 1 BINANCE:BTCUSDT"));
}

TEST_F(FeedClientTest, LogsTradesWithTheirIdentity) {
  start_live();
  trade("AAPL", now_ms());
  trade("BINANCE:BTCUSDT", now_ms());
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 1/1", "trade BINANCE:BTCUSDT 1/2"));
  EXPECT_EQ(symbol("AAPL").last_trade, loop_.clock().wall());
}

TEST_F(FeedClientTest, TicksOnceASecondAlsoWhileNotConnected) {
  start_live();
  trade("AAPL", now_ms());
  const std::string arrival = time(loop_.clock().wall());
  (void)new_records();
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(true), ElementsAre("tick " + arrival + "..1"));
  lose();
  loop_.advance(seconds(2));
  EXPECT_THAT(new_records(true), Contains("tick -..3"));
}

TEST_F(FeedClientTest, AGapRunsFromTheLastFrameLessTheLatencyBoundToTheNextOpening) {
  start_live();
  loop_.advance(milliseconds(900));
  trade("AAPL", now_ms());  // At second 1.
  loop_.advance(seconds(9));
  (void)new_records();
  lose();
  EXPECT_EQ(client_->state(), FeedState::waiting);
  EXPECT_THAT(new_records(), ElementsAre("epoch_closed 1 disconnect: the connection broke",
                                         "gap -1..10 disconnect"));
  loop_.advance(seconds(5));
  open();
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_opened 2 wall", "gap 10..15 disconnect", "subscribed 2 AAPL"));
  loop_.advance(milliseconds(100));
  EXPECT_THAT(new_records(), ElementsAre("subscribed 2 BINANCE:BTCUSDT"));
}

TEST_F(FeedClientTest, FailedAttemptsOpenNoEpochAndWaitLongerAndLonger) {
  start();
  int64_t greatest = 0;
  for (int i = 0; i < 12; ++i) {
    lose();
    ASSERT_EQ(client_->state(), FeedState::waiting);
    const auto wait = *client_->status().next_attempt - loop_.clock().wall();
    EXPECT_GE(wait, milliseconds(250));
    EXPECT_LE(wait, seconds(60));
    greatest = std::max(greatest, int64_t{wait.count()});
    EXPECT_THAT(client_->status().sentence, HasSubstr("the connection broke; trying again in "));
    const size_t attempts = connector_.sockets.size();
    loop_.advance(wait);
    EXPECT_EQ(connector_.sockets.size(), attempts + 1);
  }
  EXPECT_GT(greatest, 20'000'000);
  EXPECT_THAT(new_records(), IsEmpty());
  EXPECT_EQ(epoch_, 0);
}

TEST_F(FeedClientTest, AWrongTokenIsSaidAndTriedSlowly) {
  start();
  refuse(401);
  EXPECT_EQ(client_->state(), FeedState::refused);
  EXPECT_THAT(client_->status().sentence,
              testing::StartsWith("the token was refused (HTTP 401); check FINNHUB_API_TOKEN or "
                                  "feed.token; trying again in 3"));
  loop_.advance(milliseconds(29'999));
  EXPECT_EQ(connector_.sockets.size(), 1U);
  loop_.advance(seconds(2));
  EXPECT_EQ(connector_.sockets.size(), 2U);
}

TEST_F(FeedClientTest, RetryAfterOf429IsObeyed) {
  start();
  refuse(429, {{"retry-after", "120"}});
  EXPECT_THAT(client_->status().sentence, HasSubstr("the feed wants fewer connections (HTTP 429)"));
  loop_.advance(milliseconds(119'999));
  EXPECT_EQ(connector_.sockets.size(), 1U);
  loop_.advance(seconds(2));
  EXPECT_EQ(connector_.sockets.size(), 2U);
}

TEST_F(FeedClientTest, AnyOtherAnswerIsTriedAgainSoon) {
  start();
  for (const int status : {200, 524}) {
    refuse(status);
    EXPECT_EQ(client_->state(), FeedState::refused);
    EXPECT_THAT(client_->status().sentence,
                HasSubstr(fmt::format("ws.finnhub.io:443 answered the WebSocket request with HTTP "
                                      "{}; if this lasts, check feed.url; trying again in ",
                                      status)));
    loop_.advance(seconds(3));
  }
  EXPECT_EQ(connector_.sockets.size(), 3U);
}

TEST_F(FeedClientTest, TheTokenAppearsNowhereButInTheAddress) {
  start();
  lose();
  loop_.advance(seconds(1));
  end({.kind = net::Closed::Kind::by_peer, .close_code = 1008, .message = "bad key sesame/1"});
  EXPECT_THAT(client_->status().sentence, HasSubstr("(code 1008: bad key ***)"));
  loop_.advance(seconds(3));
  open({{"x-tapeline-feed-label", "sesame/1"}});
  EXPECT_THAT(client_->status().sentence, Not(HasSubstr("sesame")));
  for (const std::string& line : lines_) EXPECT_THAT(line, Not(HasSubstr("sesame")));
  EXPECT_THAT(registry_.text(), Not(HasSubstr("sesame")));
}

TEST_F(FeedClientTest, TheWatchdogGivesUpASilentConnection) {
  start_live();
  loop_.advance(seconds(60));
  message(R"({"type":"ping"})");
  loop_.advance(seconds(149));
  EXPECT_EQ(client_->state(), FeedState::live) << "a ping is a frame";
  loop_.advance(seconds(2));
  EXPECT_EQ(client_->state(), FeedState::waiting);
  EXPECT_THAT(client_->status().sentence, testing::StartsWith("no frame for 150."));
  EXPECT_TRUE(connector_.sockets[0]->gone);
  EXPECT_THAT(new_records(), Contains("gap -2..211 frozen"))
      << "nothing tells for how long the line had held the ping back that came at 60.1";
}

TEST_F(FeedClientTest, AConnectionThatNeverBringsAnythingIsAGapFromItsBeginning) {
  start();
  loop_.advance(seconds(10));
  open();
  (void)new_records();
  loop_.advance(seconds(151));
  EXPECT_THAT(new_records(), Contains("gap 8..160 frozen"));
}

TEST_F(FeedClientTest, ALongSleepIsOneTickAGapAndANewConnection) {
  start_live();
  loop_.advance(milliseconds(900));
  trade("AAPL", now_ms());  // At second 1.
  loop_.advance(milliseconds(500));
  (void)new_records();
  loop_.freeze(minutes(90));
  EXPECT_EQ(connector_.sockets.size(), 2U);
  EXPECT_EQ(client_->state(), FeedState::connecting);
  const auto records = new_records(true);
  EXPECT_EQ(records[0], "epoch_closed 1 frozen: the program stood still for 5400.5 s");
  EXPECT_EQ(records[1], "gap -1..5401.5 frozen");
  EXPECT_EQ(records.size(), 3U) << "one tick";
}

TEST_F(FeedClientTest, AStepOfTheWallClockIsARecord) {
  start_live();
  for (const seconds step : {seconds(3'600), seconds(-7'200)}) {
    loop_.manual_clock().step_wall(step);
    loop_.advance(seconds(1));
    const auto records = new_records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_THAT(records[0], testing::StartsWith("clock_stepped "));
  }
  EXPECT_EQ(client_->state(), FeedState::live);
  EXPECT_EQ(connector_.sockets.size(), 1U);
  EXPECT_THAT(lines_, Contains("clock_stepped: the wall clock was set by 3600000 ms"));
  EXPECT_THAT(lines_, Contains("clock_stepped: the wall clock was set by -7200000 ms"));
}

/// Law 6: by the clock as it is now the line fell silent at -3599.
TEST_F(FeedClientTest, AClockThatIsSetBackDoesNotMakeAGapBeginLate) {
  start_live();
  loop_.advance(milliseconds(900));
  trade("AAPL", now_ms());  // At second 1.
  loop_.advance(seconds(9));
  loop_.manual_clock().step_wall(seconds(-3'600));
  loop_.advance(seconds(150));
  EXPECT_THAT(new_records(), Contains("gap -3601..-3449 frozen"));
}

TEST_F(FeedClientTest, AClockThatIsSetBackIsNoticedBeforeAGapBegins) {
  start_live();
  loop_.advance(milliseconds(900));
  trade("AAPL", now_ms());  // At second 1.
  loop_.advance(seconds(9));
  (void)new_records();
  loop_.manual_clock().step_wall(seconds(-3'600));
  lose();
  EXPECT_THAT(new_records(), ElementsAre("clock_stepped 10..-3590",
                                         "epoch_closed 1 disconnect: the connection broke",
                                         "gap -3601..-3590 disconnect"));
}

TEST_F(FeedClientTest, AGapGoesOnByAClockThatIsSetBack) {
  start_live();
  lose();
  EXPECT_THAT(new_records(), Contains("gap -2..0.1 disconnect"));
  loop_.manual_clock().step_wall(seconds(-3'600));
  loop_.advance(seconds(5));
  open();
  EXPECT_THAT(new_records(), Contains("gap -3599.9..-3594.9 disconnect"));
}

/// Nobody knows since when nothing was heard; the engine must not believe the old clock any more.
TEST_F(FeedClientTest, AClockThatWasSetBackBetweenProcessesIsARecord) {
  epoch_ = 7;
  start({.known = true, .open = true, .epoch = 7, .heard = kStart + seconds(3'600)});
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_closed 7 crash", "clock_stepped 3600..0", "gap -2..0 crash"));
}

TEST_F(FeedClientTest, TheSymbolLimitIsLearned) {
  options_.symbols = {"A", "B", "C"};
  start_live();
  message(R"({"msg":"Subscribing to too many symbols","type":"error"})");
  EXPECT_EQ(socket().sent.back(), R"({"type":"unsubscribe","symbol":"C"})");
  EXPECT_THAT(new_records(), ElementsAre("refused 1 C Subscribing to too many symbols",
                                         "gap 0.1..0.15 C refused"));
  EXPECT_EQ(client_->status().cap, 2U);
  EXPECT_TRUE(client_->status().cap_learned);
  EXPECT_EQ(symbol("C").state, SymbolState::over_cap);
  EXPECT_EQ(symbol("A").state, SymbolState::subscribed);
  loop_.advance(seconds(10));
  (void)new_records();
  // A place that becomes free is taken at once.
  ASSERT_TRUE(client_->remove_symbol("A").ok());
  loop_.advance(milliseconds(100));
  EXPECT_EQ(socket().sent.back(), R"({"type":"subscribe","symbol":"C"})");
  EXPECT_THAT(new_records(),
              ElementsAre("unsubscribed 1 A", "gap 0.15..10.15 C refused", "subscribed 1 C"));
}

TEST_F(FeedClientTest, ASymbolForWhichThereIsNoPlaceIsRefusedOnce) {
  options_.symbols = {"A", "B", "C"};
  options_.symbols_max = 2;
  start();
  open();
  loop_.advance(milliseconds(150));
  EXPECT_THAT(new_records(), ElementsAre("epoch_opened 1 wall", "subscribed 1 A", "subscribed 1 B",
                                         "refused 1 C more symbols than feed.symbols_max"));
  loop_.advance(seconds(20));
  (void)new_records();
  lose();
  EXPECT_THAT(new_records(), Contains("gap 0.1..20.15 C refused"));
  loop_.advance(seconds(5));
  open();
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(), Not(Contains(HasSubstr("refused"))));
}

TEST_F(FeedClientTest, AnInvalidSymbolIsRetriedLate) {
  options_.symbols = {"AAPL", "IC MARKETS:1"};
  start_live();
  message(R"({"msg":"Invalid symbol IC MARKETS:1","type":"error"})");
  EXPECT_THAT(new_records(), ElementsAre("refused 1 IC MARKETS:1 Invalid symbol IC MARKETS:1",
                                         "gap 0.05..0.1 IC MARKETS:1 refused"))
      << "it was never subscribed to";
  EXPECT_EQ(symbol("IC MARKETS:1").state, SymbolState::refused);
  EXPECT_EQ(symbol("IC MARKETS:1").reason, "Invalid symbol IC MARKETS:1");
  const size_t sent = socket().sent.size();
  for (int minute = 0; minute < 44; ++minute) {
    message(R"({"type":"ping"})");
    loop_.advance(minutes(1));
  }
  EXPECT_EQ(socket().sent.size(), sent);
  EXPECT_THAT(
      new_records(),
      ElementsAre("gap 0.1..301 IC MARKETS:1 refused", "gap 301..601 IC MARKETS:1 refused",
                  "gap 601..901 IC MARKETS:1 refused", "gap 901..1201 IC MARKETS:1 refused",
                  "gap 1201..1501 IC MARKETS:1 refused", "gap 1501..1801 IC MARKETS:1 refused",
                  "gap 1801..2101 IC MARKETS:1 refused", "gap 2101..2401 IC MARKETS:1 refused"));
  message(R"({"type":"ping"})");
  loop_.advance(minutes(1));
  EXPECT_EQ(socket().sent.back(), R"({"type":"subscribe","symbol":"IC MARKETS:1"})");
  EXPECT_THAT(new_records(),
              ElementsAre("gap 2401..2700.1 IC MARKETS:1 refused", "subscribed 1 IC MARKETS:1"));
}

class RefusedSymbolTest : public FeedClientTest {
 protected:
  RefusedSymbolTest() { options_.symbols = {"AAPL", "OANDA:EUR_USD"}; }

  void refuse_symbol() { message(R"({"msg":"Invalid symbol OANDA:EUR_USD","type":"error"})"); }
};

TEST_F(RefusedSymbolTest, AStopWritesTheRestOfItsGap) {
  start_live();
  refuse_symbol();
  (void)new_records();
  loop_.advance(milliseconds(60'500));
  client_->stop();
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_closed 1 shutdown", "gap 0.1..60.6 OANDA:EUR_USD refused"));
}

TEST_F(RefusedSymbolTest, ItsGapGoesOnByAClockThatIsSetBack) {
  start_live();
  refuse_symbol();
  (void)new_records();
  loop_.manual_clock().step_wall(seconds(-3'600));
  loop_.advance(milliseconds(60'500));
  client_->stop();
  EXPECT_THAT(new_records(), Contains("gap -3599.9..-3539.4 OANDA:EUR_USD refused"));
}

TEST_F(RefusedSymbolTest, ALostConnectionWritesItsGapUpToThen) {
  start_live();
  refuse_symbol();
  (void)new_records();
  loop_.advance(milliseconds(60'500));
  lose();
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_closed 1 disconnect: the connection broke",
                          "gap -2..60.6 disconnect", "gap 0.1..60.6 OANDA:EUR_USD refused"));
}

TEST_F(RefusedSymbolTest, NoLongerWantedItsGapEndsAndTheLogSaysSo) {
  start_live();
  refuse_symbol();
  loop_.advance(seconds(10));
  (void)new_records();
  ASSERT_TRUE(client_->remove_symbol("OANDA:EUR_USD").ok());
  loop_.run_ready();
  EXPECT_THAT(new_records(),
              ElementsAre("gap 0.1..10.1 OANDA:EUR_USD refused", "unsubscribed 1 OANDA:EUR_USD"));
  loop_.advance(minutes(10));
  EXPECT_THAT(new_records(), Not(Contains(HasSubstr("OANDA"))));
}

TEST_F(RefusedSymbolTest, OneThatTradedIsMissingSinceItsLastTrade) {
  start_live();
  loop_.advance(milliseconds(9'900));
  trade("OANDA:EUR_USD", now_ms());  // At second 10.
  loop_.advance(seconds(10));
  (void)new_records();
  refuse_symbol();
  EXPECT_THAT(new_records(), Contains("gap 8..20 OANDA:EUR_USD refused"));
}

/// What the process before this one had not written when it died.
TEST_F(RefusedSymbolTest, AfterAKillItsGapIsWrittenUpToWhenTheFeedWasHeard) {
  epoch_ = 7;
  start({.known = true,
         .open = true,
         .epoch = 7,
         .heard = kStart - seconds(100),
         .refused = {{"OANDA:EUR_USD", kStart - seconds(300)}, {"X", kStart - seconds(50)}}});
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(), ElementsAre("epoch_closed 7 crash", "gap -102..0 crash",
                                         "gap -300..-100 OANDA:EUR_USD refused"));
}

TEST_F(FeedClientTest, OtherErrorsAndFramesAreCountedAndHarmless) {
  start_live();
  for (const char* text :
       {R"({"msg":"Invalid message","type":"error"})", R"({"msg":"Invalid symbol","type":"error"})",
        R"({"type":"error"})", R"({"type":"news","data":[]})", R"({"type":"pr","data":[]})",
        R"({"type":"surprise"})", R"({"type":"ping"})", "nonsense", "", "\xff\xfe"})
    message(text);
  EXPECT_EQ(client_->state(), FeedState::live);
  EXPECT_THAT(new_records(), IsEmpty());
  EXPECT_EQ(stage_->accounts().frames, 10);
  EXPECT_THAT(lines_, Contains("feed_error_frame: the feed says 'Invalid message'"));
  EXPECT_THAT(registry_.text(), HasSubstr(R"(tapeline_feed_error_frames_total{kind="other"} 3)"));
  trade("AAPL", now_ms());
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 1/1"));
}

TEST_F(FeedClientTest, SymbolsComeAndGoWithoutReconnecting) {
  start_live();
  ASSERT_TRUE(client_->add_symbol("MSFT").ok());
  loop_.advance(milliseconds(50));
  EXPECT_EQ(socket().sent.back(), R"({"type":"subscribe","symbol":"MSFT"})");
  ASSERT_TRUE(client_->remove_symbol("AAPL").ok());
  loop_.run_ready();
  EXPECT_EQ(socket().sent.back(), R"({"type":"unsubscribe","symbol":"AAPL"})");
  EXPECT_THAT(new_records(), ElementsAre("subscribed 1 MSFT", "unsubscribed 1 AAPL"));
  EXPECT_EQ(connector_.sockets.size(), 1U);
  EXPECT_EQ(client_->remove_symbol("AAPL").error().message(),
            "feed: 'AAPL' is not among the wanted symbols");
  EXPECT_EQ(client_->add_symbol("").error().code(), ErrorCode::invalid);
  lose();
  loop_.advance(seconds(5));
  open();
  loop_.advance(seconds(1));
  EXPECT_THAT(socket().sent, ElementsAre(R"({"type":"subscribe","symbol":"BINANCE:BTCUSDT"})",
                                         R"({"type":"subscribe","symbol":"MSFT"})"));
}

TEST_F(FeedClientTest, AStaleSymbolIsToldOnce) {
  start_live();
  for (int minute = 0; minute < 12; ++minute) {
    message(R"({"type":"ping"})");
    loop_.advance(minutes(1));
  }
  EXPECT_TRUE(symbol("BINANCE:BTCUSDT").stale);
  EXPECT_THAT(lines_, Contains("feed_symbol_stale: 'BINANCE:BTCUSDT': no trade for 600 s although "
                               "its market is open")
                          .Times(1));
  trade("BINANCE:BTCUSDT", now_ms());
  loop_.advance(seconds(10));
  EXPECT_FALSE(symbol("BINANCE:BTCUSDT").stale);
}

class FrozenFeedTest : public FeedClientTest {
 protected:
  FrozenFeedTest() { options_.stale_ms = 10'000; }
  void SetUp() override { start_live(); }

  /// Pings once a second, for so many seconds or while it is connected.
  void ping_for(int count) {
    for (int i = 0; i < count && !socket().gone; ++i) {
      message(R"({"type":"ping"})");
      loop_.advance(seconds(1));
    }
  }
};

/// Law 6: a feed that pings and sends no trades is no empty market.
TEST_F(FrozenFeedTest, AFeedThatPingsAndSendsNoTradesIsAGapFromTheLastTrade) {
  loop_.advance(milliseconds(2'900));
  trade("BINANCE:BTCUSDT", now_ms());  // At second 3. The stock market is closed.
  ping_for(9);
  EXPECT_EQ(client_->state(), FeedState::live);
  (void)new_records();
  ping_for(1);
  EXPECT_EQ(client_->state(), FeedState::waiting);
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_closed 1 frozen: no trade for 10.0 s although markets are open",
                          "gap 1..13 frozen"));
  EXPECT_THAT(registry_.text(), HasSubstr("tapeline_feed_trades_stopped_total 1"));
  EXPECT_THAT(lines_, Contains("feed_trades_stopped: no trade of any symbol for 10000 ms although "
                               "their markets are open; connecting anew"));
  loop_.advance(seconds(1));
  open();
  EXPECT_THAT(new_records(), Contains(testing::MatchesRegex("gap 13..1[34].* frozen")));
  // Nothing traded on this connection: the market may be quiet.
  ping_for(30);
  EXPECT_EQ(connector_.sockets.size(), 2U);
}

TEST_F(FrozenFeedTest, AClockThatIsSetBackHidesNoFrozenFeed) {
  loop_.advance(milliseconds(2'900));
  trade("BINANCE:BTCUSDT", now_ms());  // At second 3.
  loop_.manual_clock().step_wall(seconds(-3'600));
  ping_for(10);
  EXPECT_EQ(client_->state(), FeedState::waiting);
  EXPECT_THAT(new_records(), Contains("gap -3599..-3587 frozen"));
}

TEST_F(FrozenFeedTest, ATradeOfAnySymbolIsLife) {
  trade("BINANCE:BTCUSDT", now_ms());
  for (int i = 0; i < 10; ++i) {
    trade("AAPL", now_ms());  // Before its market opens.
    ping_for(5);
  }
  EXPECT_EQ(client_->state(), FeedState::live);
  EXPECT_TRUE(symbol("BINANCE:BTCUSDT").stale);
}

TEST_F(FrozenFeedTest, OneSymbolThatIsNotStaleIsEnough) {
  trade("BINANCE:BTCUSDT", now_ms());
  ping_for(8);
  ASSERT_TRUE(client_->add_symbol("BINANCE:ETHUSDT").ok());
  ping_for(8);
  EXPECT_EQ(client_->state(), FeedState::live);
  ping_for(4);
  EXPECT_EQ(client_->state(), FeedState::waiting);
}

TEST_F(FrozenFeedTest, AClosedMarketIsSilent) {
  trade("AAPL", now_ms());
  ping_for(60);
  EXPECT_EQ(client_->state(), FeedState::live);
}

TEST_F(FrozenFeedTest, AStepOfTheWallClockFreezesNothing) {
  trade("BINANCE:BTCUSDT", now_ms());
  loop_.manual_clock().step_wall(std::chrono::hours(1));
  ping_for(9);
  EXPECT_EQ(client_->state(), FeedState::live);
}

TEST_F(FrozenFeedTest, WhatIsNotReadSaysNothingAboutTheFeed) {
  trade("BINANCE:BTCUSDT", now_ms());
  log_.pending = 5 << 20;
  trade("BINANCE:BTCUSDT", now_ms());
  ASSERT_TRUE(socket().paused);
  loop_.advance(seconds(30));
  log_.pending = 0;
  ping_for(9);
  EXPECT_EQ(client_->state(), FeedState::live);
  ping_for(2);
  EXPECT_EQ(client_->state(), FeedState::waiting);
}

TEST_F(FeedClientTest, AServerOfAnotherFeedIsRefusedForGood) {
  start();
  open({{"x-tapeline-feed-label", "simulated"}});
  EXPECT_EQ(client_->state(), FeedState::refused);
  EXPECT_EQ(client_->status().sentence,
            "the server at ws.finnhub.io:443 says that its feed is 'simulated', but this data is "
            "of 'finnhub'; give that feed a directory of its own (--feed simulated)");
  EXPECT_TRUE(connector_.sockets[0]->gone);
  loop_.advance(minutes(60));
  EXPECT_EQ(connector_.sockets.size(), 1U);
  EXPECT_THAT(new_records(), IsEmpty());
}

class RecordingFeedTest : public FeedClientTest {
 protected:
  RecordingFeedTest() {
    options_.url = "ws://127.0.0.1:9000";
    options_.token.clear();
  }
  const net::Headers handshake_ = {{"x-tapeline-feed-label", "recording"},
                                   {"x-tapeline-clock", "feed"}};
};

TEST_F(RecordingFeedTest, TicksFollowTheEventTimes) {
  make("recording");
  start_live(handshake_);
  EXPECT_EQ(socket().url, "ws://127.0.0.1:9000");
  loop_.advance(seconds(3));
  EXPECT_THAT(new_records(true), IsEmpty()) << "no event, no time";
  trade("AAPL", 1'600'000'000'000);
  loop_.advance(seconds(1));
  const auto records = new_records(true);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[1], HasSubstr("..-100000000"));
}

TEST_F(RecordingFeedTest, AGapIsInTheFeedsOwnTime) {
  make("recording");
  start_live(handshake_);
  trade("AAPL", 1'600'000'000'000);
  (void)new_records();
  lose();
  loop_.advance(seconds(5));
  EXPECT_THAT(new_records(true), ElementsAre("epoch_closed 1 disconnect: the connection broke"))
      << "its time stands still";
  open(handshake_);
  loop_.advance(milliseconds(500));
  trade("AAPL", 1'600'000'005'000);
  EXPECT_THAT(new_records(), ElementsAre("epoch_opened 2 feed", "subscribed 2 AAPL",
                                         "subscribed 2 BINANCE:BTCUSDT", "trade AAPL 2/1",
                                         "gap -100000002..-99999995 disconnect"));
}

TEST_F(RecordingFeedTest, LateTradesDoNotEndAGap) {
  make("recording");
  start_live(handshake_);
  trade("AAPL", 1'600'000'000'000);
  lose();
  loop_.advance(seconds(5));
  open(handshake_);
  loop_.advance(milliseconds(500));
  (void)new_records();
  trade("AAPL", 1'599'999'990'000);
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 2/1"));
  trade("AAPL", 1'600'000'005'000);
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 2/2", "gap -100000002..-99999995 disconnect"));
}

TEST_F(RecordingFeedTest, AGapThatNothingNewerEndsIsWrittenAtTheEnd) {
  make("recording");
  start_live(handshake_);
  trade("AAPL", 1'600'000'000'000);
  lose();
  loop_.advance(seconds(5));
  open(handshake_);
  loop_.advance(milliseconds(500));
  (void)new_records();
  end({.kind = net::Closed::Kind::by_peer,
       .close_code = 1000,
       .message = "tapeline: end of recording"});
  EXPECT_THAT(new_records(), ElementsAre("gap -100000002..-100000000 disconnect",
                                         "epoch_closed 2 recording_ended", "recording_ended 2"));
}

TEST_F(RecordingFeedTest, ItsEndIsARecordAndStops) {
  make("recording");
  start_live(handshake_);
  end({.kind = net::Closed::Kind::by_peer,
       .close_code = 1000,
       .message = "tapeline: end of recording"});
  EXPECT_TRUE(ended_);
  EXPECT_EQ(client_->state(), FeedState::stopped);
  EXPECT_THAT(new_records(), ElementsAre("epoch_closed 1 recording_ended", "recording_ended 1"));
  loop_.advance(minutes(60));
  EXPECT_EQ(connector_.sockets.size(), 1U);
  EXPECT_THAT(new_records(true), IsEmpty());
}

TEST_F(FeedClientTest, ASlowLogPausesReading) {
  start_live();
  log_.pending = 5 << 20;
  trade("AAPL", now_ms());
  EXPECT_TRUE(socket().paused);
  EXPECT_TRUE(client_->status().paused);
  EXPECT_THAT(lines_, Contains(HasSubstr("feed_paused: reading from the feed pauses: the log is "
                                         "slower than the feed")));
  loop_.advance(seconds(300));
  EXPECT_EQ(client_->state(), FeedState::live) << "our silence is not the feed's";
  log_.pending = 0;
  loop_.advance(milliseconds(10));
  EXPECT_FALSE(socket().paused);
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 1/1"));
  loop_.advance(seconds(149));
  EXPECT_EQ(client_->state(), FeedState::live) << "the watchdog began anew";
}

TEST_F(FeedClientTest, AFullDiskPausesAndAConnectionLostMeanwhileIsOverload) {
  start_live();
  log_.error = "log: cannot write: no space left on device";
  trade("AAPL", now_ms());
  EXPECT_TRUE(socket().paused);
  EXPECT_THAT(lines_, Contains("feed_paused: reading from the feed pauses: log: cannot write: no "
                               "space left on device"));
  loop_.advance(seconds(10));
  lose();
  loop_.advance(seconds(5));
  open();
  EXPECT_TRUE(socket().paused);
  log_.error.clear();
  loop_.advance(seconds(2));
  EXPECT_FALSE(socket().paused);
  const auto records = new_records();
  EXPECT_EQ(records[0], "trade AAPL 1/1");
  EXPECT_EQ(records[1], "epoch_closed 1 overload: the connection broke");
  EXPECT_THAT(records[2], testing::EndsWith(" overload"));
}

/// Law 6: what lay unread when the line fell is inside the gap, though what was read of it arrived
/// just now.
TEST_F(FeedClientTest, AGapBeginsBeforeReadingPaused) {
  start_live();
  loop_.advance(milliseconds(2'400));
  log_.pending = 5 << 20;
  trade("AAPL", now_ms() - 100);  // At second 2.5; from here on nothing is read.
  ASSERT_TRUE(socket().paused);
  loop_.advance(seconds(20));
  log_.pending = 0;
  loop_.advance(milliseconds(10));
  ASSERT_FALSE(socket().paused);
  message(R"({"type":"ping"})");
  (void)new_records();
  lose();
  EXPECT_THAT(new_records(), Contains(testing::MatchesRegex("gap 0.4..22.51.* disconnect")));
}

TEST_F(FeedClientTest, AGapBeginsBeforeTheProgramStoodStill) {
  start_live();
  loop_.advance(milliseconds(2'900));
  trade("AAPL", now_ms());  // At second 3.
  (void)new_records();
  loop_.freeze(seconds(8));  // Less than feed.frozen_ms: the connection may have lived on.
  message(R"({"type":"ping"})");
  lose();
  EXPECT_THAT(new_records(), Contains("gap 1..11 disconnect"));
}

TEST_F(FeedClientTest, NoWindowClosesByATickWhileNothingIsRead) {
  start_live();
  log_.pending = 5 << 20;
  trade("AAPL", now_ms());
  loop_.advance(seconds(5));
  EXPECT_EQ(last_lag(), std::nullopt) << "held with the rest";
  log_.pending = 0;
  loop_.advance(milliseconds(10));
  EXPECT_EQ(last_lag(), milliseconds(4'900)) << "what comes next can be that old";
  loop_.advance(seconds(1));
  EXPECT_EQ(last_lag(), std::nullopt);
}

TEST_F(FeedClientTest, AnOversizedMessageIsPutAsideAndNothingElse) {
  start_live();
  EXPECT_EQ(socket().options.message_bytes_max, size_t{4} << 20);
  socket().handlers.oversized("the beginning");
  trade("AAPL", now_ms());
  EXPECT_EQ(letters_.count, 1);
  EXPECT_EQ(letters_.last, model::RejectReason::oversized_frame);
  EXPECT_THAT(new_records(), ElementsAre("trade AAPL 1/1"));
  EXPECT_THAT(lines_, Contains("feed_oversized_frame: a message of more than 4194304 bytes was put "
                               "aside; raise feed.message_bytes_max if such ones are meant"));
}

TEST_F(FeedClientTest, AProcessThatDiedLeftAnOpenEpoch) {
  epoch_ = 7;
  start({.known = true, .open = true, .epoch = 7, .heard = kStart - seconds(100)});
  EXPECT_THAT(new_records(), IsEmpty()) << "held until the first flush";
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(true),
              ElementsAre("epoch_closed 7 crash", "gap -102..0 crash", "tick -..1"));
  loop_.advance(seconds(1));
  open();
  EXPECT_THAT(new_records(),
              ElementsAre("epoch_opened 8 wall", "gap 0..2 crash", "subscribed 8 AAPL"));
}

TEST_F(FeedClientTest, ADeliberateStopIsAGapOfItsOwnCause) {
  start_live();
  client_->stop();
  client_->stop();
  EXPECT_TRUE(socket().closed_by_us);
  EXPECT_THAT(new_records(), ElementsAre("epoch_closed 1 shutdown"));
  EXPECT_EQ(client_->state(), FeedState::stopped);
  loop_.advance(minutes(5));
  EXPECT_THAT(new_records(true), IsEmpty());

  client_.reset();
  epoch_ = 1;
  make();
  client_->start({.known = true, .epoch = 1, .heard = kStart});
  loop_.advance(seconds(1));
  EXPECT_THAT(new_records(), ElementsAre("gap -2..300.1 shutdown"));
}

}  // namespace
}  // namespace tapeline::ingest::finnhub
