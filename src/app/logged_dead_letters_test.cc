#include "app/logged_dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/log_formats.h"
#include "base/diag.h"
#include "codec/dead_letter.h"
#include "log/embedded/embedded_log.h"
#include "support/faulty_file_system.h"

namespace tapeline::app {
namespace {

using testing::ElementsAre;

class LoggedDeadLettersTest : public testing::Test {
 protected:
  LoggedDeadLettersTest() {
    diag::set_sink([](diag::Level, std::string_view) {});
    log::Options options;
    options.durability = "os";
    opened_ = log::open_stepped_log({.files = files_,
                                     .clock = clock_,
                                     .metrics = metrics_,
                                     .folder = "letters",
                                     .name = "dead_letters",
                                     .format = dead_letter_format(),
                                     .options = options,
                                     .generation = 0,
                                     .seed = 1})
                  .value();
    letters_ = std::make_unique<LoggedDeadLetters>(*opened_.log, clock_, metrics_);
  }
  ~LoggedDeadLettersTest() override { diag::set_sink({}); }

  void put(std::string_view bytes) {
    ingest::DeadLetter letter;
    letter.source = "feed";
    letter.ingest_time = clock_.wall();
    letter.bytes = bytes;
    letters_->put(letter);
  }
  void write() {
    while (opened_.due()) opened_.step();
  }

  std::vector<std::string> logged() {
    write();
    std::vector<std::string> found;
    auto reader = opened_.log->read(Position()).value();
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
  test::FaultyFileSystem files_;
  log::SteppedLog opened_;
  std::unique_ptr<LoggedDeadLetters> letters_;
};

TEST_F(LoggedDeadLettersTest, KeepsWhatAFullDiskRefusedAndWritesItOnceThereIsRoom) {
  put("a");
  write();
  files_.break_next_write(3);
  put("b");
  write();  // Fails: from here on the log refuses everything.
  put("c");
  clock_.advance(LoggedDeadLetters::kRecoverEvery);
  put("d");
  EXPECT_THAT(logged(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(letters_->dropped(), 0);
}

TEST_F(LoggedDeadLettersTest, TriesALogThatFailsOnlyNowAndThen) {
  files_.break_next_write(3);
  put("a");
  write();
  put("b");  // Tried, and well again.
  files_.break_next_write(3);
  put("c");
  write();
  put("d");
  EXPECT_FALSE(opened_.log->status().error.empty()) << "tried a moment ago";
  clock_.advance(LoggedDeadLetters::kRecoverEvery);
  put("e");
  EXPECT_THAT(logged(), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(LoggedDeadLettersTest, WhatIsHeldIsBounded) {
  put("first");
  write();
  files_.break_next_write(3);
  put("x");
  write();
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) put(large);
  // The first of them found the log well again and was handed over with three more.
  EXPECT_GE(letters_->dropped(), 4);
  write();
  put("last");
  const auto all = logged();
  EXPECT_EQ(all.front(), "first");
  EXPECT_EQ(all.back(), "last");
  EXPECT_EQ(all.size() + static_cast<size_t>(letters_->dropped()), 11U);
}

TEST_F(LoggedDeadLettersTest, ALogThatIsClosedTakesNothingMore) {
  put("a");
  ASSERT_TRUE(opened_.log->close().ok());
  put("b");
  EXPECT_EQ(letters_->dropped(), 1);
  EXPECT_THAT(logged(), ElementsAre("a"));
}

}  // namespace
}  // namespace tapeline::app
