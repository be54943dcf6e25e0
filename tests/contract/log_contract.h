#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "log/log.h"
#include "log/options.h"
#include "support/notes.h"

/// What every implementation of log::Log promises. `Logs` is made for each test and offers
/// `std::unique_ptr<log::Log> open(const log::Options&)`, `ManualClock clock` and
/// `static constexpr bool kKeeps`: whether a second open finds what the first one left.
namespace tapeline::test {

template <typename Logs>
class LogContract : public ::testing::Test {
 protected:
  static constexpr auto kShort = std::chrono::milliseconds(20);
  static constexpr auto kLong = std::chrono::seconds(20);

  static log::Options small_segments() {
    log::Options options;
    options.durability = "os";
    options.segment_bytes_max = 4096;
    options.block_bytes = 512;
    return options;
  }

  void open(log::Options options = {}) {
    if (options.durability == "fsync") options.durability = "os";
    log_ = logs_.open(options);
    ASSERT_NE(log_, nullptr);
  }

  Position append(const std::string& text, int64_t at = 0) {
    auto position = log_->append(encode({text, at}), 1, times_of(at));
    EXPECT_TRUE(position.ok()) << position.error().message();
    return position.ok() ? position.value() : Position{};
  }

  /// Removes what is due; how many segments that were.
  uint64_t enforce_retention() {
    const auto due = log_->due_cut();
    EXPECT_TRUE(due.ok()) << due.error().message();
    const auto cut = log_->remove_before(due.value().begin);
    EXPECT_TRUE(cut.ok()) << cut.error().message();
    EXPECT_EQ(cut.value().begin, log_->begin());
    return cut.value().segments;
  }

  /// Numbers from `first` to `last` as texts that do not compress to nothing.
  void append_numbers(int first, int last) {
    for (int i = first; i <= last; ++i) append(text_of(i), i);
    flush();
  }

  static std::string text_of(int number) {
    std::string text = "note " + std::to_string(number) + " ";
    uint32_t state = static_cast<uint32_t>(number) * 2654435761U + 1;
    for (int i = 0; i < 60; ++i) {
      state = state * 1664525U + 1013904223U;
      text += static_cast<char>('!' + (state >> 24) % 90);
    }
    return text;
  }

  void flush() {
    const auto flushed = log_->flush();
    ASSERT_TRUE(flushed.ok()) << flushed.error().message();
  }

  /// Reads up to the log's end; fails on holes.
  std::vector<std::string> read_all(Position from = {}) {
    std::vector<std::string> texts;
    auto reader = log_->read(from);
    EXPECT_TRUE(reader.ok()) << reader.error().message();
    if (!reader.ok()) return texts;
    Position expected = from == Position{} ? log_->begin() : from;
    log::Batch batch;
    while (expected < log_->end()) {
      auto outcome = reader.value()->next(batch, kLong);
      EXPECT_TRUE(outcome.ok()) << outcome.error().message();
      if (!outcome.ok() || outcome.value() != log::ReadOutcome::progressed) break;
      EXPECT_EQ(batch.first.raw(), expected.raw());
      const auto notes = notes_of(batch);
      EXPECT_EQ(notes.size(), batch.count);
      for (const Note& note : notes) texts.push_back(note.text);
      expected = batch.last().plus(1);
      EXPECT_EQ(reader.value()->position().raw(), expected.raw());
    }
    return texts;
  }

  static std::vector<std::string> texts(int first, int last) {
    std::vector<std::string> all;
    for (int i = first; i <= last; ++i) all.push_back(text_of(i));
    return all;
  }

  Logs logs_;
  std::unique_ptr<log::Log> log_;
};

TYPED_TEST_SUITE_P(LogContract);

TYPED_TEST_P(LogContract, PositionsBeginAtOneAndFollowOneAnother) {
  this->open();
  EXPECT_EQ(this->log_->begin(), Position(0, 1));
  EXPECT_EQ(this->log_->end(), Position(0, 1));
  EXPECT_EQ(this->append("a"), Position(0, 1));
  auto several = this->log_->append(encode({"b", 1}) + encode({"c", 2}), 2, times_of(2));
  ASSERT_TRUE(several.ok());
  EXPECT_EQ(several.value(), Position(0, 2));
  EXPECT_EQ(this->append("d"), Position(0, 4));
  this->flush();
  EXPECT_EQ(this->log_->end(), Position(0, 5));
  EXPECT_EQ(this->read_all(), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TYPED_TEST_P(LogContract, ReadsFromEveryPosition) {
  this->open(this->small_segments());
  this->append_numbers(1, 120);
  for (int from = 1; from <= 120; ++from)
    ASSERT_EQ(this->read_all(Position(0, static_cast<uint64_t>(from))), this->texts(from, 120));
}

TYPED_TEST_P(LogContract, ReadsFromEveryPositionWithoutATailInMemory) {
  auto options = this->small_segments();
  options.tail_bytes_max = 0;
  this->open(options);
  this->append_numbers(1, 120);
  for (int from = 1; from <= 120; ++from)
    ASSERT_EQ(this->read_all(Position(0, static_cast<uint64_t>(from))), this->texts(from, 120));
}

TYPED_TEST_P(LogContract, AReaderAtTheEndWaitsForWhatComes) {
  this->open();
  this->append_numbers(1, 3);
  auto reader = this->log_->read(this->log_->end());
  ASSERT_TRUE(reader.ok());
  log::Batch batch;
  EXPECT_EQ(reader.value()->next(batch, std::chrono::microseconds(0)).value(),
            log::ReadOutcome::idle);
  EXPECT_EQ(reader.value()->next(batch, this->kShort).value(), log::ReadOutcome::idle);
  std::thread later([this] {
    std::this_thread::sleep_for(this->kShort);
    this->append("later");
  });
  const auto outcome = reader.value()->next(batch, this->kLong);
  later.join();
  ASSERT_EQ(outcome.value(), log::ReadOutcome::progressed);
  EXPECT_EQ(batch.first, Position(0, 4));
  EXPECT_EQ(notes_of(batch).at(0).text, "later");
}

TYPED_TEST_P(LogContract, RefusesPositionsBeyondTheEnd) {
  this->open();
  this->append_numbers(1, 2);
  auto reader = this->log_->read(Position(0, 4));
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code(), ErrorCode::invalid);
}

TYPED_TEST_P(LogContract, AReaderBesideTheWriterSeesEverythingOnce) {
  auto options = this->small_segments();
  options.tail_bytes_max = 2048;
  this->open(options);
  constexpr int kNotes = 3'000;
  auto reader = this->log_->read({});
  ASSERT_TRUE(reader.ok());
  std::thread writer([this] {
    for (int i = 1; i <= kNotes; ++i) this->append(this->text_of(i), i);
  });
  int seen = 0;
  log::Batch batch;
  while (seen < kNotes) {
    auto outcome = reader.value()->next(batch, this->kLong);
    ASSERT_TRUE(outcome.ok()) << outcome.error().message();
    ASSERT_EQ(outcome.value(), log::ReadOutcome::progressed);
    // Law 2: what is shown is durable.
    ASSERT_LT(batch.last(), this->log_->end());
    for (const Note& note : notes_of(batch)) ASSERT_EQ(note.text, this->text_of(++seen));
  }
  writer.join();
}

TYPED_TEST_P(LogContract, CloseRefusesAppendsAndFinishesReaders) {
  this->open();
  auto reader = this->log_->read({});
  this->append("last");
  ASSERT_TRUE(this->log_->close().ok());
  ASSERT_TRUE(this->log_->close().ok());
  auto refused = this->log_->append(encode({"too late", 0}), 1, times_of(0));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::cancelled);
  log::Batch batch;
  ASSERT_EQ(reader.value()->next(batch, this->kLong).value(), log::ReadOutcome::progressed);
  EXPECT_EQ(notes_of(batch).at(0).text, "last");
  EXPECT_EQ(reader.value()->next(batch, this->kLong).value(), log::ReadOutcome::finished);
}

TYPED_TEST_P(LogContract, CloseWakesAWaitingReader) {
  this->open();
  auto reader = this->log_->read({});
  std::thread closer([this] {
    std::this_thread::sleep_for(this->kShort);
    (void)this->log_->close();
  });
  log::Batch batch;
  EXPECT_EQ(reader.value()->next(batch, this->kLong).value(), log::ReadOutcome::finished);
  closer.join();
}

TYPED_TEST_P(LogContract, AReaderMayOutliveTheLog) {
  this->open();
  this->append_numbers(1, 3);
  auto reader = this->log_->read({});
  this->log_.reset();
  log::Batch batch;
  ASSERT_EQ(reader.value()->next(batch, this->kShort).value(), log::ReadOutcome::progressed);
  EXPECT_EQ(notes_of(batch).at(0).text, this->text_of(1));
}

TYPED_TEST_P(LogContract, ARecordLargerThanASegmentIsRefusedAlone) {
  this->open(this->small_segments());
  const std::string large(5000, 'x');
  auto refused = this->log_->append(encode({large, 0}), 1, times_of(0));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::full);
  EXPECT_EQ(refused.error().message(),
            "log: cannot append 5,003-byte record: larger than segment_bytes_max (4,096); raise "
            "log.segment_bytes_max");
  EXPECT_EQ(this->append("small"), Position(0, 1));
  this->flush();
  EXPECT_EQ(this->read_all(), (std::vector<std::string>{"small"}));
}

TYPED_TEST_P(LogContract, ASnapshotComesFirstInEachNewSegment) {
  this->open(this->small_segments());
  std::atomic<int> asked{0};
  this->log_->set_snapshot_source([&] {
    ++asked;
    (void)this->log_->end();  // A source may ask the log.
    return encode({"snapshot", 0});
  });
  this->append_numbers(1, 200);
  const auto status = this->log_->status();
  EXPECT_GT(status.segments, 2U);
  EXPECT_EQ(static_cast<uint64_t>(asked), status.segments - 1);
  EXPECT_EQ(this->log_->end(), Position(0, 201 + static_cast<uint64_t>(asked)));
  const auto all = this->read_all();
  EXPECT_EQ(std::count(all.begin(), all.end(), "snapshot"), asked);
  std::vector<std::string> numbers;
  for (const std::string& text : all)
    if (text != "snapshot") numbers.push_back(text);
  EXPECT_EQ(numbers, this->texts(1, 200));
}

TYPED_TEST_P(LogContract, AnEmptySnapshotPutsNone) {
  this->open(this->small_segments());
  this->log_->set_snapshot_source([] { return std::string(); });
  this->append_numbers(1, 200);
  EXPECT_GT(this->log_->status().segments, 2U);
  EXPECT_EQ(this->log_->end(), Position(0, 201));
  EXPECT_EQ(this->read_all(), this->texts(1, 200));
}

TYPED_TEST_P(LogContract, RetentionBySizeRemovesTheOldestSegments) {
  auto options = this->small_segments();
  options.retention_bytes_max = 10'000;
  this->open(options);
  this->append_numbers(1, 400);
  const uint64_t before = this->log_->status().segments;
  const auto due = this->log_->due_cut();
  ASSERT_TRUE(due.ok()) << due.error().message();
  EXPECT_EQ(this->log_->status().segments, before) << "what is due stays until it is removed";
  EXPECT_EQ(this->log_->begin(), Position(0, 1));
  const auto cut = this->log_->remove_before(due.value().begin);
  ASSERT_TRUE(cut.ok()) << cut.error().message();
  EXPECT_GT(cut.value().segments, 0U);
  EXPECT_EQ(cut.value().segments, due.value().segments);
  EXPECT_EQ(cut.value().bytes, due.value().bytes);
  EXPECT_EQ(cut.value().segments, before - this->log_->status().segments);
  EXPECT_LE(this->log_->status().bytes, 10'000U);
  EXPECT_EQ(cut.value().begin, this->log_->begin());
  EXPECT_EQ(cut.value().records, this->log_->begin().ordinal() - 1);
  EXPECT_EQ(this->log_->due_cut().value().segments, 0U);
  EXPECT_EQ(this->read_all(), this->texts(static_cast<int>(this->log_->begin().ordinal()), 400));
  auto gone = this->log_->read(Position(0, 1));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
}

TYPED_TEST_P(LogContract, OnlyWholeSegmentsBeforeThePositionAreRemoved) {
  this->open(this->small_segments());
  this->append_numbers(1, 400);
  EXPECT_EQ(this->log_->remove_before(Position(0, 1)).value().segments, 0U);
  const auto cut = this->log_->remove_before(Position(0, 200));
  ASSERT_TRUE(cut.ok()) << cut.error().message();
  EXPECT_GT(cut.value().segments, 0U);
  EXPECT_GT(this->log_->begin(), Position(0, 1));
  EXPECT_LE(this->log_->begin(), Position(0, 200));
  ASSERT_TRUE(this->log_->remove_before(this->log_->end()).ok());
  EXPECT_EQ(this->log_->status().segments, 1U) << "the one being written stays";
}

TYPED_TEST_P(LogContract, RetentionOvertakesAReaderAndSaysSo) {
  auto options = this->small_segments();
  options.retention_bytes_max = 10'000;
  options.tail_bytes_max = 0;
  this->open(options);
  auto reader = this->log_->read({});
  this->append_numbers(1, 400);
  this->enforce_retention();
  log::Batch batch;
  auto gone = reader.value()->next(batch, this->kLong);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
  ASSERT_EQ(reader.value()->next(batch, this->kLong).value(), log::ReadOutcome::progressed);
  EXPECT_EQ(batch.first, this->log_->begin());
}

TYPED_TEST_P(LogContract, RetentionByAgeCountsTheNewestRecordOfASegment) {
  auto options = this->small_segments();
  options.retention_days = 1;
  options.retention_bytes_max = 0;
  this->open(options);
  constexpr int64_t kDay = 86'400'000'000;
  for (int i = 1; i <= 100; ++i) this->append(this->text_of(i), 1);
  for (int i = 101; i <= 200; ++i) this->append(this->text_of(i), kDay);
  this->flush();
  this->logs_.clock.advance(std::chrono::microseconds(kDay));
  EXPECT_EQ(this->log_->due_cut().value().segments, 0U);
  this->logs_.clock.advance(std::chrono::microseconds(2));
  EXPECT_GT(this->enforce_retention(), 0U);
  // A segment that holds one record of the second day is kept.
  EXPECT_LE(this->log_->begin().ordinal(), 101U);
}

TYPED_TEST_P(LogContract, ASegmentWithoutTimesIsAsOldAsTheNextOne) {
  auto options = this->small_segments();
  options.retention_days = 1;
  options.retention_bytes_max = 0;
  this->open(options);
  constexpr int64_t kDay = 86'400'000'000;
  int number = 0;
  const auto append_at = [&](const log::Times& times, uint64_t segments) {
    while (this->log_->status().segments < segments) {
      ASSERT_TRUE(this->log_->append(encode({this->text_of(++number), 0}), 1, times).ok());
      this->flush();
    }
  };
  append_at({}, 2);
  this->logs_.clock.advance(std::chrono::microseconds(2 * kDay));
  EXPECT_EQ(this->log_->due_cut().value().segments, 0U) << "nothing tells how old it is";
  append_at(times_of(kDay), 4);
  EXPECT_EQ(this->log_->due_cut().value().segments, 0U);
  this->logs_.clock.advance(std::chrono::microseconds(1));
  EXPECT_EQ(this->log_->due_cut().value().segments, 3U);
  this->log_->set_retain_from(this->log_->begin().plus(static_cast<uint64_t>(number) / 2));
  EXPECT_EQ(this->log_->due_cut().value().segments, 0U) << "the next one stays";
}

TYPED_TEST_P(LogContract, RetentionKeepsWhatTheCallerStillNeeds) {
  auto options = this->small_segments();
  options.retention_bytes_max = 1;
  this->open(options);
  this->append_numbers(1, 400);
  this->log_->set_retain_from(Position(0, 100));
  this->enforce_retention();
  EXPECT_LE(this->log_->begin(), Position(0, 100));
  EXPECT_GT(this->log_->begin(), Position(0, 1));
  this->log_->set_retain_from(Position(0, 400));
  this->enforce_retention();
  EXPECT_GT(this->log_->begin(), Position(0, 100));
  EXPECT_EQ(this->log_->status().segments, 1U);
}

TYPED_TEST_P(LogContract, ReadsByEventTime) {
  this->open(this->small_segments());
  for (int i = 1; i <= 400; ++i) this->append(this->text_of(i), 1000 + i);
  this->flush();
  auto reader = this->log_->read_events(1200, 1210);
  ASSERT_TRUE(reader.ok());
  log::Batch batch;
  size_t records = 0;
  std::vector<int64_t> inside;
  while (true) {
    auto outcome = reader.value()->next(batch, this->kLong);
    ASSERT_TRUE(outcome.ok()) << outcome.error().message();
    if (outcome.value() == log::ReadOutcome::finished) break;
    records += batch.count;
    for (const Note& note : notes_of(batch))
      if (note.at >= 1200 && note.at <= 1210) inside.push_back(note.at);
  }
  EXPECT_EQ(inside, (std::vector<int64_t>{1200, 1201, 1202, 1203, 1204, 1205, 1206, 1207, 1208,
                                          1209, 1210}));
  EXPECT_LT(records, 200U) << "the index should leave most blocks out";
}

TYPED_TEST_P(LogContract, ReadingByEventTimeOutsideOfEverythingFinishes) {
  this->open();
  this->append_numbers(1, 10);
  auto reader = this->log_->read_events(500, 600);
  log::Batch batch;
  EXPECT_EQ(reader.value()->next(batch, this->kLong).value(), log::ReadOutcome::finished);
}

TYPED_TEST_P(LogContract, ItsIdentityIsItsOwnAndKept) {
  this->open(this->small_segments());
  const std::string identity = this->log_->identity();
  EXPECT_EQ(identity.size(), 32U);
  this->append_numbers(1, 150);
  EXPECT_EQ(this->log_->identity(), identity);
  if (TypeParam::kKeeps) {
    this->log_.reset();
    this->open(this->small_segments());
    EXPECT_EQ(this->log_->identity(), identity);
  }
  TypeParam other;
  EXPECT_NE(other.open(this->small_segments())->identity(), identity);
}

TYPED_TEST_P(LogContract, WhatWasAppendedIsThereAfterOpeningAgain) {
  if (!TypeParam::kKeeps) GTEST_SKIP() << "this log keeps nothing over its end";
  this->open(this->small_segments());
  this->append_numbers(1, 150);
  this->log_.reset();
  this->open(this->small_segments());
  EXPECT_EQ(this->log_->begin(), Position(0, 1));
  EXPECT_EQ(this->log_->end(), Position(0, 151));
  EXPECT_EQ(this->read_all(), this->texts(1, 150));
  this->append_numbers(151, 300);
  this->log_.reset();
  this->open(this->small_segments());
  EXPECT_EQ(this->read_all(), this->texts(1, 300));
}

TYPED_TEST_P(LogContract, RecoverWithoutAnErrorChangesNothing) {
  this->open();
  this->append_numbers(1, 3);
  EXPECT_EQ(this->log_->recover().value(), Position(0, 4));
  EXPECT_EQ(this->read_all(), this->texts(1, 3));
}

TYPED_TEST_P(LogContract, SyncOfEverythingVisibleSucceeds) {
  this->open();
  this->append_numbers(1, 3);
  EXPECT_TRUE(this->log_->sync(Position(0, 2)).ok());
  EXPECT_TRUE(this->log_->sync(Position(0, 3)).ok());
  EXPECT_TRUE(this->log_->sync(Position(0, 1000)).ok());
}

REGISTER_TYPED_TEST_SUITE_P(
    LogContract, PositionsBeginAtOneAndFollowOneAnother, ReadsFromEveryPosition,
    ReadsFromEveryPositionWithoutATailInMemory, AReaderAtTheEndWaitsForWhatComes,
    RefusesPositionsBeyondTheEnd, AReaderBesideTheWriterSeesEverythingOnce,
    CloseRefusesAppendsAndFinishesReaders, CloseWakesAWaitingReader, AReaderMayOutliveTheLog,
    ARecordLargerThanASegmentIsRefusedAlone, ASnapshotComesFirstInEachNewSegment,
    AnEmptySnapshotPutsNone, RetentionBySizeRemovesTheOldestSegments,
    OnlyWholeSegmentsBeforeThePositionAreRemoved, RetentionOvertakesAReaderAndSaysSo,
    RetentionByAgeCountsTheNewestRecordOfASegment, ASegmentWithoutTimesIsAsOldAsTheNextOne,
    RetentionKeepsWhatTheCallerStillNeeds, ReadsByEventTime,
    ReadingByEventTimeOutsideOfEverythingFinishes, ItsIdentityIsItsOwnAndKept,
    WhatWasAppendedIsThereAfterOpeningAgain, RecoverWithoutAnErrorChangesNothing,
    SyncOfEverythingVisibleSucceeds);

}  // namespace tapeline::test
