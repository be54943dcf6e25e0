#include "log/embedded/embedded_log.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/diag.h"
#include "log/embedded/format.h"
#include "log/embedded/segment_file.h"
#include "log/embedded/time_index.h"
#include "support/faulty_file_system.h"
#include "support/notes.h"

namespace tapeline::log::embedded {
namespace {

using test::encode;
using test::FaultyFileSystem;
using test::Note;
using test::note_format;
using test::notes_of;

constexpr auto kLong = std::chrono::seconds(20);
constexpr auto kShort = std::chrono::milliseconds(30);
const std::string kFolder = "log";

/// What a reader met, from one position to the end.
struct Reading {
  std::map<uint64_t, std::string> texts;  ///< By ordinal.
  std::vector<std::string> errors;
};

class EmbeddedLogTest : public ::testing::Test {
 protected:
  EmbeddedLogTest() {
    options_.durability = "fsync";
    options_.group_ms_max = 0;
    options_.segment_bytes_max = 1 << 20;
    options_.block_bytes = 1;  // Each append is a block.
    diag::set_sink([this](diag::Level, std::string_view line) {
      const std::lock_guard lock(lines_mutex_);
      lines_.emplace_back(line);
    });
  }
  ~EmbeddedLogTest() override {
    log_.reset();
    diag::set_sink({});
  }

  EmbeddedSetup setup() {
    return {.files = files_,
            .clock = clock_,
            .metrics = metrics_,
            .folder = kFolder,
            .name = "notes",
            .format = format_,
            .options = options_,
            .generation = generation_,
            .seed = ++seed_};
  }

  void open() {
    log_.reset();
    auto log = open_embedded_log(setup());
    ASSERT_TRUE(log.ok()) << log.error().message();
    log_ = std::move(log).value();
  }

  static std::string text_of(uint64_t number) { return "note " + std::to_string(number); }
  static uint64_t number_of(const std::string& text) { return std::stoull(text.substr(5)); }

  /// The note whose number is its ordinal.
  Result<Position> append_next() {
    const uint64_t number = next_++;
    return log_->append(encode({text_of(number), static_cast<int64_t>(number)}), 1,
                        test::times_of(static_cast<int64_t>(number)));
  }

  void append(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(append_next().ok());
    const auto flushed = log_->flush();
    ASSERT_TRUE(flushed.ok()) << flushed.error().message();
  }

  static Reading read(Source& source, Position from = {}) {
    Reading reading;
    auto reader = source.read(from);
    if (!reader.ok()) {
      reading.errors.push_back(reader.error().message());
      return reading;
    }
    Batch batch;
    while (reader.value()->position() < source.end() && reading.errors.size() < 50) {
      auto outcome = reader.value()->next(batch, kLong);
      if (!outcome.ok()) {
        reading.errors.push_back(outcome.error().message());
        continue;
      }
      if (outcome.value() != ReadOutcome::progressed) break;
      uint64_t ordinal = batch.first.ordinal();
      for (const Note& note : notes_of(batch)) reading.texts[ordinal++] = note.text;
    }
    return reading;
  }

  void expect_whole(Source& source, uint64_t records) {
    const Reading reading = read(source);
    EXPECT_EQ(reading.errors, std::vector<std::string>{});
    EXPECT_EQ(reading.texts.size(), records);
    expect_right(reading);
  }

  /// Every record read is the one that was given that position.
  static void expect_right(const Reading& reading) {
    for (const auto& [ordinal, text] : reading.texts) ASSERT_EQ(text, text_of(ordinal));
  }

  std::vector<std::string> segment_paths() {
    std::vector<std::string> paths;
    for (const auto& [path, content] : files_.contents())
      if (path.ends_with(".avro")) paths.push_back(path);
    return paths;
  }

  /// Offsets at which the blocks of a segment begin, and its end.
  std::vector<uint64_t> block_offsets(const std::string& path) {
    const std::string content = files_.content(path);
    Header header;
    EXPECT_EQ(parse_header(content, header), Parse::whole);
    std::vector<uint64_t> offsets{header.bytes};
    BlockHead head;
    while (offsets.back() < content.size()) {
      EXPECT_EQ(parse_block_head(std::string_view(content).substr(offsets.back()), head),
                Parse::whole);
      offsets.push_back(offsets.back() + head.bytes());
    }
    return offsets;
  }

  void flip(const std::string& path, uint64_t offset, int bit = 0) {
    std::string content = files_.content(path);
    content.at(offset) = static_cast<char>(content.at(offset) ^ (1 << bit));
    files_.set_content(path, std::move(content));
  }

  void restore(const std::map<std::string, std::string>& contents) {
    log_.reset();
    for (const auto& [path, content] : files_.contents())
      if (!contents.contains(path)) {
        ASSERT_TRUE(files_.remove(path).ok());
      }
    for (const auto& [path, content] : contents) files_.set_content(path, content);
  }

  bool printed(std::string_view part) {
    const std::lock_guard lock(lines_mutex_);
    return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }

  FaultyFileSystem files_;
  ManualClock clock_;
  metrics::Registry metrics_;
  RecordFormat format_ = note_format();
  Options options_;
  uint64_t generation_ = 0;
  uint64_t seed_ = 0;
  uint64_t next_ = 1;
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;  // Guarded by lines_mutex_.
  std::unique_ptr<Log> log_;
};

// Law 2: nothing is visible before it is durable.

TEST_F(EmbeddedLogTest, RecordsAreShownOnlyAfterTheSync) {
  open();
  files_.hold_syncs(true);
  auto position = append_next();
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position.value(), Position(0, 1));
  auto reader = log_->read({});
  Batch batch;
  EXPECT_EQ(reader.value()->next(batch, kShort).value(), ReadOutcome::idle);
  EXPECT_EQ(log_->end(), Position(0, 1));
  EXPECT_GT(log_->status().pending_bytes, 0U);
  files_.hold_syncs(false);
  EXPECT_EQ(reader.value()->next(batch, kLong).value(), ReadOutcome::progressed);
  EXPECT_EQ(log_->status().pending_bytes, 0U);
}

TEST_F(EmbeddedLogTest, WhatWaitsDuringASyncIsOneGroup) {
  options_.block_bytes = 1 << 16;
  open();
  append(1);
  files_.hold_syncs(true);
  ASSERT_TRUE(append_next().ok());
  std::this_thread::sleep_for(kShort);  // The writer is in the sync of the first one.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(append_next().ok());
  const uint64_t before = files_.syncs();
  files_.hold_syncs(false);
  ASSERT_TRUE(log_->flush().ok());
  EXPECT_EQ(files_.syncs() - before, 2U);
  EXPECT_EQ(block_offsets(segment_paths()[0]).size(), 4U);  // Three blocks and the end.
  expect_whole(*log_, 102);
}

TEST_F(EmbeddedLogTest, AnAppendWaitsWhileTooMuchIsPending) {
  options_.pending_bytes_max = 4096;
  open();
  files_.hold_syncs(true);
  auto appended = std::async(std::launch::async, [&] {
    for (int i = 0; i < 1000; ++i)
      if (!append_next().ok()) return false;
    return true;
  });
  EXPECT_EQ(appended.wait_for(kShort), std::future_status::timeout);
  EXPECT_LE(log_->status().pending_bytes, 4096U);
  files_.hold_syncs(false);
  EXPECT_TRUE(appended.get());
  ASSERT_TRUE(log_->flush().ok());
  expect_whole(*log_, 1000);
}

TEST_F(EmbeddedLogTest, GroupsBeginNoFasterThanAskedForUnlessSomebodyWaits) {
  options_.block_bytes = 1 << 16;
  options_.group_ms_max = 60;
  open();
  const uint64_t before = files_.syncs();
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(append_next().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto groups_max =
      (std::chrono::steady_clock::now() - begun) / std::chrono::milliseconds(60) + 2;
  EXPECT_LE(files_.syncs() - before, static_cast<uint64_t>(groups_max));
  const auto flush_begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(log_->flush().ok());
  ASSERT_TRUE(append_next().ok());
  ASSERT_TRUE(log_->flush().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - flush_begun, std::chrono::milliseconds(60));
  expect_whole(*log_, 51);
}

TEST_F(EmbeddedLogTest, SegmentsDoNotGrowMuchBeyondTheirBound) {
  options_.durability = "os";
  options_.segment_bytes_max = 64 << 10;
  options_.block_bytes = 8 << 10;
  open();
  for (int i = 0; i < 40'000; ++i) ASSERT_TRUE(append_next().ok());
  ASSERT_TRUE(log_->flush().ok());
  EXPECT_GT(segment_paths().size(), 3U);
  for (const std::string& path : segment_paths())
    EXPECT_LT(files_.content(path).size(), static_cast<uint64_t>(2 * options_.segment_bytes_max));
  expect_whole(*log_, 40'000);
}

TEST_F(EmbeddedLogTest, CloseMakesTheRestDurable) {
  options_.durability = "os";
  open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(append_next().ok());
  ASSERT_TRUE(log_->close().ok());
  files_.cut_power();
  log_.reset();
  Random random(5);
  files_.restart(random);
  open();
  expect_whole(*log_, 100);
}

TEST_F(EmbeddedLogTest, AStartSyncsWhatAKilledProcessWrote) {
  options_.durability = "os";
  open();
  append(10);
  files_.cut_power();  // Of the process: what it wrote stays with the system.
  log_.reset();
  files_.restart_process();
  options_.durability = "fsync";
  open();
  expect_whole(*log_, 10);
  files_.cut_power();
  log_.reset();
  Random random(5);
  files_.restart(random);
  open();
  expect_whole(*log_, 10);
}

/// Laws 2 and 7: a sync failed and the process died before it could recover. The system still shows
/// what the device does not have, and the next process' sync would succeed without writing it.
TEST_F(EmbeddedLogTest, AStartWritesAgainWhatAFailedSyncMayHaveLost) {
  open();
  append(10);
  files_.break_syncs(1);
  ASSERT_TRUE(append_next().ok());
  ASSERT_FALSE(log_->flush().ok());
  files_.cut_power();  // Of the process.
  log_.reset();
  files_.restart_process([](const std::string&) { return true; });
  open();
  const uint64_t shown = log_->end().ordinal() - 1;
  EXPECT_EQ(shown, 11U) << "the system has it in memory";
  files_.cut_power();
  log_.reset();
  Random random(5);
  files_.restart(random);
  open();
  expect_whole(*log_, shown);
}

TEST_F(EmbeddedLogTest, CloseSaysWhenTheLastSyncFails) {
  options_.durability = "os";
  open();
  append(3);
  files_.break_syncs(1);
  auto closed = log_->close();
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().message(),
            "cannot sync log/00000-000000000000001.avro: Input/output error");
}

TEST_F(EmbeddedLogTest, CloseAfterAFailureReturnsIt) {
  open();
  append(3);
  files_.break_next_write(3);
  ASSERT_TRUE(append_next().ok());
  ASSERT_FALSE(log_->flush().ok());
  EXPECT_FALSE(log_->close().ok());
  EXPECT_FALSE(log_->recover().ok());
  open();
  EXPECT_EQ(log_->status().torn_bytes_cut, 3U);
  expect_whole(*log_, 3);
}

TEST_F(EmbeddedLogTest, AStartReadsNoMoreThanWhatTheIndexDoesNotCover) {
  options_.durability = "none";
  options_.segment_bytes_max = 64 << 20;
  options_.block_bytes = 4096;
  open();
  for (int i = 0; i < 200'000; ++i) ASSERT_TRUE(append_next().ok());
  ASSERT_TRUE(log_->flush().ok());
  const auto files = files_.contents();  // As after kill -9: the last span is not in the index.
  log_.reset();
  restore(files);
  ASSERT_GT(files.at(segment_paths()[0]).size(), kSpanBytes + 100'000);
  int inspected = 0;
  format_.inspect = [&, inspect = format_.inspect](std::string_view records, uint32_t count) {
    inspected += static_cast<int>(count);
    return inspect(records, count);
  };
  open();
  EXPECT_EQ(log_->end(), Position(0, 200'001));
  EXPECT_LT(inspected, 190'000);
  expect_whole(*log_, 200'000);
}

// Disk full and I/O errors.

TEST_F(EmbeddedLogTest, AFullDiskIsToldAndOvercome) {
  options_.pending_bytes_max = 4096;
  open();
  append(20);
  const uint64_t used = files_.content(segment_paths()[0]).size();
  files_.set_capacity(used + 16 + 60);  // The index head and less than two blocks.
  std::string message;
  for (int i = 0; i < 100 && message.empty(); ++i) {
    (void)append_next();
    if (auto flushed = log_->flush(); !flushed) {
      EXPECT_EQ(flushed.error().code(), ErrorCode::full);
      message = flushed.error().message();
    }
  }
  EXPECT_EQ(message,
            "cannot write to log/00000-000000000000001.avro: No space left on device; free space "
            "on that disk, then start again");
  auto refused = append_next();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::full);
  EXPECT_EQ(log_->status().error, message);
  const Position end = log_->end();
  expect_whole(*log_, end.ordinal() - 1);

  auto still_full = log_->recover();
  ASSERT_FALSE(still_full.ok());
  EXPECT_EQ(still_full.error().code(), ErrorCode::full);
  EXPECT_FALSE(append_next().ok());

  files_.set_capacity(UINT64_MAX);
  auto free = log_->recover();
  ASSERT_TRUE(free.ok()) << free.error().message();
  EXPECT_EQ(free.value(), end);
  next_ = end.ordinal();
  append(20);
  expect_whole(*log_, end.ordinal() - 1 + 20);
  open();
  EXPECT_EQ(log_->status().torn_bytes_cut, 0U);
  expect_whole(*log_, end.ordinal() - 1 + 20);
}

TEST_F(EmbeddedLogTest, AWriteThatStopsHalfWayShowsNothingOfIt) {
  open();
  append(5);
  files_.break_next_write(7);
  ASSERT_TRUE(append_next().ok());
  auto flushed = log_->flush();
  ASSERT_FALSE(flushed.ok());
  EXPECT_EQ(flushed.error().code(), ErrorCode::failed);
  expect_whole(*log_, 5);
  EXPECT_EQ(log_->recover().value(), Position(0, 6));
  EXPECT_TRUE(printed("log_recovered: log notes takes records again, from record 6; 1 records"));
  next_ = 6;
  append(5);
  expect_whole(*log_, 10);
}

TEST_F(EmbeddedLogTest, AFailedWriteWakesAnAppendThatWaits) {
  options_.pending_bytes_max = 4096;
  open();
  files_.hold_syncs(true);
  auto appended = std::async(std::launch::async, [&] {
    while (true)
      if (auto position = append_next(); !position) return position.error().code();
  });
  std::this_thread::sleep_for(kShort);
  files_.break_syncs(1);
  files_.hold_syncs(false);
  EXPECT_EQ(appended.get(), ErrorCode::failed);
}

TEST_F(EmbeddedLogTest, AfterAFailedSyncNothingRestsOnWhatItShouldHaveKept) {
  options_.durability = "os";
  open();
  append(10);
  files_.break_syncs(1);
  auto synced = log_->sync(Position(0, 10));
  ASSERT_FALSE(synced.ok());
  expect_whole(*log_, 10);  // Visible at the level of the operating system.
  EXPECT_EQ(log_->recover().value(), Position(0, 11));
  append(5);
  ASSERT_TRUE(log_->sync(Position(0, 15)).ok());
  files_.cut_power();
  log_.reset();
  Random random(1);
  files_.restart(random);
  open();
  expect_whole(*log_, 15);
}

TEST_F(EmbeddedLogTest, AReaderGoesOnWhileTheSegmentIsCopied) {
  options_.durability = "os";
  options_.tail_bytes_max = 0;
  open();
  append(10);
  auto reader = log_->read({});
  Batch batch;
  ASSERT_EQ(reader.value()->next(batch, kLong).value(), ReadOutcome::progressed);
  files_.break_syncs(1);
  ASSERT_FALSE(log_->sync(Position(0, 10)).ok());
  ASSERT_TRUE(log_->recover().ok());
  append(5);
  for (uint64_t ordinal = 2; ordinal <= 15; ++ordinal) {
    auto outcome = reader.value()->next(batch, kLong);
    ASSERT_TRUE(outcome.ok()) << outcome.error().message();
    ASSERT_EQ(outcome.value(), ReadOutcome::progressed);
    EXPECT_EQ(notes_of(batch).at(0).text, text_of(ordinal));
  }
}

TEST_F(EmbeddedLogTest, ASegmentThatCannotBeMadeLeavesTheOldOne) {
  options_.segment_bytes_max = 4096;
  open();
  while (log_->status().bytes < 3900) append(1);
  files_.refuse_new_files(true);
  Result<> flushed;
  for (int i = 0; i < 10 && flushed; ++i) {
    ASSERT_TRUE(append_next().ok());
    flushed = log_->flush();
  }
  ASSERT_FALSE(flushed.ok());
  const Position end = log_->end();
  files_.refuse_new_files(false);
  EXPECT_EQ(log_->recover().value(), end);
  next_ = end.ordinal();
  append(20);
  EXPECT_EQ(log_->status().segments, 2U);
  expect_whole(*log_, end.ordinal() - 1 + 20);
  open();
  expect_whole(*log_, end.ordinal() - 1 + 20);
}

TEST_F(EmbeddedLogTest, ASegmentMadeInPartIsRemovedAgain) {
  options_.segment_bytes_max = 4096;
  open();
  while (log_->status().bytes < 3950) append(1);
  files_.set_capacity([&] {
    uint64_t used = 0;
    for (const auto& [path, content] : files_.contents()) used += content.size();
    return used + 150;  // Not enough for a header.
  }());
  Result<> flushed;
  for (int i = 0; i < 10 && flushed; ++i) {
    ASSERT_TRUE(append_next().ok());
    flushed = log_->flush();
  }
  ASSERT_FALSE(flushed.ok());
  EXPECT_EQ(segment_paths().size(), 1U);
  files_.set_capacity(UINT64_MAX);
  const Position end = log_->recover().value();
  next_ = end.ordinal();
  append(20);
  open();
  expect_whole(*log_, end.ordinal() - 1 + 20);
}

// Power cuts.

TEST_F(EmbeddedLogTest, APowerCutLosesNothingAcknowledged) {
  options_.segment_bytes_max = 4096;
  Random random(7);
  uint64_t acknowledged = 0;
  for (int round = 0; round < 60; ++round) {
    open();
    ASSERT_FALSE(HasFatalFailure());
    const Reading reading = read(*log_);
    expect_right(reading);
    ASSERT_GE(reading.texts.size(), acknowledged) << "round " << round;
    ASSERT_EQ(reading.errors, std::vector<std::string>{});
    ASSERT_EQ(log_->end(), Position(0, reading.texts.size() + 1));
    next_ = log_->end().ordinal();
    append(static_cast<int>(random.below(40)));
    acknowledged = log_->end().ordinal() - 1;
    for (uint64_t i = random.below(10); i > 0; --i) (void)append_next();
    files_.cut_power();
    log_.reset();
    files_.restart(random);
  }
  EXPECT_GT(acknowledged, 500U);
}

TEST_F(EmbeddedLogTest, APowerCutAtDurabilityOsGivesNoWrongRecord) {
  options_.durability = "os";
  Random random(11);
  uint64_t synced = 0;
  int holes = 0;
  for (int round = 0; round < 60; ++round) {
    open();
    ASSERT_FALSE(HasFatalFailure());
    const Reading reading = read(*log_);
    ASSERT_GE(reading.texts.size(), synced);
    if (!reading.errors.empty()) {
      // Blocks behind a hole were kept. Their ordinals may be moved on; begin with a new folder.
      for (const auto& [ordinal, text] : reading.texts) ASSERT_GE(ordinal, number_of(text));
      restore({});
      synced = 0;
      ++holes;
      continue;
    }
    expect_right(reading);
    next_ = log_->end().ordinal();
    append(30);
    ASSERT_TRUE(log_->sync(log_->end()).ok());
    synced = log_->end().ordinal() - 1;
    append(30);
    files_.cut_power();
    log_.reset();
    files_.restart(random);
  }
  EXPECT_GT(holes, 0) << "the faults of this test no longer reach the middle";
}

// Torn tails and damage.

TEST_F(EmbeddedLogTest, EveryCutInsideTheLastTwoBlocksKeepsTheWholeOnes) {
  open();
  append(10);
  log_.reset();
  const std::string path = segment_paths()[0];
  const auto offsets = block_offsets(path);
  const auto whole = files_.contents();
  for (uint64_t size = offsets[8]; size < offsets[10]; ++size) {
    restore(whole);
    files_.set_content(path, whole.at(path).substr(0, size));
    open();
    const uint64_t records = size < offsets[9] ? 8 : 9;
    ASSERT_EQ(log_->end(), Position(0, records + 1)) << "cut at " << size;
    ASSERT_EQ(log_->status().torn_bytes_cut, size - offsets[records]);
    expect_whole(*log_, records);
    next_ = records + 1;
    append(2);
    expect_whole(*log_, records + 2);
  }
  EXPECT_TRUE(printed("log_torn_tail_cut: log/00000-000000000000001.avro ends in "));
}

TEST_F(EmbeddedLogTest, EveryCutInsideTheHeaderOfANewSegmentRemovesIt) {
  options_.segment_bytes_max = 4096;
  open();
  while (log_->status().segments < 2) append(1);
  log_.reset();
  const std::string path = segment_paths()[1];
  const auto whole = files_.contents();
  const uint64_t first = parse_segment_name(path.substr(kFolder.size() + 1))->ordinal();
  const uint64_t header_bytes = block_offsets(path)[0];
  for (uint64_t size = 0; size <= header_bytes; ++size) {
    restore(whole);
    files_.set_content(path, whole.at(path).substr(0, size));
    open();
    ASSERT_EQ(log_->end(), Position(0, first)) << "cut at " << size;
    expect_whole(*log_, first - 1);
    next_ = first;
    append(3);
    expect_whole(*log_, first + 2);
  }
}

/// Flips each byte of the last segment (active) or the first (closed); whatever a reader then gives
/// is right, and everything but the block hit, at most, is given.
class BitFlips : public EmbeddedLogTest {
 protected:
  void make() {
    options_.segment_bytes_max = 4096;
    options_.tail_bytes_max = 0;
    open();
    while (log_->status().segments < 2) append(1);
    append(8);
    end_ = log_->end();
    log_.reset();
  }

  bool found_without_loss() {
    return printed("log_count_repaired") || printed("log_marker_damaged");
  }

  Position end_;
};

TEST_F(BitFlips, InAClosedSegmentAreFoundAndCostOneBlock) {
  make();
  const std::string path = segment_paths()[0];
  const auto whole = files_.contents();
  const uint64_t records = end_.ordinal() - 1;
  Random random(3);
  for (uint64_t offset = 0; offset < whole.at(path).size(); ++offset) {
    restore(whole);
    flip(path, offset, static_cast<int>(random.below(8)));
    open();
    ASSERT_EQ(log_->end(), end_);
    const Reading reading = read(*log_);
    expect_right(reading);
    ASSERT_GE(reading.texts.size(), records - 2) << "flip at " << offset;
    ASSERT_TRUE(!reading.errors.empty() || found_without_loss()) << "flip at " << offset;
    ASSERT_LE(reading.errors.size(), 1U);
    lines_.clear();
  }
}

TEST_F(BitFlips, InTheActiveSegmentNeverCutAwayGoodBlocks) {
  make();
  const std::string path = segment_paths()[1];
  const auto offsets = block_offsets(path);
  const auto whole = files_.contents();
  const uint64_t records = end_.ordinal() - 1;
  Random random(4);
  for (uint64_t offset = 0; offset < whole.at(path).size(); ++offset) {
    restore(whole);
    flip(path, offset, static_cast<int>(random.below(8)));
    open();
    const Reading reading = read(*log_);
    expect_right(reading);
    ASSERT_GE(reading.texts.size(), records - 2) << "flip at " << offset;
    const bool in_last = offset >= offsets[offsets.size() - 2];
    ASSERT_TRUE(!reading.errors.empty() || found_without_loss() ||
                (in_last && printed("log_torn_tail_cut")))
        << "flip at " << offset;
    if (!in_last) {
      ASSERT_GE(log_->end(), end_) << "flip at " << offset;
    }
    lines_.clear();
  }
}

TEST_F(BitFlips, WithoutAnIndexGiveNoWrongRecordAndNoPositionTwice) {
  make();
  const std::string path = segment_paths()[1];
  const auto offsets = block_offsets(path);
  auto whole = files_.contents();
  std::erase_if(whole, [](const auto& entry) { return entry.first.ends_with(".index"); });
  Random random(5);
  for (uint64_t offset = 0; offset < whole.at(path).size(); ++offset) {
    restore(whole);
    flip(path, offset, static_cast<int>(random.below(8)));
    open();
    const bool in_last = offset >= offsets[offsets.size() - 2];
    if (!in_last) {
      ASSERT_GE(log_->end(), end_) << "flip at " << offset;
    }
    const Reading reading = read(*log_);
    size_t given = 0;
    std::string before;
    for (const auto& [ordinal, text] : reading.texts) {
      // Ordinals behind unknown damage are moved on, never back; the records stay in order.
      ASSERT_GE(ordinal, number_of(text)) << "flip at " << offset;
      ASSERT_NE(text, before);
      before = text;
      ++given;
    }
    ASSERT_GE(given, end_.ordinal() - 3) << "flip at " << offset;
    lines_.clear();
  }
}

TEST_F(EmbeddedLogTest, DamageInTheMiddleIsToldOnceAndReadPast) {
  options_.tail_bytes_max = 0;
  open();
  append(10);
  log_.reset();
  const std::string path = segment_paths()[0];
  const auto offsets = block_offsets(path);
  flip(path, offsets[4] + 6);
  open();
  EXPECT_EQ(log_->status().torn_bytes_cut, 0U);
  const Reading reading = read(*log_);
  expect_right(reading);
  ASSERT_EQ(reading.errors.size(), 1U);
  EXPECT_EQ(reading.errors[0],
            fmt::format("log: log/00000-000000000000001.avro is damaged at byte {}: the checksum "
                        "of a block does not match; 1 records from 5 on cannot be read, reading "
                        "goes on at record 6",
                        offsets[4]));
  EXPECT_EQ(reading.texts.size(), 9U);
  EXPECT_FALSE(reading.texts.contains(5));
  next_ = 11;
  append(3);
  EXPECT_EQ(read(*log_).texts.size(), 12U);
}

TEST_F(EmbeddedLogTest, AMissingSegmentIsToldOnceAndReadPast) {
  options_.segment_bytes_max = 4096;
  options_.tail_bytes_max = 0;
  open();
  while (log_->status().segments < 4) append(1);
  const Position end = log_->end();
  log_.reset();
  const auto paths = segment_paths();
  ASSERT_TRUE(files_.remove(paths[1]).ok());
  open();
  EXPECT_EQ(log_->end(), end);
  const Reading reading = read(*log_);
  expect_right(reading);
  ASSERT_EQ(reading.errors.size(), 1U);
  const auto first = parse_segment_name(paths[1].substr(4))->ordinal();
  const auto behind = parse_segment_name(paths[2].substr(4))->ordinal();
  EXPECT_EQ(reading.errors[0],
            fmt::format("log: records {} to {} are missing from log: no segment holds them; "
                        "reading goes on at record {}",
                        first, behind - 1, behind));
  EXPECT_EQ(reading.texts.size(), end.ordinal() - 1 - (behind - first));
}

// The index.

TEST_F(EmbeddedLogTest, AnIndexThatIsMissingOrDamagedIsMadeAnew) {
  options_.segment_bytes_max = 4096;
  open();
  while (log_->status().segments < 3) append(1);
  const uint64_t records = log_->end().ordinal() - 1;
  log_.reset();
  const std::string index = index_path(segment_paths()[0]);
  const std::string right = files_.content(index);
  ASSERT_GT(right.size(), 16U);
  const auto whole = files_.contents();
  for (uint64_t offset = 0; offset <= right.size(); ++offset) {
    restore(whole);
    if (offset < right.size())
      flip(index, offset);
    else
      ASSERT_TRUE(files_.remove(index).ok());
    open();
    auto reader = log_->read_events(0, static_cast<int64_t>(records));
    ASSERT_TRUE(reader.ok()) << reader.error().message();
    Batch batch;
    uint64_t seen = 0;
    while (reader.value()->next(batch, kLong).value() == ReadOutcome::progressed)
      for (const Note& note : notes_of(batch)) ASSERT_EQ(note.text, text_of(++seen));
    ASSERT_EQ(seen, records);
    ASSERT_EQ(files_.content(index), right) << "flip at " << offset;
  }
}

TEST_F(EmbeddedLogTest, WhatCouldNotBeRemovedStaysReadableAndIsTriedAgain) {
  options_.segment_bytes_max = 4096;
  options_.tail_bytes_max = 0;
  open();
  append(400);
  const auto paths = segment_paths();
  ASSERT_GT(paths.size(), 2U);
  const uint64_t bytes = log_->status().bytes;
  for (const std::string& stays : {index_path(paths[0]), paths[0]}) {
    files_.refuse_removal_of(stays);
    for (int round = 0; round < 2; ++round) {
      const auto cut = log_->remove_before(log_->end());
      ASSERT_FALSE(cut.ok());
      EXPECT_EQ(cut.error().message(), "cannot remove " + stays + ": Permission denied");
    }
    EXPECT_EQ(log_->begin(), Position(0, 1)) << stays;
    EXPECT_EQ(log_->status().bytes, bytes);
    EXPECT_EQ(segment_paths(), paths) << "none that is newer goes first";
    expect_whole(*log_, 400);
  }
  // Also by events, whose index is made again, and by the next start: no hole.
  EXPECT_TRUE(log_->read_events(0, 500).ok());
  open();
  expect_whole(*log_, 400);
  files_.refuse_removal_of("");
  const auto cut = log_->remove_before(log_->end());
  ASSERT_TRUE(cut.ok()) << cut.error().message();
  EXPECT_EQ(cut.value().segments, paths.size() - 1);
  EXPECT_EQ(segment_paths(), std::vector<std::string>{paths.back()});
  for (const auto& [path, content] : files_.contents())
    EXPECT_TRUE(path == paths.back() || path == index_path(paths.back())) << path;
}

TEST_F(EmbeddedLogTest, AReaderOfASegmentThatIsBeingRemovedIsToldSo) {
  options_.segment_bytes_max = 4096;
  options_.tail_bytes_max = 0;
  open();
  append(400);
  const auto paths = segment_paths();
  ASSERT_GT(paths.size(), 2U);
  auto reader = log_->read({});
  ASSERT_TRUE(files_.remove(paths[0]).ok());
  Batch batch;
  const auto gone = reader.value()->next(batch, kLong);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
  EXPECT_NE(gone.error().message().find("retention removed everything before"), std::string::npos)
      << gone.error().message();
  ASSERT_EQ(reader.value()->next(batch, kLong).value(), ReadOutcome::progressed);
  EXPECT_EQ(batch.first, parse_segment_name(paths[1].substr(kFolder.size() + 1)));
  // That it is gone already is no error.
  const auto cut = log_->remove_before(batch.first);
  ASSERT_TRUE(cut.ok()) << cut.error().message();
  EXPECT_EQ(cut.value().segments, 1U);
  EXPECT_EQ(log_->begin(), batch.first);
}

// Other programs, other versions.

TEST_F(EmbeddedLogTest, AnotherProcessReadsWholeBlocksWhileOneWrites) {
  options_.segment_bytes_max = 4096;
  open();
  uint64_t records = 0;
  for (int round = 0; round < 20; ++round) {
    append(11);
    records += 11;
    auto source = open_embedded_source(setup());
    ASSERT_TRUE(source.ok()) << source.error().message();
    EXPECT_EQ(source.value()->end(), log_->end());
    expect_whole(*source.value(), records);
  }
  const auto before = files_.contents();
  files_.break_next_write(20);
  (void)append_next();
  (void)log_->flush();
  auto source = open_embedded_source(setup());
  expect_whole(*source.value(), records);
  EXPECT_EQ(files_.contents().size(), before.size());
}

TEST_F(EmbeddedLogTest, AnotherSchemaBeginsANewSegment) {
  open();
  append(3);
  format_.schema.insert(1, R"("doc":"wider",)");
  open();
  append(3);
  EXPECT_EQ(segment_paths().size(), 2U);
  expect_whole(*log_, 6);
}

TEST_F(EmbeddedLogTest, AGreaterGenerationBeginsASegmentAndOrdinalsGoOn) {
  open();
  append(3);
  generation_ = 2;
  open();
  EXPECT_EQ(log_->end(), Position(2, 4));
  append(4);
  auto reader = log_->read({});
  Batch batch;
  std::vector<Position> positions;
  while (positions.size() < 7) {
    ASSERT_EQ(reader.value()->next(batch, kLong).value(), ReadOutcome::progressed);
    positions.push_back(batch.first);
  }
  EXPECT_EQ(positions[2], Position(0, 3));
  EXPECT_EQ(positions[3], Position(2, 4));
  open();
  EXPECT_EQ(log_->end(), Position(2, 8));
  EXPECT_EQ(read(*log_, Position(2, 4)).texts.size(), 4U);
  // The place behind the old generation's last record leads on to the new one.
  EXPECT_EQ(read(*log_, Position(0, 4)).texts.size(), 4U);
}

TEST_F(EmbeddedLogTest, FilesOfOthersInTheFolderAreLeftAlone) {
  files_.set_content("log/notes.txt", "mine");
  files_.set_content("log/00000-1.avro", "not a name of ours");
  open();
  append(3);
  open();
  expect_whole(*log_, 3);
  EXPECT_EQ(files_.content("log/notes.txt"), "mine");
}

}  // namespace
}  // namespace tapeline::log::embedded
