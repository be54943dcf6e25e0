#include "app/pipeline.h"

#include <gtest/gtest.h>

#include <atomic>

#include "app/log_formats.h"
#include "codec/entry.h"
#include "log/memory/memory_log.h"
#include "store/memory/store.h"

namespace tapeline::app {
namespace {

using std::chrono::milliseconds;

/// A log that remembers what it was asked to make sure of, and can refuse to.
class WatchedLog final : public log::Log {
 public:
  explicit WatchedLog(std::unique_ptr<log::Log> real) : real_(std::move(real)) {}

  std::atomic<int64_t> synced{0};
  std::atomic<bool> refuses{false};

  Result<> sync(Position position) override {
    if (refuses) return make_error(ErrorCode::failed, "the device does not answer");
    TAPELINE_TRY(real_->sync(position));
    synced = std::max<int64_t>(synced, position.raw());
    return {};
  }

  std::string identity() const override { return real_->identity(); }
  Position begin() const override { return real_->begin(); }
  Position end() const override { return real_->end(); }
  /// The records of one batch are damaged: readers step over it.
  std::atomic<uint64_t> damaged{0};  ///< Ordinal of its first record; 0: none.

  Result<std::unique_ptr<log::Reader>> read(Position from) override {
    auto reader = real_->read(from);
    if (!reader) return reader.error();
    return std::unique_ptr<log::Reader>(
        std::make_unique<HoledReader>(std::move(reader).value(), damaged));
  }
  Result<std::unique_ptr<log::Reader>> read_events(int64_t from_us, int64_t to_us) override {
    return real_->read_events(from_us, to_us);
  }
  Result<Position> append(std::string records, uint32_t count, const log::Times& times) override {
    return real_->append(std::move(records), count, times);
  }
  Result<> flush() override { return real_->flush(); }
  Result<Position> recover() override { return real_->recover(); }
  void set_snapshot_source(std::function<std::string()> source) override {
    real_->set_snapshot_source(std::move(source));
  }
  void set_retain_from(Position position) override { real_->set_retain_from(position); }
  Result<log::Cut> due_cut() override { return real_->due_cut(); }
  Result<log::Cut> remove_before(Position position) override {
    return real_->remove_before(position);
  }
  Result<> close() override { return real_->close(); }
  Status status() const override { return real_->status(); }

 private:
  class HoledReader final : public log::Reader {
   public:
    HoledReader(std::unique_ptr<log::Reader> real, uint64_t damaged)
        : real_(std::move(real)), damaged_(damaged) {}
    Result<log::ReadOutcome> next(log::Batch& batch, std::chrono::microseconds timeout) override {
      auto outcome = real_->next(batch, timeout);
      if (!outcome || outcome.value() != log::ReadOutcome::progressed) return outcome;
      if (batch.first.ordinal() != damaged_) return outcome;
      return make_error(ErrorCode::corrupt, "damaged");
    }
    Position position() const override { return real_->position(); }

   private:
    const std::unique_ptr<log::Reader> real_;
    const uint64_t damaged_;
  };

  const std::unique_ptr<log::Log> real_;
};

/// A store that compares each checkpoint it is given with what the log made sure of.
class JudgingStore final : public store::Store {
 public:
  explicit JudgingStore(const WatchedLog& log) : log_(log), real_(store::make_memory_store()) {}

  std::atomic<int> commits{0};
  std::atomic<int> too_early{0};

  Result<std::unique_ptr<store::Writer>> open_writer() override {
    return std::unique_ptr<store::Writer>(
        std::make_unique<Judge>(*this, real_->open_writer().value()));
  }
  Result<std::unique_ptr<store::Reader>> open_reader() override { return real_->open_reader(); }
  Result<std::string> log() override { return real_->log(); }
  Result<> bind_to_log(const std::string& identity) override {
    return real_->bind_to_log(identity);
  }
  uint64_t bytes() const override { return real_->bytes(); }

 private:
  class Judge final : public store::Writer {
   public:
    Judge(JudgingStore& store, std::unique_ptr<store::Writer> real)
        : store_(store), real_(std::move(real)) {}
    Result<> write(const store::Commit& commit) override {
      ++store_.commits;
      if (commit.checkpoint->position.raw() > store_.log_.synced) ++store_.too_early;
      return real_->write(commit);
    }

   private:
    JudgingStore& store_;
    const std::unique_ptr<store::Writer> real_;
  };

  const WatchedLog& log_;
  const std::unique_ptr<store::Store> real_;
};

std::string trade_record(int64_t number) {
  codec::EntryWriter writer;
  codec::TradeView trade;
  trade.symbol = "X:A";
  trade.price = {1, 0};
  trade.volume = {1, 0};
  trade.source = "feed";
  trade.epoch = 1;
  trade.sequence = number;
  trade.event_time = model::EventTime(milliseconds(1'700'000'000'000 + number * 100));
  writer.add(trade);
  return writer.take();
}

class PipelineTest : public testing::Test {
 protected:
  void start() {
    PipelineOptions options;
    options.commit_interval_ms = 1;
    options.commit_records_max = 1;
    auto pipeline =
        Pipeline::start(options, {}, system_clock(), log, store, metrics, /*publish=*/nullptr);
    ASSERT_TRUE(pipeline.ok()) << pipeline.error().message();
    pipeline_ = std::move(pipeline).value();
  }

  void append(int64_t number) { ASSERT_TRUE(log.append(trade_record(number), 1, {}).ok()); }

  metrics::Registry metrics;
  WatchedLog log{tapeline::log::make_memory_log(system_clock(), entry_format())};
  JudgingStore store{log};
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, ACheckpointNeverRefersToWhatIsNotSynced) {
  start();
  for (int64_t number = 1; number <= 300; ++number) {
    append(number);
    if (number % 10 != 0) continue;
    ASSERT_TRUE(pipeline_->drain().ok());
  }
  ASSERT_TRUE(log.close().ok());
  ASSERT_TRUE(pipeline_->stop().ok());
  EXPECT_GE(store.commits, 30);
  EXPECT_EQ(store.too_early, 0);
}

TEST_F(PipelineTest, WhileTheLogCannotBeSyncedNoCheckpointIsWritten) {
  start();
  append(1);
  ASSERT_TRUE(pipeline_->drain().ok());
  const int before = store.commits;
  log.refuses = true;
  for (int64_t number = 2; number <= 50; ++number) append(number);
  while (pipeline_->status().applied.ordinal() < 50) std::this_thread::yield();
  EXPECT_EQ(store.commits, before);
  log.refuses = false;
  ASSERT_TRUE(pipeline_->drain().ok());
  EXPECT_GT(store.commits, before);
  EXPECT_EQ(store.too_early, 0);
  ASSERT_TRUE(log.close().ok());
  ASSERT_TRUE(pipeline_->stop().ok());
}

/// Laws 3 and 7: a record that cannot be read may have opened an epoch. Its number must not be used
/// again: the trades of the second one would be dropped as repeats of the first one's.
TEST_F(PipelineTest, EpochsThatDamageMayHideAreNotUsedAgain) {
  for (int64_t number = 1; number <= 2; ++number) append(number);
  codec::EntryWriter opened;
  for (const int64_t epoch : {2, 3}) {
    model::Control control;
    control.kind = model::ControlKind::epoch_opened;
    control.source = "feed";
    control.epoch = epoch;
    opened.add(control);
  }
  ASSERT_TRUE(log.append(opened.take(), 2, {}).ok());
  log.damaged = 3;
  start();
  EXPECT_EQ(pipeline_->recovered().records_missing, 2);
  EXPECT_GE(pipeline_->recovered().epoch_used("feed"), 3);
  EXPECT_GE(pipeline_->recovered().epoch_used("another"), 2);
  ASSERT_TRUE(log.close().ok());
  ASSERT_TRUE(pipeline_->stop().ok());
}

}  // namespace
}  // namespace tapeline::app
