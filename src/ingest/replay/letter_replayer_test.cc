#include "ingest/replay/letter_replayer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/entry.h"
#include "log/memory/memory_log.h"
#include "support/entry_format.h"

namespace tapeline::ingest {
namespace {

using model::RejectReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kNow = model::IngestTime(std::chrono::seconds(1'700'000'000));

struct NoLetters final : DeadLetterSink {
  void put(const ingest::DeadLetter&) override {}
};

class LetterReplayerTest : public testing::Test {
 protected:
  LetterReplayerTest() : log_(log::make_memory_log(clock_, test::entry_format())) {
    options_.may_wait = true;
  }

  LetterOutcome replay(const model::DeadLetter& letter) {
    Stage stage(*log_, letters_, clock_, registry_, options_);
    LetterReplayer replayer(stage, clock_, options_,
                            [this](const std::string& source) { return known_[source]; });
    auto outcome = replayer.replay(letter);
    EXPECT_TRUE(stage.flush().ok());
    EXPECT_TRUE(stage.accounts().balanced()) << stage.accounts().to_text();
    return outcome.value();
  }

  /// Trades in the log: symbol, identity, frame and flags.
  std::vector<std::string> logged() {
    log_->flush().value();
    std::vector<std::string> found;
    auto reader = log_->read(Position()).value();
    log::Batch batch;
    codec::EntryView entry;
    while (reader->next(batch, std::chrono::microseconds(0)).value() ==
           log::ReadOutcome::progressed) {
      codec::EntryReader entries(*batch.bytes);
      while (entries.next(entry) == codec::EntryReader::Outcome::progressed) {
        const codec::TradeView& trade = entry.trade;
        EXPECT_EQ(trade.ingest_time, kNow) << "received now";
        found.push_back(fmt::format("{} {}/{}/{} frame {} flags {}", trade.symbol, trade.source,
                                    trade.epoch, trade.sequence, trade.frame, trade.flags));
      }
    }
    return found;
  }

  static model::DeadLetter letter(RejectReason reason, int64_t sequence, std::string raw) {
    return {.reason = reason,
            .source = "finnhub",
            .epoch = 3,
            .sequence = sequence,
            .frame = 17,
            .ingest_time = kNow - std::chrono::hours(1),
            .raw = std::move(raw),
            .detail = {}};
  }

  ManualClock clock_{kNow};
  metrics::Registry registry_;
  NoLetters letters_;
  std::unique_ptr<log::Log> log_;
  StageOptions options_;
  std::map<std::string, model::ReplayedSet> known_;
};

constexpr const char* kFuture = R"({"s":"A","p":1.5,"t":1700000120000,"v":2})";

TEST_F(LetterReplayerTest, AnElementEntersOnceItIsValid) {
  const model::DeadLetter future = letter(RejectReason::time_in_future, 42, kFuture);
  EXPECT_THAT(replay(future).still, ElementsAre(RejectReason::time_in_future));
  EXPECT_THAT(logged(), IsEmpty());
  options_.future_max = std::chrono::hours(1);
  EXPECT_EQ(replay(future).entered, 1);
  EXPECT_THAT(logged(), ElementsAre("A finnhub/3/42 frame 17 flags 8"));
}

TEST_F(LetterReplayerTest, WhatIsInTheLogDoesNotEnterAgain) {
  options_.future_max = std::chrono::hours(1);
  known_["finnhub"].add(3, 42);
  const LetterOutcome outcome = replay(letter(RejectReason::time_in_future, 42, kFuture));
  EXPECT_EQ(outcome.entered, 0);
  EXPECT_EQ(outcome.known, 1);
  EXPECT_THAT(logged(), IsEmpty());
}

TEST_F(LetterReplayerTest, AFrameEntersElementByElement) {
  const std::string frame =
      R"({"data":[{"s":"A","p":1,"t":1,"v":1},{"s":"B","p":0,"t":1,"v":1},{"s":"C","p":1,"t":1,"v":1}],"type":"trade"})";
  const model::DeadLetter whole = letter(RejectReason::malformed_json, 0, frame);
  const LetterOutcome outcome = replay(whole);
  EXPECT_EQ(outcome.entered, 2);
  EXPECT_THAT(outcome.still, ElementsAre(RejectReason::bad_price));
  EXPECT_THAT(logged(), ElementsAre("A finnhub/3/4000000017000001 frame 17 flags 8",
                                    "C finnhub/3/4000000017000003 frame 17 flags 8"));
}

TEST_F(LetterReplayerTest, ACollapsedFrameWaitsForTheSettingAndKeepsItsNumbers) {
  model::DeadLetter copy = letter(RejectReason::duplicate_frame, 0,
                                  R"({"data":[{"s":"A","p":1,"t":1,"v":1}],"type":"trade"})");
  copy.detail = model::detail_of_elements(8, 8);
  options_.dedupe = Dedupe::collapse;
  EXPECT_THAT(replay(copy).still, ElementsAre(RejectReason::duplicate_frame));
  options_.dedupe = Dedupe::mark;
  EXPECT_EQ(replay(copy).entered, 1);
  EXPECT_THAT(logged(), ElementsAre("A finnhub/3/8 frame 17 flags 12"));
}

TEST_F(LetterReplayerTest, ARowOfARecordingIsReadAsOne) {
  model::DeadLetter row = letter(RejectReason::time_in_future, 5, "{A,1.5,2,1700000120000,");
  row.source = "recording:0123";
  options_.future_max = std::chrono::hours(1);
  EXPECT_EQ(replay(row).entered, 1);
  EXPECT_THAT(logged(), ElementsAre("{A recording:0123/3/5 frame 17 flags 8"));
}

TEST_F(LetterReplayerTest, WhatIsStillWrongSaysWhy) {
  EXPECT_THAT(replay(letter(RejectReason::oversized_frame, 0, R"({"type":"ping"})")).still,
              ElementsAre(RejectReason::oversized_frame))
      << "only a beginning was kept";
  EXPECT_THAT(replay(letter(RejectReason::unknown_type, 0, R"({"type":"strange"})")).still,
              ElementsAre(RejectReason::unknown_type));
  EXPECT_THAT(replay(letter(RejectReason::malformed_json, 0, R"({"data":[)")).still,
              ElementsAre(RejectReason::malformed_json));
  const LetterOutcome ping = replay(letter(RejectReason::unknown_type, 0, R"({"type":"ping"})"));
  EXPECT_TRUE(ping.still.empty() && ping.entered == 0) << "it holds no trades";
}

TEST_F(LetterReplayerTest, DamagedLettersEnterNothing) {
  constexpr const char* kTwo = R"({"s":"A","p":1,"t":1,"v":1},{"s":"A","p":1,"t":1,"v":1})";
  EXPECT_THAT(replay(letter(RejectReason::bad_price, 42, kTwo)).still,
              ElementsAre(RejectReason::malformed_json));
  EXPECT_THAT(replay(letter(RejectReason::bad_price, -1, kFuture)).still,
              ElementsAre(RejectReason::bad_price));
  EXPECT_THAT(logged(), IsEmpty());
}

}  // namespace
}  // namespace tapeline::ingest
