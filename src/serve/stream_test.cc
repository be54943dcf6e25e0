#include "serve/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/limits.h"
#include "serve/service_fixture.h"
#include "support/golden.h"

namespace tapeline::serve {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kBars =
    R"({"op":"subscribe","channel":"bars","symbol":"AAPL","interval":"1s"})";
constexpr const char* kEligible =
    R"({"op":"subscribe","channel":"bars","symbol":"AAPL","interval":"1s","basis":"eligible"})";
constexpr const char* kTrades = R"({"op":"subscribe","channel":"trades","symbol":"AAPL"})";
constexpr const char* kStatus = R"({"op":"subscribe","channel":"status"})";

class StreamTest : public ServiceTest {
 protected:
  /// An open stream that has said hello.
  std::shared_ptr<FakeSocket> open() {
    auto socket = connect();
    EXPECT_THAT(socket->take(), SizeIs(1));
    return socket;
  }
  /// An open stream with this subscription, whose snapshot is out.
  std::shared_ptr<FakeSocket> subscribed(const char* message) {
    auto socket = open();
    socket->on_message(message);
    settle();
    socket->take();
    return socket;
  }

  static model::Bar bar(int64_t second, uint64_t through, int64_t trades = 1) {
    model::Bar made = sample_row("AAPL", kSecond, kNowMs + second * 1'000, through).bar;
    made.trade_count = trades;
    return made;
  }
  void publish_trades(int count) {
    Publication publication;
    for (int i = 0; i < count; ++i)
      publication.trades.push_back(trade("AAPL", kNowMs, ++sequence_));
    service().publish(publication);
  }
  /// Everything gathered is pushed.
  void pass_interval() { loop_.advance(milliseconds(options_.push_interval_ms)); }

  static std::string type(const std::string& text) { return text.substr(9, text.find('"', 9) - 9); }
  static std::vector<std::string> types(const std::vector<std::string>& texts) {
    std::vector<std::string> names;
    for (const std::string& text : texts) names.push_back(type(text));
    return names;
  }
  /// "second:trades" of each bar of a message.
  static std::string bars(const std::string& json) {
    std::string text;
    for (size_t at = json.find("\"start_ms\":"); at != std::string::npos;
         at = json.find("\"start_ms\":", at + 1)) {
      const auto count = json.find("\"trade_count\":", at) + 14;
      text += std::to_string((std::stoll(json.substr(at + 11)) - kNowMs) / 1'000) + ":" +
              std::to_string(std::stoll(json.substr(count))) + " ";
    }
    return text;
  }
  static size_t count(const std::string& text, std::string_view part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      ++found;
    return found;
  }

  int64_t sequence_ = 0;
};

TEST_F(StreamTest, SaysHelloSnapshotAndChanges) {
  store_bars({sample_row("AAPL", kSecond, kNowMs, 1)});
  auto socket = connect();
  socket->on_message(kBars);
  settle();
  publish_bars({bar(1, 9)});
  socket->on_message(kTrades);
  publish_trades(2);
  pass_interval();
  socket->on_message(R"({"op":"unsubscribe","channel":"trades","symbol":"AAPL"})");
  socket->on_message("hello?");
  std::string all;
  for (const std::string& text : socket->take()) all += text + "\n";
  test::expect_golden("api/stream.jsonl", all);
}

TEST_F(StreamTest, ChangesWithinTheIntervalArePushedTogetherInTheirNewestForm) {
  auto socket = subscribed(kBars);
  loop_.advance(milliseconds(1'000));
  publish_bars({bar(0, 1, 1)});
  EXPECT_THAT(socket->take(), SizeIs(1)) << "after a quiet time it does not wait";
  publish_bars({bar(0, 2, 2)});
  publish_bars({bar(0, 3, 3), bar(1, 3, 1)});
  loop_.advance(milliseconds(options_.push_interval_ms - 1));
  EXPECT_THAT(socket->take(), IsEmpty());
  loop_.advance(milliseconds(1));
  const auto sent = socket->take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(bars(sent[0]), "0:3 1:1 ");
  pass_interval();
  EXPECT_THAT(socket->take(), IsEmpty());
}

TEST_F(StreamTest, OnlyWhatIsSubscribedIsSent) {
  auto socket = subscribed(kBars);
  publish_bars(
      {sample_row("AAPL", kMinute, kNowMs, 1).bar, sample_row("MSFT", kSecond, kNowMs, 1).bar});
  publish_trades(1);
  pass_interval();
  EXPECT_THAT(socket->take(), IsEmpty());
}

TEST_F(StreamTest, EachBasisIsASubscriptionOfItsOwn) {
  store::BarRow own = sample_row("AAPL", kSecond, kNowMs, 1);
  own.bar.key.basis = model::Basis::eligible;
  own.bar.trade_count = 7;
  store_bars({sample_row("AAPL", kSecond, kNowMs, 1), own,
              sample_row("AAPL", kSecond, kNowMs + 1'000, 1)});
  auto socket = subscribed(kBars);
  socket->on_message(kEligible);
  settle();
  auto sent = socket->take();
  ASSERT_EQ(types(sent), (std::vector<std::string>{"subscribed", "snapshot"}));
  EXPECT_THAT(sent[1], HasSubstr(R"("interval":"1s","basis":"eligible","bars":[)"));
  EXPECT_EQ(bars(sent[1]), "0:7 1:318 ");
  EXPECT_EQ(count(sent[1], R"("basis":"eligible")"), 3U);

  // The first second has a form of its own, the second one that of all.
  own.bar.trade_count = 8;
  own.bar.through = Position(0, 9);
  publish_bars({bar(0, 9, 9), own.bar, bar(1, 9, 5)});
  pass_interval();
  sent = socket->take();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(bars(sent[0]), "0:9 1:5 ");
  EXPECT_EQ(bars(sent[1]), "0:8 1:5 ");
  EXPECT_EQ(count(sent[0], R"("basis":"all")"), 3U);
  EXPECT_EQ(count(sent[1], R"("basis":"eligible")"), 3U);

  socket->on_message(R"({"op":"unsubscribe","channel":"bars","symbol":"AAPL","interval":"1s"})");
  publish_bars({bar(1, 10, 6)});
  pass_interval();
  sent = socket->take();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_THAT(sent[0], HasSubstr(R"("type":"unsubscribed")"));
  EXPECT_THAT(sent[1], HasSubstr(R"("basis":"eligible")"));
  socket->on_message(
      R"({"op":"subscribe","channel":"bars","symbol":"AAPL","interval":"1s","basis":"vendor"})");
  EXPECT_THAT(socket->take(), ElementsAre(HasSubstr("'basis' must be all or eligible")));
}

TEST_F(StreamTest, TheSameBytesGoToEverySubscriber) {
  auto first = subscribed(kBars);
  auto second = subscribed(kBars);
  publish_bars({bar(0, 1)});
  pass_interval();
  ASSERT_THAT(first->sent, SizeIs(1));
  ASSERT_THAT(second->sent, SizeIs(1));
  EXPECT_EQ(first->sent[0].get(), second->sent[0].get());
}

TEST_F(StreamTest, WhatChangesWhileTheSnapshotIsReadComesAfterIt) {
  auto socket = open();
  socket->on_message(kBars);
  publish_bars({bar(0, 1, 1)});
  pass_interval();
  publish_bars({bar(0, 2, 2)});
  pass_interval();
  EXPECT_EQ(types(socket->take()), std::vector<std::string>{"subscribed"});
  settle();
  const auto sent = socket->take();
  ASSERT_THAT(types(sent), ElementsAre("snapshot", "bars"));
  EXPECT_EQ(bars(sent[0]), "");
  EXPECT_EQ(bars(sent[1]), "0:2 ");
}

TEST_F(StreamTest, ASlowReaderGetsTheNewestFormOfEachBar) {
  auto slow = subscribed(kBars);
  auto quick = subscribed(kBars);
  slow->queued = kQueuedBytesBehind + 1;
  for (int64_t i = 1; i <= 10; ++i) {
    publish_bars({bar(0, static_cast<uint64_t>(i), i), bar(i, static_cast<uint64_t>(i), 1)});
    pass_interval();
  }
  EXPECT_THAT(quick->take(), SizeIs(10));
  EXPECT_THAT(slow->take(), IsEmpty());
  slow->queued = 0;
  slow->on_drained();
  const auto sent = slow->take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(bars(sent[0]), "0:10 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1 ");
  publish_bars({bar(0, 11, 11)});
  pass_interval();
  EXPECT_THAT(slow->take(), SizeIs(1));
}

TEST_F(StreamTest, AReaderThatIsFarBehindBeginsAnewWithASnapshot) {
  auto socket = subscribed(kBars);
  socket->queued = kQueuedBytesBehind + 1;
  for (size_t i = 0; i <= kBacklogBarsMax; ++i) {
    publish_bars({bar(static_cast<int64_t>(i), 1)});
    if (i % 100 == 0) pass_interval();
  }
  pass_interval();
  socket->queued = 0;
  socket->on_drained();
  settle();
  const auto sent = socket->take();
  ASSERT_THAT(types(sent), ElementsAre("snapshot"));
  EXPECT_EQ(count(sent[0], "\"start_ms\""), kSnapshotBars);
  EXPECT_THAT(bars(sent[0]), HasSubstr(" 1000:1 "));
}

TEST_F(StreamTest, AFloodOfChangedBarsBecomesASnapshot) {
  auto socket = subscribed(kBars);
  std::vector<model::Bar> flood;
  for (size_t i = 0; i <= kBacklogBarsMax; ++i) flood.push_back(bar(static_cast<int64_t>(i), 1));
  publish_bars(flood);
  pass_interval();
  settle();
  EXPECT_THAT(types(socket->take()), ElementsAre("snapshot"));
}

TEST_F(StreamTest, TradesBeyondAMessageAreSkippedAndCounted) {
  auto socket = subscribed(kTrades);
  publish_trades(1);
  socket->take();
  publish_trades(static_cast<int>(kTradesPerMessage) + 7);
  pass_interval();
  const auto sent = socket->take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(count(sent[0], "\"price\""), kTradesPerMessage);
  EXPECT_THAT(sent[0], HasSubstr("\"skipped\":7}"));
  EXPECT_THAT(sent[0], Not(HasSubstr("\"sequence\":8}")));
  EXPECT_THAT(sent[0], HasSubstr("\"sequence\":9}"));
}

TEST_F(StreamTest, ASlowReaderOfTradesIsToldHowManyItMissed) {
  auto socket = subscribed(kTrades);
  socket->queued = kQueuedBytesBehind + 1;
  for (int i = 0; i < 3; ++i) {
    publish_trades(60);
    pass_interval();
  }
  socket->queued = 0;
  socket->on_drained();
  const auto sent = socket->take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(count(sent[0], "\"price\""), kTradesPerMessage);
  EXPECT_THAT(sent[0], HasSubstr("\"skipped\":80}"));
  EXPECT_THAT(sent[0], HasSubstr("\"sequence\":180}"));
}

TEST_F(StreamTest, ATradeSubscriptionBeginsWithTheLastTrades) {
  auto other = subscribed(kTrades);
  publish_trades(30);
  auto socket = open();
  socket->on_message(kTrades);
  const auto sent = socket->take();
  ASSERT_THAT(types(sent), ElementsAre("subscribed", "snapshot"));
  EXPECT_EQ(count(sent[1], "\"price\""), kSnapshotTrades);
  EXPECT_THAT(sent[1], HasSubstr("\"sequence\":30}"));
}

TEST_F(StreamTest, StatusComesAtOnceAndThenEverySecond) {
  auto socket = open();
  socket->on_message(kStatus);
  EXPECT_THAT(types(socket->take()), ElementsAre("subscribed", "status"));
  loop_.advance(milliseconds(3'500));
  const auto sent = socket->take();
  EXPECT_THAT(types(sent), ElementsAre("status", "status", "status"));
  EXPECT_THAT(sent[0], HasSubstr("\"sessions\":1"));
  socket->on_message(R"({"op":"unsubscribe","channel":"status"})");
  socket->take();
  loop_.advance(milliseconds(3'500));
  EXPECT_THAT(socket->take(), IsEmpty());
}

TEST_F(StreamTest, WrongMessagesAreAnsweredAndTheStreamGoesOn) {
  auto socket = open();
  const std::pair<std::string, const char*> kCases[] = {
      {"", "is not a JSON object"},
      {"[]", "is not a JSON object"},
      {"{\"op\":[]}", "has a value that is no text"},
      {"{\"op\":\"subscribe\"", "does not end with }"},
      {"{\"op\":\"dance\"}", "'op' must be subscribe or unsubscribe"},
      {R"({"op":"subscribe","channel":"alerts"})", "'channel' must be bars, trades or status"},
      {R"({"op":"subscribe","channel":"bars","interval":"1s"})", "'symbol' must be 1 to 64 bytes"},
      {R"({"op":"subscribe","channel":"bars","symbol":"A","interval":"2s"})", "'interval' must be"},
      {R"({"op":"subscribe","channel":"bars","symbol":"A","interval":"1h"})",
       "bars of 1h are not kept"},
      {"{\"op\":\"\xff\"}", "is not UTF-8"},
      {std::string(kStreamMessageBytesMax + 1, ' '), "at most 4096 bytes"},
  };
  for (const auto& [message, sentence] : kCases) {
    socket->on_message(message);
    const auto sent = socket->take();
    ASSERT_THAT(types(sent), ElementsAre("error")) << message;
    EXPECT_THAT(sent[0], HasSubstr(sentence));
  }
  socket->on_message(kBars);
  settle();
  EXPECT_THAT(types(socket->take()), ElementsAre("subscribed", "snapshot"));
}

TEST_F(StreamTest, SubscriptionsAreBounded) {
  auto socket = open();
  const auto subscribe = [&](size_t i) {
    socket->on_message(R"({"op":"subscribe","channel":"trades","symbol":"S)" + std::to_string(i) +
                       "\"}");
    return types(socket->take());
  };
  for (size_t i = 0; i < kSubscriptionsMax; ++i) EXPECT_THAT(subscribe(i), SizeIs(2));
  EXPECT_THAT(subscribe(kSubscriptionsMax), ElementsAre("error"));
  EXPECT_THAT(subscribe(0), ElementsAre("subscribed")) << "one that it has costs nothing";
}

TEST_F(StreamTest, SessionsAreBounded) {
  options().sessions_max = 2;
  auto first = open();
  auto second = open();
  const auto refused = service().upgrade(request("GET", "/api/v1/stream"));
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.refusal->status, 503);
  first->on_closed(1000);
  settle();
  EXPECT_FALSE(service().upgrade(request("GET", "/api/v1/stream")).refusal);
}

TEST_F(StreamTest, AClosedSessionIsForgottenAlsoWhileItsSnapshotIsRead) {
  auto socket = open();
  socket->on_message(kBars);
  socket->on_message(kTrades);
  socket->on_closed(1006);
  settle();
  socket->take();
  publish_bars({bar(0, 1)});
  publish_trades(1);
  pass_interval();
  EXPECT_THAT(socket->take(), IsEmpty());
}

TEST_F(StreamTest, SubscribingAgainIgnoresTheOlderSnapshot) {
  auto socket = open();
  socket->on_message(kBars);
  socket->on_message(R"({"op":"unsubscribe","channel":"bars","symbol":"AAPL","interval":"1s"})");
  socket->on_message(kBars);
  settle();
  EXPECT_THAT(types(socket->take()),
              ElementsAre("subscribed", "unsubscribed", "subscribed", "snapshot"));
}

TEST_F(StreamTest, ABusyStoreIsToldAndTheSubscriptionEnds) {
  workers_.waiting_max = 0;
  auto socket = open();
  socket->on_message(kBars);
  settle();
  const auto sent = socket->take();
  ASSERT_THAT(types(sent), ElementsAre("subscribed", "error"));
  EXPECT_THAT(sent[1], HasSubstr("\"code\":\"unavailable\""));
  publish_bars({bar(0, 1)});
  pass_interval();
  EXPECT_THAT(socket->take(), IsEmpty());
}

TEST_F(StreamTest, StopClosesEverySession) {
  auto socket = open();
  service().stop();
  EXPECT_EQ(socket->closed_with, 1001);
  service().stop();
}

}  // namespace
}  // namespace tapeline::serve
