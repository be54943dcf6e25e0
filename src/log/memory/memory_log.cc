#include "log/memory/memory_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/random.h"
#include "log/record_format.h"

namespace tapeline::log {
namespace {

constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;

struct Stored {
  Batch batch;
  Times times;
};

struct Segment {
  std::deque<Stored> batches;
  uint64_t bytes = 0;
  uint64_t records = 0;
  Times times;
};

/// Shared by the log and its readers. Every member but the format is guarded by `mutex`.
struct State {
  explicit State(RecordFormat record_format) : format(std::move(record_format)) {}

  const RecordFormat format;
  std::mutex mutex;
  std::condition_variable grown;
  std::deque<Segment> segments{1};
  Position begin{0, 1};
  Position end{0, 1};
  bool closed = false;

  const Stored* find(Position position) const {
    for (const Segment& segment : segments)
      for (const Stored& stored : segment.batches)
        if (stored.batch.last() >= position) return &stored;
    return nullptr;
  }
};

class MemoryReader final : public Reader {
 public:
  MemoryReader(std::shared_ptr<State> state, Position from)
      : state_(std::move(state)), position_(from) {}

  Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds timeout) override {
    std::unique_lock lock(state_->mutex);
    const auto ready = [&] { return state_->closed || position_ < state_->end; };
    // Even a wait of no length gives the processor away.
    if (timeout.count() > 0) state_->grown.wait_for(lock, timeout, ready);
    if (position_ >= state_->end) return state_->closed ? ReadOutcome::finished : ReadOutcome::idle;
    if (position_ < state_->begin) {
      const Position wanted = std::exchange(position_, state_->begin);
      return removed_by_retention(wanted, state_->begin);
    }
    batch = state_->find(position_)->batch;
    lock.unlock();
    if (!drop_before(position_, state_->format, batch))
      return make_error(ErrorCode::invalid, "log: records at {} are not {} whole ones",
                        batch.first.ordinal(), batch.count);
    position_ = batch.last().plus(1);
    return ReadOutcome::progressed;
  }

  Position position() const override { return position_; }

 private:
  const std::shared_ptr<State> state_;
  Position position_;
};

/// Holds what it gives from the beginning on.
class MemoryEventReader final : public Reader {
 public:
  MemoryEventReader(std::deque<Batch> batches, Position end)
      : batches_(std::move(batches)), end_(end) {}

  Result<ReadOutcome> next(Batch& batch, std::chrono::microseconds) override {
    if (batches_.empty()) return ReadOutcome::finished;
    batch = std::move(batches_.front());
    batches_.pop_front();
    return ReadOutcome::progressed;
  }

  Position position() const override { return batches_.empty() ? end_ : batches_.front().first; }

 private:
  std::deque<Batch> batches_;
  const Position end_;
};

class MemoryLog final : public Log {
 public:
  MemoryLog(const Clock& clock, RecordFormat format, const Options& options)
      : clock_(clock), options_(options), state_(std::make_shared<State>(std::move(format))) {}
  ~MemoryLog() override { (void)close(); }
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  Position begin() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->begin;
  }

  Position end() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->end;
  }

  Result<std::unique_ptr<Reader>> read(Position from) override {
    const std::lock_guard lock(state_->mutex);
    if (from == Position{}) from = state_->begin;
    TAPELINE_TRY(check_readable(from, state_->begin, state_->end));
    return std::unique_ptr<Reader>(std::make_unique<MemoryReader>(state_, from));
  }

  Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us) override {
    const std::lock_guard lock(state_->mutex);
    std::deque<Batch> batches;
    for (const Segment& segment : state_->segments)
      for (const Stored& stored : segment.batches)
        if (overlaps(stored.times, from_us, to_us)) batches.push_back(stored.batch);
    return std::unique_ptr<Reader>(
        std::make_unique<MemoryEventReader>(std::move(batches), state_->end));
  }

  Result<Position> append(std::string records, uint32_t count, const Times& times) override {
    TAPELINE_TRY(check_appendable(records.size(), count, options_));
    rotate_when_due(records.size());
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return append_after_close();
    return put(std::move(records), count, times);
  }

  Result<> flush() override { return {}; }
  Result<> sync(Position) override { return {}; }
  Result<Position> recover() override { return end(); }

  void set_snapshot_source(std::function<std::string()> source) override {
    const std::lock_guard lock(state_->mutex);
    snapshot_source_ = std::move(source);
  }

  void set_retain_from(Position position) override {
    const std::lock_guard lock(state_->mutex);
    retain_from_ = position;
  }

  std::string identity() const override { return identity_; }

  Result<Cut> due_cut() override {
    const std::lock_guard lock(state_->mutex);
    Cut cut;
    cut.begin = state_->begin;
    uint64_t bytes = 0;
    for (const Segment& segment : state_->segments) bytes += segment.bytes;
    for (size_t i = 0; i + 1 < state_->segments.size(); ++i) {
      const Segment& segment = state_->segments[i];
      if (is_needed(segment, cut.begin) || !is_due(i, cut.begin, bytes)) break;
      bytes -= segment.bytes;
      count(cut, segment);
    }
    return cut;
  }

  Result<Cut> remove_before(Position position) override {
    const std::lock_guard lock(state_->mutex);
    Cut cut;
    cut.begin = state_->begin;
    while (state_->segments.size() > 1) {
      const Segment& segment = state_->segments.front();
      if (is_needed(segment, cut.begin) || cut.begin.plus(segment.records) > position) break;
      count(cut, segment);
      state_->begin = cut.begin;
      state_->segments.pop_front();
    }
    return cut;
  }

  Result<> close() override {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->grown.notify_all();
    return {};
  }

  Status status() const override {
    const std::lock_guard lock(state_->mutex);
    Status status;
    for (const Segment& segment : state_->segments) status.bytes += segment.bytes;
    status.segments = state_->segments.size();
    return status;
  }

 private:
  Position put(std::string records, uint32_t count, const Times& times) {
    Segment& segment = state_->segments.back();
    const Position first = state_->end;
    segment.bytes += records.size();
    segment.records += count;
    segment.times.merge(times);
    segment.batches.push_back(
        {{first, count, std::make_shared<const std::string>(std::move(records))}, times});
    state_->end = first.plus(count);
    state_->grown.notify_all();
    return first;
  }

  void rotate_when_due(size_t bytes) {
    std::function<std::string()> source;
    {
      const std::lock_guard lock(state_->mutex);
      const Segment& active = state_->segments.back();
      if (active.records == 0 ||
          active.bytes + bytes <= static_cast<uint64_t>(options_.segment_bytes_max))
        return;
      source = snapshot_source_;
    }
    // Not under the lock: the source may ask this log for its positions.
    std::string snapshot = source ? source() : std::string();
    const std::lock_guard lock(state_->mutex);
    state_->segments.emplace_back();
    if (!snapshot.empty()) {
      const Times times = state_->format.inspect(snapshot, 1);
      put(std::move(snapshot), 1, times);
    }
  }

  static void count(Cut& cut, const Segment& segment) {
    ++cut.segments;
    cut.bytes += segment.bytes;
    cut.records += segment.records;
    cut.begin = cut.begin.plus(segment.records);
  }

  bool is_needed(const Segment& segment, Position first) const {
    return retain_from_ && first.plus(segment.records) > *retain_from_;
  }

  /// Of the segment with that index, which begins at `first`.
  bool is_due(size_t index, Position first, uint64_t bytes) const {
    if (options_.retention_bytes_max > 0 &&
        bytes > static_cast<uint64_t>(options_.retention_bytes_max))
      return true;
    if (options_.retention_days == 0) return false;
    const int64_t kept_from =
        clock_.wall().time_since_epoch().count() - options_.retention_days * kMicrosecondsPerDay;
    for (; index + 1 < state_->segments.size(); ++index) {
      const Segment& segment = state_->segments[index];
      if (is_needed(segment, first)) return false;
      // One without any time (nothing but a snapshot) is as old as what follows it.
      if (segment.times.ingest_max != Times{}.ingest_max)
        return segment.times.ingest_max < kept_from;
      first = first.plus(segment.records);
    }
    return false;
  }

  const std::string identity_ = fmt::format("{:016x}{:016x}", random_seed(), random_seed());
  const Clock& clock_;
  const Options options_;
  const std::shared_ptr<State> state_;
  std::function<std::string()> snapshot_source_;  // Guarded by state_->mutex.
  std::optional<Position> retain_from_;           // Guarded by state_->mutex.
};

}  // namespace

std::unique_ptr<Log> make_memory_log(const Clock& clock, RecordFormat format,
                                     const Options& options) {
  return std::make_unique<MemoryLog>(clock, std::move(format), options);
}

}  // namespace tapeline::log
