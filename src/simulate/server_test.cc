#include "simulate/server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "base/diag.h"
#include "codec/utf8.h"
#include "net/client.h"
#include "simulate/json.h"
#include "support/certificate.h"
#include "support/temporary_folder.h"

namespace tapeline::simulate {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

/// One connection to the simulator, with everything that came over it.
struct Client {
  std::unique_ptr<net::WebSocketClient> socket;
  Texts received;
  net::Headers handshake;
  bool opened = false;
  std::optional<net::Closed> closed;

  void subscribe(const std::string& symbol) {
    socket->send(R"({"type":"subscribe","symbol":")" + symbol + "\"}");
  }
  void unsubscribe(const std::string& symbol) {
    socket->send(R"({"type":"unsubscribe","symbol":")" + symbol + "\"}");
  }
  size_t count(std::string_view part) const {
    return static_cast<size_t>(std::count_if(
        received.begin(), received.end(),
        [&](const std::string& text) { return text.find(part) != std::string::npos; }));
  }
  std::set<std::string> symbols() const {
    std::set<std::string> found;
    for (const std::string& text : received)
      for (size_t at = 0; (at = text.find("\"s\":\"", at)) != std::string::npos; ++at)
        found.insert(text.substr(at + 5, text.find('"', at + 5) - at - 5));
    return found;
  }
};

/// Of long lists only the first difference is worth printing.
testing::AssertionResult same(const Texts& left, const Texts& right) {
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    if (left[i] != right[i])
      return testing::AssertionFailure() << "text " << i << " is " << left[i].substr(0, 200)
                                         << " here and " << right[i].substr(0, 200) << " there";
  if (left.size() == right.size()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << left.size() << " texts here, " << right.size() << " there";
}

/// What the ledger says of one connection.
struct LedgerPage {
  Texts frames;
  Texts events;
  std::optional<int> close_code;
};

/// Simulator and clients on one loop over real sockets.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    diag::set_sink([](diag::Level, std::string_view) {});
    options_.port = 0;
    options_.ledger_file = folder_.file("ledger.jsonl");
    options_.rate = "2000";
    options_.subscription_wait_ms = 50;
  }
  ~ServerTest() override {
    clients_.clear();
    server_.reset();
    diag::set_sink({});
  }

  void start() {
    auto started = simulate::start(*loop_, system_clock(), options_);
    ASSERT_TRUE(started.ok()) << started.error().message();
    server_ = std::move(started).value();
  }

  Client& connect(const std::string& target = "/?token=sesame") {
    Client& client = *clients_.emplace_back(std::make_unique<Client>());
    client.socket = connector_->make_websocket();
    client.socket->connect(
        server_->websocket_url() + target, client_options_,
        {.opened =
             [&client](const net::Headers& headers) {
               client.handshake = headers;
               client.opened = true;
             },
         .message = [&client](std::string_view text) { client.received.emplace_back(text); },
         .closed = [&client](const net::Closed& closed) { client.closed = closed; },
         .activity = {}});
    return client;
  }

  Client& connected() {
    Client& client = connect();
    run_until([&] { return client.opened; });
    return client;
  }

  void run_until(const std::function<bool()>& done, std::chrono::seconds limit = 20s) {
    const BootTime end = system_clock().boot() + limit;
    net::Timer poll;
    std::function<void()> look = [&] {
      if (done() || system_clock().boot() > end) return loop_->stop();
      poll = loop_->after(1ms, look);
    };
    look();
    loop_->run();
    ASSERT_TRUE(done()) << "not reached in time";
  }
  void run_for(std::chrono::milliseconds time) {
    const net::Timer end = loop_->after(time, [this] { loop_->stop(); });
    loop_->run();
  }

  void serve_rows(const std::string& rows) {
    const std::string path = folder_.file("rows.csv");
    std::ofstream(path) << "symbol,price,volume,trade_timestamp_ms,conditions\n" << rows;
    options_.recordings = {path};
  }

  std::map<int64_t, LedgerPage> ledger() const {
    std::map<int64_t, LedgerPage> pages;
    std::ifstream file(options_.ledger_file);
    for (std::string line; std::getline(file, line);) {
      int64_t connection = 0;
      LedgerPage read;
      const bool whole =
          json::for_each_member(line, [&](std::string_view name, std::string_view value) {
            if (name == "connection") connection = std::stoll(std::string(value));
            if (name == "bytes") read.frames.push_back(json::to_string(value).value());
            if (name == "base64") read.frames.push_back("base64 " + std::string(value));
            if (name == "event") read.events.push_back(json::to_string(value).value());
            if (name == "code") read.close_code = std::stoi(std::string(value));
            return true;
          });
      EXPECT_TRUE(whole) << line;
      LedgerPage& page = pages[connection];
      page.frames.insert(page.frames.end(), read.frames.begin(), read.frames.end());
      page.events.insert(page.events.end(), read.events.begin(), read.events.end());
      if (read.close_code) page.close_code = read.close_code;
    }
    return pages;
  }

  /// The client's texts as the ledger would show them.
  static Texts as_in_ledger(const Texts& received) {
    Texts shown;
    for (const std::string& text : received)
      shown.push_back(codec::is_utf8(text) ? text : "base64 \"" + json::base64(text) + "\"");
    return shown;
  }

  const test::TemporaryFolder folder_;
  std::unique_ptr<net::Loop> loop_ = net::make_loop(system_clock());
  std::unique_ptr<net::Connector> connector_ = net::make_connector(*loop_);
  net::WebSocketClient::Options client_options_;
  Options options_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(ServerTest, SendsWhatWasSubscribedAndNothingElse) {
  start();
  Client& one = connected();
  Client& other = connected();
  one.subscribe("AAPL");
  one.subscribe("BINANCE:BTCUSDT");
  other.subscribe("IC MARKETS:1");
  run_until([&] { return one.received.size() > 50 && other.received.size() > 5; });
  EXPECT_EQ(one.symbols(), (std::set<std::string>{"AAPL", "BINANCE:BTCUSDT"}));
  EXPECT_EQ(other.symbols(), (std::set<std::string>{"IC MARKETS:1"}));
  EXPECT_TRUE(std::any_of(one.received.begin(), one.received.end(), [](const std::string& text) {
    return text.find("AAPL") != std::string::npos && text.find("BTCUSDT") != std::string::npos;
  })) << "frames mix symbols";
  EXPECT_EQ(*net::find_header(one.handshake, "x-tapeline-feed-label"), "simulated");
  EXPECT_EQ(*net::find_header(one.handshake, "x-tapeline-clock"), "wall");
}

TEST_F(ServerTest, StopsSendingWhatWasUnsubscribed) {
  start();
  Client& client = connected();
  client.subscribe("AAPL");
  client.subscribe("TSLA");
  run_until([&] { return client.symbols().size() == 2; });
  client.unsubscribe("AAPL");
  run_for(100ms);
  client.received.clear();
  run_until([&] { return client.received.size() > 20; });
  EXPECT_EQ(client.symbols(), (std::set<std::string>{"TSLA"}));
}

TEST_F(ServerTest, LedgerEqualsWhatTheClientReceived) {
  options_.misbehave =
      "duplicate=0.1,repeat_later=0.1,disorder=0.1,malformed=0.2,unknown_type=0.05,error=0.05,"
      "ping=20ms";
  options_.rate = "20000";
  start();
  Client& client = connected();
  for (const char* symbol : {"AAPL", "TSLA", "OANDA:EUR_USD", "NOSUCH"}) client.subscribe(symbol);
  run_until([&] { return client.received.size() > 2'000; });
  client.socket->close();
  run_until([&] { return client.closed.has_value(); });
  run_until([&] { return ledger()[1].events.size() == 2; });
  const LedgerPage page = ledger()[1];
  const Texts received = as_in_ledger(client.received);
  ASSERT_GE(page.frames.size(), received.size());
  // What was on its way when the client closed is in the ledger only.
  EXPECT_TRUE(same({page.frames.begin(), page.frames.begin() + static_cast<long>(received.size())},
                   received));
  EXPECT_EQ(page.events, (Texts{"opened", "closed"}));
  EXPECT_TRUE(std::any_of(received.begin(), received.end(), [](const std::string& text) {
    return text.starts_with("base64");
  })) << "some bytes are no UTF-8";
}

TEST_F(ServerTest, ServesAWholeRecordingAndSaysWhenItEnds) {
  std::string rows;
  for (int i = 0; i < 20'000; ++i)
    rows += "BINANCE:" + std::string(i % 2 ? "A" : "B") + ",1.50,0.001," +
            std::to_string(1'000 + i) + ",\n";
  serve_rows(rows);
  options_.speed = "max";
  start();
  bool ended = false;
  server_->on_ended = [&] { ended = true; };
  Client& client = connected();
  EXPECT_EQ(*net::find_header(client.handshake, "x-tapeline-feed-label"), "recording");
  EXPECT_EQ(*net::find_header(client.handshake, "x-tapeline-clock"), "feed");
  client.subscribe("BINANCE:A");
  client.subscribe("BINANCE:B");
  run_until([&] { return client.closed.has_value() && ended; });
  EXPECT_EQ(client.closed->kind, net::Closed::Kind::by_peer);
  EXPECT_EQ(client.closed->close_code, 1000);
  EXPECT_EQ(client.closed->message, kEndOfRecording);
  EXPECT_TRUE(same(ledger()[1].frames, client.received));
  size_t trades = 0;
  for (const std::string& text : client.received)
    for (size_t at = 0; (at = text.find("\"p\":1.50,", at)) != std::string::npos; ++at) ++trades;
  EXPECT_EQ(trades, 20'000u);
  EXPECT_EQ(server_->counts().trades, 20'000u);
  EXPECT_TRUE(server_->counts().ended);

  Client& late = connected();
  run_until([&] { return late.closed.has_value(); });
  EXPECT_EQ(late.closed->message, kEndOfRecording);
}

TEST_F(ServerTest, WaitsForSubscriptionsOfARecording) {
  serve_rows("A,1,1,1000,\nB,1,1,1000,\n");
  options_.subscription_wait_ms = 300;
  options_.speed = "max";
  start();
  Client& client = connected();
  run_for(50ms);
  EXPECT_TRUE(client.received.empty());
  client.subscribe("A");
  run_for(100ms);
  EXPECT_TRUE(client.received.empty()) << "B may still be asked for";
  client.subscribe("B");
  run_until([&] { return client.closed.has_value(); }, 1s);
  EXPECT_EQ(client.symbols(), (std::set<std::string>{"A", "B"}));
}

TEST_F(ServerTest, WaitsForSubscriptionsAnewAfterAnInterruption) {
  serve_rows("A,1,1,1000,\nB,1,1,1000,\nA,2,1,61000,\nB,2,1,61000,\n");
  options_.subscription_wait_ms = 5'000;
  options_.speed = "200";
  start();
  Client& first = connected();
  first.subscribe("A");
  first.subscribe("B");
  run_until([&] { return first.symbols().size() == 2; });
  first.socket->close();
  run_until([&] { return first.closed.has_value(); });
  Client& second = connected();
  second.subscribe("A");
  run_for(400ms);
  EXPECT_TRUE(second.received.empty()) << "what was due after 300 ms waits for B";
  second.subscribe("B");
  run_until([&] { return second.closed.has_value(); }, 1s);
  EXPECT_EQ(second.symbols(), (std::set<std::string>{"A", "B"}));
}

TEST_F(ServerTest, BeginsWithoutTheRestAfterAWhile) {
  serve_rows("A,1,1,1000,\nB,1,1,1000,\n");
  options_.speed = "max";
  start();
  Client& client = connected();
  client.subscribe("A");
  run_until([&] { return client.closed.has_value(); });
  EXPECT_EQ(client.symbols(), (std::set<std::string>{"A"}));
}

TEST_F(ServerTest, PacesARecordingByItsTimes) {
  serve_rows("A,1,1,1000,\nA,2,1,2000,\nA,3,1,4000,\n");
  options_.speed = "10";
  start();
  Client& client = connected();
  const BootTime begin = system_clock().boot();
  client.subscribe("A");
  run_until([&] { return client.received.size() == 2; });
  const auto second = system_clock().boot() - begin;
  run_until([&] { return client.received.size() == 3; });
  const auto third = system_clock().boot() - begin;
  EXPECT_GE(second, 95ms);
  EXPECT_LT(second, 250ms);
  EXPECT_GE(third, 295ms);
}

TEST_F(ServerTest, ShiftsARecordingToNow) {
  serve_rows("A,1,1,1000,\nA,2,1,1200,\n");
  options_.shift_to_now = true;
  start();
  Client& client = connected();
  EXPECT_EQ(*net::find_header(client.handshake, "x-tapeline-clock"), "wall");
  client.subscribe("A");
  run_until([&] { return client.received.size() == 2; });
  const auto time = [](const std::string& text) {
    return std::stoll(text.substr(text.find("\"t\":") + 4));
  };
  const auto now = system_clock().wall().time_since_epoch().count() / 1'000;
  EXPECT_NEAR(static_cast<double>(time(client.received[1])), static_cast<double>(now), 1'000);
  EXPECT_EQ(time(client.received[1]) - time(client.received[0]), 200);
}

TEST_F(ServerTest, ShiftsWhatWaitedThroughAnInterruptionToNow) {
  serve_rows("A,1,1,1000,\nA,2,1,1400,\n");
  options_.shift_to_now = true;
  start();
  Client& first = connected();
  first.subscribe("A");
  run_until([&] { return first.received.size() == 1; });
  first.socket->close();
  run_until([&] { return first.closed.has_value(); });
  run_for(2'000ms);
  Client& second = connected();
  second.subscribe("A");
  run_until([&] { return second.received.size() == 1; });
  const std::string& text = second.received[0];
  const auto time = std::stoll(text.substr(text.find("\"t\":") + 4));
  const auto now = system_clock().wall().time_since_epoch().count() / 1'000;
  EXPECT_NEAR(static_cast<double>(time), static_cast<double>(now), 1'000);
}

TEST_F(ServerTest, BlocksOnASlowReader) {
  std::string rows;
  for (int i = 0; i < 200'000; ++i) rows += "A,1,1," + std::to_string(1'000 + i) + ",\n";
  serve_rows(rows);
  options_.speed = "max";
  start();
  Client& client = connected();
  client.socket->pause_reading(true);
  client.subscribe("A");
  // Sockets and queues fill at the machine's pace; full is when nothing more is sent for a while.
  uint64_t sent = 0;
  for (int still = 0, looks = 0; still < 3 && looks < 100; ++looks) {
    run_for(100ms);
    const uint64_t now = server_->counts().trades;
    still = now == sent && now > 0 ? still + 1 : 0;
    sent = now;
  }
  EXPECT_GT(sent, 1'000u);
  EXPECT_LT(sent, 190'000u) << "more than sockets and queues hold";
  client.socket->pause_reading(false);
  run_until([&] { return client.closed.has_value(); });
  EXPECT_EQ(client.closed->message, kEndOfRecording);
  EXPECT_EQ(server_->counts().trades, 200'000u);
  EXPECT_TRUE(same(ledger()[1].frames, client.received));
}

TEST_F(ServerTest, AnswersWithTheKnownErrors) {
  options_.symbols_max = 2;
  start();
  Client& client = connected();
  for (const char* symbol : {"OANDA:NO_SUCH", "AAPL", "AAPL", "TSLA", "MSFT"})
    client.subscribe(symbol);
  run_until([&] { return client.count("\"type\":\"error\"") == 2; });
  EXPECT_EQ(client.count(R"({"msg":"Invalid symbol OANDA:NO_SUCH","type":"error"})"), 1u);
  EXPECT_EQ(client.count(R"({"msg":"Subscribing to too many symbols","type":"error"})"), 1u);
  client.unsubscribe("AAPL");
  client.subscribe("MSFT");
  run_until([&] { return client.symbols().contains("MSFT"); });
  client.socket->send("{\"type\":");
  run_until([&] { return client.count("Invalid message") == 1; });
  EXPECT_EQ(client.count("\"type\":\"error\""), 3u);
}

TEST_F(ServerTest, PingsWhenIdle) {
  options_.ping_interval_s = 1;
  start();
  Client& client = connected();
  run_until([&] { return client.received.size() == 2; });
  EXPECT_EQ(client.received, (Texts{R"({"type":"ping"})", R"({"type":"ping"})"}));
}

TEST_F(ServerTest, RefusesConnections) {
  options_.token = "sesame";
  options_.misbehave = "unauthorized=x1,too_many_requests=x1,not_upgraded=x1";
  start();
  std::vector<int> statuses;
  for (const char* target : {"/?token=wrong", "/", "/?token=sesame", "/?token=sesame",
                             "/ws?token=sesame", "/elsewhere?token=sesame"}) {
    Client& client = connect(target);
    run_until([&] { return client.closed.has_value(); });
    EXPECT_EQ(client.closed->kind, net::Closed::Kind::handshake_refused);
    statuses.push_back(client.closed->http_status);
  }
  EXPECT_EQ(statuses, (std::vector<int>{401, 401, 401, 429, 200, 404}));
  connected();
}

TEST_F(ServerTest, SpeaksTls) {
  options_.certificate_file = folder_.file("certificate.pem");
  options_.key_file = folder_.file("key.pem");
  ASSERT_TRUE(
      test::write_certificate(options_.certificate_file, options_.key_file, "IP:127.0.0.1"));
  client_options_.tls.ca_file = options_.certificate_file;
  start();
  EXPECT_TRUE(server_->websocket_url().starts_with("wss://127.0.0.1:"));
  Client& client = connected();
  client.subscribe("AAPL");
  run_until([&] { return client.received.size() > 10; });
}

TEST_F(ServerTest, AnswersRestCalls) {
  start();
  std::optional<Result<net::Connector::HttpAnswer>> answer;
  connector_->get(server_->rest_url() + "/search?q=AAPL", {}, {}, 5s, 1 << 20,
                  [&](Result<net::Connector::HttpAnswer> result) { answer = std::move(result); });
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(answer->value().status, 200);
  EXPECT_NE(answer->value().body.find("APPLE INC"), std::string::npos);
}

TEST_F(ServerTest, DisconnectsAndCuts) {
  options_.misbehave = "disconnect=50f";
  start();
  Client& closed = connected();
  closed.subscribe("AAPL");
  run_until([&] { return closed.closed.has_value(); });
  EXPECT_EQ(closed.closed->kind, net::Closed::Kind::by_peer);
  EXPECT_EQ(closed.closed->close_code, 1001);
  EXPECT_GE(closed.received.size(), 25u);
  EXPECT_LE(closed.received.size(), 75u);
  EXPECT_TRUE(same(ledger()[1].frames, closed.received)) << "a closing handshake loses nothing";

  server_.reset();
  options_.misbehave = "abort=50f";
  start();
  Client& cut = connected();
  cut.subscribe("AAPL");
  run_until([&] { return cut.closed.has_value(); });
  EXPECT_NE(cut.closed->close_code, 1001);
  run_until([&] { return ledger()[1].close_code.has_value(); });
  EXPECT_EQ(ledger()[1].close_code, 1006);
}

TEST_F(ServerTest, LosesNothingOfARecordingBetweenConnections) {
  std::string rows;
  for (int i = 0; i < 2'000; ++i) rows += "A,1," + std::to_string(i) + ",1000,\n";
  serve_rows(rows);
  options_.trades_per_frame = 1;
  options_.speed = "max";
  options_.misbehave = "disconnect=300f";
  start();
  Texts received;
  size_t connections = 0;
  while (!server_->counts().ended) {
    Client& client = connected();
    ++connections;
    client.subscribe("A");
    run_until([&] { return client.closed.has_value(); });
    received.insert(received.end(), client.received.begin(), client.received.end());
    run_for(10ms);
  }
  EXPECT_GE(connections, 5u);
  ASSERT_EQ(received.size(), 2'000u);
  for (size_t i = 0; i < received.size(); ++i)
    ASSERT_NE(received[i].find("\"v\":" + std::to_string(i) + "}"), std::string::npos) << i;
}

TEST_F(ServerTest, RepeatsItsFaultsForASeed) {
  std::string rows;
  for (int i = 0; i < 2'000; ++i) rows += "A,1," + std::to_string(i) + ",1000,\n";
  serve_rows(rows);
  options_.speed = "max";
  options_.misbehave =
      "duplicate=0.1,copies=2,disorder=0.1,malformed=0.1,unknown_type=0.1,error=0.1,oversized=x1";
  std::vector<Texts> runs;
  for (const int64_t seed : {5, 5, 6}) {
    options_.seed = seed;
    start();
    client_options_.message_bytes_max = 8 << 20;
    Client& client = connected();
    client.subscribe("A");
    run_until([&] { return client.closed.has_value(); });
    runs.push_back(client.received);
    server_.reset();
  }
  const auto without_news = [](Texts texts) {
    std::erase_if(texts, [](const std::string& text) {
      return text.find("\"type\":\"news\"") != std::string::npos;  // It has the time of day.
    });
    return texts;
  };
  EXPECT_TRUE(same(without_news(runs[0]), without_news(runs[1])));
  EXPECT_FALSE(same(without_news(runs[0]), without_news(runs[2])));
  EXPECT_EQ(std::count_if(runs[0].begin(), runs[0].end(),
                          [](const std::string& text) { return text.size() == 5 << 20; }),
            1);
}

TEST_F(ServerTest, SendsDuplicatesBackToBackAndDisorderedFramesLater) {
  std::string rows;
  for (int i = 0; i < 1'000; ++i) rows += "A,1," + std::to_string(i) + ",1000,\n";
  serve_rows(rows);
  options_.trades_per_frame = 1;
  options_.speed = "max";
  options_.misbehave = "duplicate=0.1";
  start();
  Client& client = connected();
  client.subscribe("A");
  run_until([&] { return client.closed.has_value(); });
  size_t runs_of_three = 0;
  for (size_t i = 2; i < client.received.size(); ++i)
    runs_of_three += client.received[i] == client.received[i - 1] &&
                     client.received[i] == client.received[i - 2];
  EXPECT_NEAR(static_cast<double>(runs_of_three), 100, 40);
  EXPECT_EQ(client.received.size(), 1'000 + 2 * runs_of_three);

  server_.reset();
  options_.misbehave = "disorder=0.1";
  start();
  Client& disordered = connected();
  disordered.subscribe("A");
  run_until([&] { return disordered.closed.has_value(); });
  EXPECT_EQ(std::set(disordered.received.begin(), disordered.received.end()).size(), 1'000u)
      << "every frame once";
  EXPECT_FALSE(std::is_sorted(disordered.received.begin(), disordered.received.end(),
                              [](const std::string& a, const std::string& b) {
                                return a.size() < b.size() || (a.size() == b.size() && a < b);
                              }));
}

TEST_F(ServerTest, FreezesAndFallsSilent) {
  options_.misbehave = "ping=20ms,pause=100ms/300ms";
  start();
  Client& client = connected();
  client.subscribe("BINANCE:BTCUSDT");
  const auto longest_run_of_pings = [&] {
    size_t longest = 0;
    size_t run = 0;
    for (const std::string& text : client.received) {
      run = text == R"({"type":"ping"})" ? run + 1 : 0;
      longest = std::max(longest, run);
    }
    return longest;
  };
  run_until([&] { return longest_run_of_pings() >= 8; });

  server_.reset();
  options_.misbehave = "ping=20ms,silence=100ms/400ms";
  start();
  Client& silent = connected();
  silent.subscribe("BINANCE:BTCUSDT");
  size_t seen = 0;
  BootTime last = system_clock().boot();
  std::chrono::microseconds longest{0};
  run_until([&] {
    const BootTime now = system_clock().boot();
    if (silent.received.size() != seen) {
      longest = std::max(longest, now - last);
      last = now;
      seen = silent.received.size();
    }
    return longest >= 300ms;
  });
}

TEST_F(ServerTest, HoldsFramesBackAndSendsThemAtOnce) {
  std::string rows;
  for (int i = 0; i < 400; ++i) rows += "A,1,1," + std::to_string(1'000 + 5 * i) + ",\n";
  serve_rows(rows);
  options_.trades_per_frame = 1;
  options_.misbehave = "burst=200ms/300ms";
  start();
  Client& client = connected();
  client.subscribe("A");
  size_t seen = 0;
  size_t greatest = 0;
  run_until([&] {
    greatest = std::max(greatest, client.received.size() - seen);
    seen = client.received.size();
    return client.closed.has_value();
  });
  EXPECT_EQ(client.received.size(), 400u) << "nothing is lost";
  EXPECT_GE(greatest, 30u) << "300 ms of frames, 5 ms apart, arrive together";
}

TEST_F(ServerTest, SaysNothingOnAHalfOpenConnection) {
  options_.misbehave = "half_open=x1,ping=10ms";
  start();
  Client& deaf = connected();
  deaf.subscribe("AAPL");
  deaf.subscribe("NOSUCH");
  run_for(200ms);
  EXPECT_TRUE(deaf.received.empty());
  EXPECT_FALSE(deaf.closed.has_value());
  Client& next = connected();
  next.subscribe("AAPL");
  run_until([&] { return next.symbols().contains("AAPL"); });
}

TEST_F(ServerTest, DropsBothConnectionsOfOneToken) {
  options_.misbehave = "second_connection=1";
  start();
  Client& first = connected();
  Client& other = connect("/?token=other");
  run_until([&] { return other.opened; });
  Client& second = connect();
  run_until([&] { return first.closed.has_value() && second.closed.has_value(); });
  EXPECT_FALSE(other.closed.has_value());
}

TEST_F(ServerTest, RefusesValidSymbolsForAWhile) {
  options_.misbehave = "invalid_symbol=x1";
  start();
  Client& client = connected();
  client.subscribe("AAPL");
  run_until([&] { return client.count("Invalid symbol AAPL") == 1; });
  client.subscribe("AAPL");
  run_until([&] { return client.symbols().contains("AAPL"); });
}

TEST_F(ServerTest, SendsAsFastAsTheReaderTakesIt) {
  options_.rate = "max";
  options_.ledger_file.clear();
  start();
  Client& client = connected();
  client.subscribe("AAPL");
  run_until([&] { return server_->counts().trades > 20'000; });
  EXPECT_FALSE(client.closed.has_value());
}

TEST(SimulateOptions, NameEveryProblem) {
  Options options;
  options.speed = "fast";
  options.rate = "-1";
  options.shift_to_now = true;
  options.certificate_file = "x.pem";
  options.misbehave = "pings=1";
  const auto loop = net::make_loop(system_clock());
  const auto started = start(*loop, system_clock(), options);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), ErrorCode::invalid);
  EXPECT_EQ(started.error().message(),
            "simulate.speed must be a number from 0.001 to 1000000000 or max, not \"fast\"; "
            "simulate.rate must be a number from 0.001 to 1000000000 or max, not \"-1\"; "
            "simulate.certificate_file and simulate.key_file must both be given, or neither; "
            "simulate.misbehave: there is no misbehaviour pings; the nearest is ping");
  options = {};
  options.speed = "2";
  options.shift_to_now = true;
  EXPECT_EQ(start(*loop, system_clock(), options).error().message(),
            "simulate.shift_to_now goes with simulate.speed 1 only, not 2: shifted times would run "
            "ahead of the clock");
}

TEST(SimulateOptions, AreDeclared) {
  Options options;
  settings::Declarer declarer;
  declare(declarer, options);
  ASSERT_NE(declarer.find("simulate.misbehave"), nullptr);
  EXPECT_EQ(declarer.find("simulate.rate")->set("max"), "");
  EXPECT_EQ(options.rate, "max");
  EXPECT_TRUE(declarer.find("simulate.token")->secret);
}

}  // namespace
}  // namespace tapeline::simulate
