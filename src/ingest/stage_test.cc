#include "ingest/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/diag.h"
#include "base/metrics.h"
#include "codec/entry.h"
#include "ingest/options.h"
#include "support/entry_format.h"
#include "support/moody_log.h"

namespace tapeline::ingest {
namespace {

using model::ControlKind;
using model::RejectReason;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};
constexpr int64_t kNowMs = 1'700'000'000'000;

struct Letters : DeadLetterSink {
  void put(const DeadLetter& letter) override {
    seen.push_back(fmt::format("{} {}/{}: {}", model::to_string(letter.reason), letter.frame,
                               letter.sequence, letter.bytes));
  }
  std::vector<std::string> seen;
};

class StageTest : public testing::Test {
 protected:
  StageTest() : log(clock, test::entry_format()) {}

  void make(StageOptions options = {}) {
    stage = std::make_unique<Stage>(log, letters, clock, registry, options);
  }

  void open(int64_t epoch = 7, int64_t resume_after = 0,
            SourceClock source_clock = SourceClock::wall) {
    stage->open_epoch({"finnhub", epoch, source_clock, resume_after});
  }

  FrameOutcome frame(std::string_view bytes) { return stage->frame(bytes, clock.wall()); }

  static std::string trades(std::initializer_list<const char*> elements) {
    std::string text = R"({"data":[)";
    for (const char* element : elements)
      text += std::string(text.back() == '[' ? "" : ",") + element;
    return text + R"(],"type":"trade"})";
  }

  /// Everything in the log as short texts.
  std::vector<std::string> logged() {
    stage->flush().value();
    log.inner->flush().value();
    std::vector<std::string> found;
    auto reader = log.read(Position()).value();
    log::Batch batch;
    codec::EntryView entry;
    while (reader->next(batch, std::chrono::microseconds(0)).value() ==
           log::ReadOutcome::progressed) {
      codec::EntryReader entries(*batch.bytes);
      while (entries.next(entry) == codec::EntryReader::Outcome::progressed) {
        if (entry.kind == codec::EntryKind::trade)
          found.push_back(fmt::format("{} {} {}/{}/{} f{}", entry.trade.symbol,
                                      model::to_text(entry.trade.price), entry.trade.source,
                                      entry.trade.epoch, entry.trade.sequence, entry.trade.flags));
        else {
          found.push_back(
              fmt::format("{} {}", model::to_string(entry.control.kind), entry.control.detail));
          last_control = entry.control;
        }
      }
    }
    return found;
  }

  static constexpr const char* kGood = R"({"s":"A","p":1.5,"t":1699999999900,"v":2})";
  static constexpr const char* kBad = R"({"s":"A","p":-1,"t":1699999999900,"v":2})";
  static constexpr const char* kFar = R"({"s":"A","p":1.5,"t":221845400000000,"v":2})";

  ManualClock clock{kNow};
  model::Control last_control;  ///< That `logged` met.
  metrics::Registry registry;
  Letters letters;
  test::MoodyLog log;
  std::unique_ptr<Stage> stage;
};

TEST_F(StageTest, Law1EveryFrameAndElementIsAccountedFor) {
  make();
  open();
  frame(trades({kGood, kBad, kGood}));
  frame(R"({"type":"ping"})");
  frame(R"({"data":[)");
  frame(R"({"type":"strange"})");
  frame(R"({"type":"error","msg":"Invalid symbol X"})");
  EXPECT_THAT(logged(),
              ElementsAre("epoch_opened wall", "A 1.5 finnhub/7/1 f0", "A 1.5 finnhub/7/3 f0"));
  const Accounts& accounts = stage->accounts();
  EXPECT_TRUE(accounts.balanced()) << accounts.to_text();
  EXPECT_EQ(accounts.frames, 5);
  EXPECT_EQ(accounts.elements, 3);
  EXPECT_EQ(accounts.elements_rejected[static_cast<size_t>(RejectReason::bad_price)], 1);
  EXPECT_EQ(accounts.frames_rejected[static_cast<size_t>(RejectReason::malformed_json)], 1);
  EXPECT_THAT(letters.seen,
              ElementsAre(std::string("bad_price 1/2: ") + kBad, R"(malformed_json 3/0: {"data":[)",
                          R"(unknown_type 4/0: {"type":"strange"})"));
  EXPECT_THAT(registry.text(), HasSubstr("tapeline_ingest_trades_total 2"));
}

TEST_F(StageTest, RepeatedFramesAreMarkedAndStillCount) {
  make();
  open();
  const std::string once = trades({kGood});
  frame(once);
  EXPECT_TRUE(frame(once).repeated);
  clock.advance(std::chrono::seconds(6));
  EXPECT_FALSE(frame(once).repeated) << "the window is over";
  EXPECT_THAT(logged(), ElementsAre("epoch_opened wall", "A 1.5 finnhub/7/1 f0",
                                    "A 1.5 finnhub/7/2 f4", "A 1.5 finnhub/7/3 f0"));
}

TEST_F(StageTest, FramesOfARecordingRepeatInItsOwnTime) {
  make();
  open(0, 0, SourceClock::feed);
  const std::string first = trades({R"({"s":"A","p":1,"t":1000,"v":1})"});
  frame(first);
  EXPECT_TRUE(frame(first).repeated);
  frame(trades({R"({"s":"A","p":1,"t":7000,"v":1})"}));
  EXPECT_FALSE(frame(first).repeated) << "the window is over";
}

TEST_F(StageTest, FramesRememberedAreBounded) {
  make({.dedupe_frames_max = 3});
  open();
  const auto numbered = [&](int price) {
    const std::string element =
        R"({"s":"A","t":1699999999000,"v":1,"p":)" + std::to_string(price) + "}";
    return frame(trades({element.c_str()})).repeated;
  };
  for (int price = 1; price <= 3; ++price) EXPECT_FALSE(numbered(price));
  EXPECT_TRUE(numbered(2)) << "among the last three";
  EXPECT_FALSE(numbered(1)) << "three others came since";
}

TEST_F(StageTest, CollapsedFramesGoToTheDeadLettersAndKeepTheirNumbers) {
  make({.dedupe = Dedupe::collapse});
  open();
  const std::string once = trades({kGood, kGood});
  for (int i = 0; i < 3; ++i) frame(once);
  frame(trades({R"({"s":"B","p":3,"t":1699999999900,"v":1})"}));
  EXPECT_THAT(logged(), ElementsAre("epoch_opened wall", "A 1.5 finnhub/7/1 f0",
                                    "A 1.5 finnhub/7/2 f0", "B 3 finnhub/7/7 f0"));
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
  EXPECT_EQ(letters.seen.size(), 2u);
}

TEST_F(StageTest, AnotherConnectionForgetsTheFramesOfTheLast) {
  make();
  open(1);
  frame(trades({kGood}));
  stage->close_epoch("test");
  open(2);
  EXPECT_FALSE(frame(trades({kGood})).repeated);
}

TEST_F(StageTest, ResumedRowsAreReadOverAndNumbersGoOn) {
  make();
  PutAside aside;
  aside.elements.add(0, 2);
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 2, std::make_shared<PutAside>(aside)});
  for (const char* row : {"A,1,1,1000,", "A,bad,1,1001,", "A,3,1,1002,", "A,bad,1,1003,"})
    stage->row(row, clock.wall());
  EXPECT_THAT(logged(), ElementsAre("epoch_opened feed", "A 3 finnhub/0/3 f0"));
  EXPECT_EQ(stage->accounts().already_logged, 2);
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
  EXPECT_EQ(letters.seen.size(), 1u) << "the bad row before was put aside the first time";
}

TEST_F(StageTest, ARejectWhoseLetterDidNotLastIsPutAsideAgainWhenARecordingIsResumed) {
  make({.dedupe = Dedupe::collapse});
  PutAside aside;
  aside.elements.add(0, 1);
  aside.frames = {{3, RejectReason::unknown_type}};
  const auto feed = [&] {
    frame(trades({kBad, kBad, kGood}));  // 1 is among the letters, 2 is not.
    frame(R"({"type":"strange","n":1})");
    frame(R"({"type":"strange","n":2})");  // Is among the letters.
    frame(trades({kBad, kBad, kGood}));    // Repeated: 4 to 6.
    frame(trades({kGood, kBad}));          // 7 is the last in the log.
  };
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 7, std::make_shared<PutAside>(aside)});
  feed();
  EXPECT_THAT(logged(), ElementsAre("epoch_opened feed"));
  EXPECT_THAT(letters.seen, ElementsAre(std::string("bad_price 1/2: ") + kBad,
                                        R"(unknown_type 2/0: {"type":"strange","n":1})",
                                        "duplicate_frame 4/0: " + trades({kBad, kBad, kGood}),
                                        std::string("bad_price 5/8: ") + kBad));
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
  stage->close_epoch("");
  letters.seen.clear();

  for (int64_t number = 2; number <= 8; ++number) aside.elements.add(0, number);
  aside.frames.emplace(2, RejectReason::unknown_type);
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 7, std::make_shared<PutAside>(aside)});
  feed();
  EXPECT_TRUE(letters.seen.empty()) << "none is put aside twice";
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, WhatOnlyTodaysSettingsRefuseIsNotPutAsideBesideTheLog) {
  make({.dedupe = Dedupe::collapse});
  PutAside aside;
  aside.same_settings = false;
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 5, std::make_shared<PutAside>(aside)});
  frame(trades({kGood}));
  frame(trades({kGood}));
  frame(trades({kFar}));
  frame(trades({kFar, kFar, kFar}));
  EXPECT_THAT(letters.seen, ElementsAre(std::string("time_in_future 4/6: ") + kFar))
      << "the log may hold those before";
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, WhatWasPutAsideStaysThereWhenARecordingIsResumed) {
  make({.dedupe = Dedupe::off});
  PutAside aside;
  aside.elements.add(0, 2);
  aside.frames = {{3, RejectReason::malformed_json}, {4, RejectReason::unknown_type}};
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 1, std::make_shared<PutAside>(aside)});
  // By the settings of before, the second trade, the third frame and the fourth were wrong.
  for (int i = 0; i < 5; ++i) frame(trades({kGood}));
  EXPECT_THAT(logged(), ElementsAre("epoch_opened feed", "A 1.5 finnhub/0/3 f0"));
  EXPECT_TRUE(letters.seen.empty()) << "none is put aside twice";
  EXPECT_EQ(stage->accounts().already_logged, 2);
  EXPECT_EQ(stage->accounts().frames_rejected[static_cast<size_t>(RejectReason::malformed_json)],
            1);
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, ACollapsedFrameIsPutAsideOnceWhenARecordingIsResumed) {
  make({.dedupe = Dedupe::collapse});
  PutAside aside;
  aside.elements.add(0, 2);
  stage->open_epoch({"finnhub", 0, SourceClock::feed, 0, std::make_shared<PutAside>(aside)});
  for (int i = 0; i < 3; ++i) frame(trades({kGood}));
  ASSERT_EQ(letters.seen.size(), 1U);
  EXPECT_THAT(letters.seen[0], HasSubstr("duplicate_frame 3/0"));
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, WhatIsOfRemovedTimesIsRefusedAndTheLogSaysWhichTimes) {
  make();
  const auto at = [](int64_t ms) { return model::EventTime(std::chrono::milliseconds(ms)); };
  model::RemovedTrades before;
  before["B"].add({at(kNowMs - 100), at(kNowMs - 100)});
  stage->know_removed(before);
  open();
  frame(trades({kGood, R"({"s":"B","p":1,"t":1699999999900,"v":2})"}));
  model::RetentionCut cut{Position(0, 9), {}};
  cut.removed["A"].add({at(kNowMs - 200), at(kNowMs - 100)});
  cut.removed["A"].add({at(kNowMs - 900), at(kNowMs - 800)});
  stage->retention_cut(cut);
  frame(trades({kGood, R"({"s":"A","p":2,"t":1699999999901,"v":2})",
                R"({"s":"A","p":3,"t":1699999999799,"v":2})",
                R"({"s":"A","p":4,"t":1699999999200,"v":2})"}));
  EXPECT_THAT(logged(), ElementsAre("epoch_opened wall", "A 1.5 finnhub/7/1 f0", "retention_cut ",
                                    "retention_cut ", "retention_cut before 0:9",
                                    "A 2 finnhub/7/4 f0", "A 3 finnhub/7/5 f0"));
  EXPECT_THAT(letters.seen,
              ElementsAre(R"(beyond_retention 1/2: {"s":"B","p":1,"t":1699999999900,"v":2})",
                          std::string("beyond_retention 2/3: ") + kGood,
                          R"(beyond_retention 2/6: {"s":"A","p":4,"t":1699999999200,"v":2})"));
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, TicksTellTheFeedsTimeAndLag) {
  make();
  open();
  frame(trades({kGood}));
  stage->tick("finnhub");
  stage->tick("finnhub");
  stage->close_epoch("");
  stage->open_epoch({"recording:x", 0, SourceClock::feed, 0});
  stage->tick("recording:x");
  stage->row("A,1,1,1699999000123,", clock.wall());
  stage->tick("recording:x");
  stage->flush().value();
  log.inner->flush().value();
  std::vector<std::string> ticks;
  auto reader = log.read(Position()).value();
  log::Batch batch;
  codec::EntryView entry;
  while (reader->next(batch, std::chrono::microseconds(0)).value() ==
         log::ReadOutcome::progressed) {
    codec::EntryReader entries(*batch.bytes);
    while (entries.next(entry) == codec::EntryReader::Outcome::progressed)
      if (entry.kind == codec::EntryKind::control && entry.control.kind == ControlKind::tick)
        ticks.push_back(fmt::format(
            "{} {} {}", entry.control.source, entry.control.to->time_since_epoch().count() / 1'000,
            entry.control.lag_ms ? fmt::format("{}", *entry.control.lag_ms) : "none"));
  }
  EXPECT_THAT(ticks,
              ElementsAre(fmt::format("finnhub {} 100", kNowMs),
                          fmt::format("finnhub {} none", kNowMs), "recording:x 1699999000123 none"))
      << "a feed clock that never moved ticks not at all";
}

TEST_F(StageTest, TellsTheFirstOfEachReasonAndThenTheirNumberOnceAMinute) {
  std::vector<std::string> lines;
  diag::set_sink([&lines](diag::Level, std::string_view line) { lines.emplace_back(line); });
  diag::redact("open-sesame");
  make();
  open();
  for (int i = 0; i < 100; ++i) frame(trades({kBad}));
  frame("x\xff open-sesame " + std::string(500, 'y'));
  stage->flush().value();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], HasSubstr("bad_price: put aside from finnhub, its bytes are among the dead "
                                  "letters. The price is not a positive number."));
  EXPECT_THAT(lines[1], HasSubstr("not_utf8"));
  EXPECT_THAT(lines[1], HasSubstr("xff ***"));
  EXPECT_LT(lines[1].size(), 600U);
  clock.advance(std::chrono::seconds(61));
  stage->flush().value();
  stage->flush().value();
  diag::set_sink({});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[2], HasSubstr("bad_price: 99 more put aside."));
}

TEST_F(StageTest, AFailedLogPausesIntakeAndLosesNothingOnceItRecovers) {
  make();
  open();
  frame(trades({kGood}));
  stage->flush().value();
  log.error = "cannot append: disk full";
  frame(trades({kGood}));
  stage->flush().value();
  EXPECT_EQ(stage->intake(), Intake::failed);
  EXPECT_THAT(stage->failure(), HasSubstr("disk full"));
  clock.advance(std::chrono::seconds(2));
  stage->flush().value();
  EXPECT_EQ(stage->intake(), Intake::failed);
  log.cured = true;
  clock.advance(std::chrono::seconds(2));
  stage->flush().value();
  EXPECT_EQ(stage->intake(), Intake::flowing);
  EXPECT_THAT(logged(),
              ElementsAre("epoch_opened wall", "A 1.5 finnhub/7/1 f0", "A 1.5 finnhub/7/2 f4"));
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
}

TEST_F(StageTest, AFloodBeyondTheLimitIsDroppedInsideAGapWithCauseOverload) {
  make({.batch_bytes = 64, .held_bytes_max = 1'000});
  open();
  log.pending = 100 << 20;
  for (int i = 0; i < 100; ++i) {
    clock.advance(std::chrono::milliseconds(1));
    frame(trades({kGood}));
  }
  EXPECT_EQ(stage->intake(), Intake::blocked);
  const int64_t dropped = stage->accounts().frames_by_kind[static_cast<size_t>(FrameKind::dropped)];
  EXPECT_GT(dropped, 50);
  EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
  log.pending = 0;
  stage->flush().value();
  EXPECT_EQ(stage->intake(), Intake::flowing);
  const auto all = logged();
  EXPECT_EQ(all.size(), 1 + (100 - static_cast<size_t>(dropped)) + 1);
  EXPECT_EQ(all.back(), "gap overload");
  EXPECT_EQ(last_control.from, kNow - StageOptions().latency_bound)
      << "the trades are no newer than the opening, and others may be older by that much";
  EXPECT_EQ(last_control.to, kNow + std::chrono::milliseconds(100) + std::chrono::microseconds(1));
}

/// The log refuses an append that is larger than a segment, for good.
TEST_F(StageTest, AFrameLargerThanASegmentIsHandedOverInParts) {
  for (const bool may_wait : {false, true}) {
    const log::Options small{.segment_bytes_max = 4096};
    log.inner = log::make_memory_log(clock, test::entry_format(), small);
    make(may_wait ? replay_stage_options({}, small) : stage_options({}, {}, small));
    open();
    std::string many = trades({kGood});
    for (int i = 1; i < 500; ++i) many.insert(many.size() - 17, std::string(",") + kGood);
    frame(many);
    const auto all = logged();
    ASSERT_EQ(all.size(), 501U) << "may wait: " << may_wait;
    EXPECT_EQ(all.back(), "A 1.5 finnhub/7/500 f0");
    EXPECT_EQ(stage->intake(), Intake::flowing);
    EXPECT_EQ(stage->accounts().accepted, 500);
    EXPECT_EQ(stage->accounts().records_held, 0);
    EXPECT_TRUE(stage->accounts().balanced()) << stage->accounts().to_text();
  }
}

TEST_F(StageTest, AGapOfDroppedFramesIsWrittenAlsoWhenTheConnectionEndsFirst) {
  make({.batch_bytes = 64, .held_bytes_max = 100});
  open();
  log.pending = 100 << 20;
  for (int i = 0; i < 10; ++i) frame(trades({kGood}));
  stage->close_epoch("shutdown");
  log.pending = 0;
  const auto all = logged();
  ASSERT_GE(all.size(), 2U);
  EXPECT_EQ(all[all.size() - 2], "gap overload");
  EXPECT_EQ(all.back(), "epoch_closed shutdown");
}

TEST_F(StageTest, WhatWasHeardIsNoNewerThanTheNewestTradeUnlessAllWasRead) {
  using std::chrono::seconds;
  make();
  open();
  EXPECT_EQ(stage->heard(), std::nullopt);
  const auto trade_of = [&](WallTime time) {
    frame(trades(
        {fmt::format(R"({{"s":"A","p":1,"t":{},"v":1}})", time.time_since_epoch().count() / 1'000)
             .c_str()}));
  };
  clock.advance(seconds(10));
  trade_of(kNow + seconds(5));
  EXPECT_EQ(stage->heard(), kNow + seconds(5)) << "it waited for five seconds somewhere";
  frame(R"({"type":"ping"})");
  EXPECT_EQ(stage->heard(), kNow + seconds(5)) << "and the ping may have waited, too";
  stage->caught_up(kNow + seconds(10));
  frame(R"({"type":"ping"})");
  EXPECT_EQ(stage->heard(), kNow + seconds(5)) << "trades are too old to believe it";
  stage->tick("finnhub");
  stage->caught_up(kNow + seconds(9));
  frame(R"({"type":"ping"})");
  EXPECT_EQ(stage->heard(), kNow + seconds(9));
  trade_of(kNow + seconds(2));
  EXPECT_EQ(stage->heard(), kNow + seconds(9)) << "one late print says nothing of the others";
  clock.advance(seconds(10));
  stage->tick("finnhub");
  stage->caught_up(kNow + seconds(19));
  trade_of(kNow + seconds(10));
  EXPECT_EQ(stage->heard(), kNow + seconds(10)) << "it had not come by 19, but it was sent before";
  trade_of(kNow + seconds(40));
  EXPECT_EQ(stage->heard(), kNow + seconds(20)) << "nothing is newer than its arrival";
}

TEST_F(StageTest, AFrameWithoutTradesDoesNotTellForHowLongASilentLineHeldItBack) {
  using std::chrono::seconds;
  make();
  open();
  frame(R"({"type":"ping"})");
  stage->caught_up(kNow + seconds(1));
  stage->caught_up(kNow + seconds(30));
  clock.advance(seconds(40));
  frame(R"({"type":"ping"})");
  EXPECT_EQ(stage->heard(), kNow + seconds(1)) << "sent at 2, perhaps, with trades behind it";
  stage->caught_up(kNow + seconds(31));
  frame(R"({"type":"ping"})");
  EXPECT_EQ(stage->heard(), kNow + seconds(31)) << "what came before 31 was read by then";
}

TEST_F(StageTest, WithLeaveToWaitAnErrorIsTheCallers) {
  make({.may_wait = true});
  open();
  log.error = "cannot append: disk full";
  frame(trades({kGood}));
  const auto flushed = stage->flush();
  ASSERT_FALSE(flushed.ok());
  EXPECT_EQ(flushed.error().code(), ErrorCode::full);
  log.error.clear();
  EXPECT_FALSE(stage->flush().ok()) << "a record is lost, whatever comes after it";
}

}  // namespace
}  // namespace tapeline::ingest
