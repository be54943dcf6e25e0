#include "app/logged_dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "app/log_formats.h"
#include "base/diag.h"
#include "codec/dead_letter.h"
#include "support/moody_log.h"

namespace tapeline::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Takes records at once and writes them later, or loses them then: its disk is full. One thread.
class LazyLog : public test::MoodyLog {
 public:
  using MoodyLog::MoodyLog;

  Result<Position> append(std::string records, uint32_t count, const log::Times& times) override {
    if (closed_) return Error(ErrorCode::invalid, "closed");
    if (!error.empty()) return Error(ErrorCode::full, error);
    const Position first = inner->end().plus(queued_records_);
    queued_.push_back({std::move(records), count, times});
    queued_records_ += count;
    return first;
  }
  void write() {
    for (Queued& queued : std::exchange(queued_, {})) {
      if (std::exchange(break_next_write, false)) {
        error = "disk full";
        break;
      }
      inner->append(std::move(queued.records), queued.count, queued.times).value();
    }
    queued_records_ = 0;
  }
  Result<> flush() override {
    write();
    return {};
  }
  Result<Position> recover() override {
    error.clear();
    return inner->end();
  }
  Result<> close() override {
    write();
    closed_ = true;
    return inner->close();
  }

  bool break_next_write = false;

 private:
  struct Queued {
    std::string records;
    uint32_t count;
    log::Times times;
  };
  std::vector<Queued> queued_;
  uint64_t queued_records_ = 0;
  bool closed_ = false;
};

class LoggedDeadLettersTest : public testing::Test {
 protected:
  LoggedDeadLettersTest() {
    diag::set_sink([](diag::Level, std::string_view) {});
  }
  ~LoggedDeadLettersTest() override { diag::set_sink({}); }

  void put(std::string_view bytes) {
    ingest::DeadLetter letter;
    letter.source = "feed";
    letter.ingest_time = clock_.wall();
    letter.bytes = bytes;
    letters_.put(letter);
  }
  std::vector<std::string> logged() {
    log_.write();
    std::vector<std::string> found;
    auto reader = log_.read(Position()).value();
    log::Batch batch;
    while (reader->next(batch, std::chrono::microseconds(0)).value() ==
           log::ReadOutcome::progressed) {
      std::string_view bytes = *batch.bytes;
      while (auto letter = codec::take_dead_letter(bytes)) found.push_back(letter->raw);
    }
    return found;
  }

  ManualClock clock_{WallTime(std::chrono::seconds(1'700'000'000))};
  metrics::Registry metrics_;
  LazyLog log_{clock_, dead_letter_format()};
  LoggedDeadLetters letters_{log_, clock_, metrics_};
};

TEST_F(LoggedDeadLettersTest, KeepsWhatAFullDiskRefusedAndWritesItOnceThereIsRoom) {
  put("a");
  log_.write();
  log_.break_next_write = true;
  put("b");
  log_.write();  // Fails: from here on the log refuses everything.
  put("c");
  clock_.advance(LoggedDeadLetters::kRecoverEvery);
  put("d");
  EXPECT_THAT(logged(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(letters_.dropped(), 0);
}

TEST_F(LoggedDeadLettersTest, TriesALogThatFailsOnlyNowAndThen) {
  log_.break_next_write = true;
  put("a");
  log_.write();
  put("b");  // Tried, and well again.
  log_.break_next_write = true;
  put("c");
  log_.write();
  put("d");
  EXPECT_FALSE(log_.status().error.empty()) << "tried a moment ago";
  clock_.advance(LoggedDeadLetters::kRecoverEvery);
  put("e");
  EXPECT_THAT(logged(), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(LoggedDeadLettersTest, WhatIsHeldIsBounded) {
  put("first");
  log_.write();
  log_.break_next_write = true;
  put("x");
  log_.write();
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) put(large);
  // The first of them found the log well again; three are less than 4 MiB, a fourth is more.
  EXPECT_EQ(letters_.dropped(), 5);
  EXPECT_THAT(metrics_.text(), HasSubstr("\ntapeline_ingest_dead_letters_dropped_total 5\n"));
  log_.write();
  put("last");
  const auto all = logged();
  EXPECT_EQ(all.front(), "first");
  EXPECT_EQ(all.back(), "last");
  EXPECT_EQ(all.size() + static_cast<size_t>(letters_.dropped()), 11U);
}

TEST_F(LoggedDeadLettersTest, ALogThatIsClosedTakesNothingMore) {
  put("a");
  ASSERT_TRUE(log_.close().ok());
  put("b");
  EXPECT_EQ(letters_.dropped(), 1);
  EXPECT_THAT(logged(), ElementsAre("a"));
}

}  // namespace
}  // namespace tapeline::app
