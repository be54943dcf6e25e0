#include "log/embedded/group_commit.h"

#include <algorithm>

#include "base/mutant.h"
#include "log/record_format.h"

namespace tapeline::log::embedded {
namespace {

constexpr int64_t kMicrosecondsPerDay = 86'400'000'000;

void count(Cut& cut, const Segment& removed, Position begin) {
  ++cut.segments;
  cut.bytes += removed.bytes;
  cut.records += removed.end_ordinal - removed.first.ordinal();
  cut.begin = begin;
}

}  // namespace

void Block::add(Item& item) {
  if (count == 0) {
    first = item.first;
    records = std::move(item.records);
  } else {
    records += item.records;
  }
  count += item.count;
  times.merge(item.times);
}

GroupCommit::GroupCommit(const EmbeddedSetup& setup, Loaded loaded, std::function<BootTime()> now)
    : clock_(setup.clock),
      now_(std::move(now)),
      options_(setup.options),
      durability_(durability_of(setup.options)),
      torn_bytes_(loaded.torn_bytes),
      state_(std::move(loaded.state)),
      source_(state_, true),
      writer_(setup.files, setup.folder, setup.format.schema, state_->identity,
              durability_ != Durability::none, setup.seed) {}

Result<> GroupCommit::start(const Examined& last, uint64_t generation) {
  State& state = *state_;
  const bool newer = generation > state.end.generation();
  const bool usable = !state.segments.empty() && !last.sealed && !newer &&
                      last.header.schema == state.format.schema;
  if (!state.segments.empty() && torn_bytes_ > 0)
    state.events.torn_tail_cut(active().path, active().bytes, torn_bytes_);
  if (!state.segments.empty()) {
    TAPELINE_TRY(writer_.resume(active().path, last.header, active().bytes, last.synced_bytes));
    if (auto stored = writer_.make_index(last.index.complete()); !stored)
      state.events.index_not_written(stored.error());
  }
  if (!usable) {
    TAPELINE_TRY(begin_segment(newer ? Position(generation, state.end.ordinal()) : state.end));
    state.end = active().first;
  }
  next_ = synced_ = state.end;
  segment_bytes_ = active().bytes;
  return {};
}

uint64_t GroupCommit::expected_bytes(uint64_t raw) const {
  return static_cast<uint64_t>(static_cast<double>(raw) * packed_) + kBlockHeadBytesMax;
}

bool GroupCommit::segment_full(uint64_t bytes) const {
  const bool holds_some = next_.ordinal() > active().first.ordinal() || !pending_.empty();
  return holds_some &&
         segment_bytes_ + expected_bytes(bytes) > static_cast<uint64_t>(options_.segment_bytes_max);
}

void GroupCommit::queue(Item item) {
  item.first = next_;
  next_ = next_.plus(item.count);
  if (item.begins_segment) {
    segment_bytes_ = 0;
    ++beginnings_;
  }
  segment_bytes_ += expected_bytes(item.records.size());
  pending_bytes_ += item.records.size();
  pending_.push_back(std::move(item));
}

Result<Position> GroupCommit::append(std::string records, uint32_t count, const Times& times) {
  TAPELINE_TRY(check_appendable(records.size(), count, options_));
  const uint64_t bytes = records.size();
  const auto limit = static_cast<uint64_t>(options_.pending_bytes_max);
  std::unique_lock lock(state_->mutex);
  await(lock, [&] {
    return error_ || closing_ || pending_bytes_ == 0 || pending_bytes_ + bytes <= limit;
  });
  if (error_) return *error_;
  if (closing_) return append_after_close();
  if (segment_full(bytes)) {
    // The position of the snapshot comes before that of these records, so it is asked for here and
    // not when the writer gets there. Unlocked: its source may ask the log for positions.
    Item snapshot;
    snapshot.begins_segment = true;
    if (auto source = snapshot_source_) {
      lock.unlock();
      snapshot.records = source();
      if (!snapshot.records.empty()) {
        snapshot.count = 1;
        snapshot.times = state_->format.inspect(snapshot.records, 1);
      }
      lock.lock();
      if (error_) return *error_;
      if (closing_) return append_after_close();
    }
    queue(std::move(snapshot));
  }
  const Position first = next_;
  const bool writer_may_sleep = pending_.empty();
  queue({std::move(records), count, times, {}, false});
  if (writer_may_sleep || pending_.front().begins_segment || group_due()) wake();
  return first;
}

Result<> GroupCommit::flush() {
  std::unique_lock lock(state_->mutex);
  const Position wanted = next_;
  flush_wanted_ = std::max(flush_wanted_, wanted);
  wake();
  await(lock, [&] { return error_ || state_->end >= wanted; });
  if (state_->end >= wanted) return {};
  return *error_;
}

Result<> GroupCommit::sync(Position position) {
  if (durability_ == Durability::none) return {};
  std::unique_lock lock(state_->mutex);
  const Position wanted = std::min(position.plus(1), state_->end);
  if (synced_ >= wanted) return {};
  sync_wanted_ = std::max(sync_wanted_, wanted);
  wake();
  await(lock, [&] { return error_ || synced_ >= wanted; });
  if (synced_ >= wanted) return {};
  return *error_;
}

Result<Position> GroupCommit::recover() {
  std::unique_lock lock(state_->mutex);
  if (!error_) return state_->end;
  if (closing_) return *error_;
  recovery_wanted_ = true;
  wake();
  await(lock, [&] { return !recovery_wanted_; });
  if (error_) return recovery_error_ ? *recovery_error_ : *error_;
  return state_->end;
}

void GroupCommit::begin_close() {
  const std::lock_guard lock(state_->mutex);
  closing_ = true;
  wake();
  settled();
}

Result<> GroupCommit::outcome() const {
  const std::lock_guard lock(state_->mutex);
  if (error_) return *error_;
  return {};
}

/// Segments that may go, and behind them the first that has to stay.
GroupCommit::Segments GroupCommit::removable() const {
  const std::lock_guard lock(state_->mutex);
  Segments segments;
  for (const auto& segment : state_->segments) {
    segments.push_back(segment);
    const bool needed = segments.size() > 1 && retain_from_ && segment->first > *retain_from_;
    if (!needed) continue;
    segments.pop_back();
    break;
  }
  return segments;
}

Result<Cut> GroupCommit::due_cut() {
  Segments segments = removable();
  uint64_t bytes = status().bytes;
  Cut cut;
  cut.begin = begin();
  for (; segments.size() > 1; segments.pop_front()) {
    const Segment& oldest = *segments.front();
    auto due = oldest_is_due(segments, bytes);
    if (!due) return due.error();
    if (!due.value()) return cut;
    bytes -= oldest.bytes;
    count(cut, oldest, segments[1]->first);
  }
  const auto bytes_max = static_cast<uint64_t>(options_.retention_bytes_max);
  if (bytes_max > 0 && bytes > bytes_max && status().segments > cut.segments + 1)
    state_->events.retention_held_back(bytes, options_.retention_bytes_max);
  return cut;
}

Result<bool> GroupCommit::oldest_is_due(const Segments& segments, uint64_t bytes) {
  if (options_.retention_bytes_max > 0 &&
      bytes > static_cast<uint64_t>(options_.retention_bytes_max))
    return true;
  if (options_.retention_days == 0) return false;
  const int64_t kept_from =
      clock_.wall().time_since_epoch().count() - options_.retention_days * kMicrosecondsPerDay;
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    auto times = source_.times_of(*segments[i]);
    if (!times) return times.error();
    // One without any time (damaged, or nothing but a snapshot) is as old as what follows it.
    if (times.value().ingest_max != Times{}.ingest_max) return times.value().ingest_max < kept_from;
  }
  return false;
}

Result<Cut> GroupCommit::remove_before(Position position) {
  Cut cut;
  cut.begin = begin();
  for (Segments segments = removable(); segments.size() > 1; segments.pop_front()) {
    const Segment& oldest = *segments.front();
    if (segments[1]->first > position) break;
    // The index first: a segment without one is whole, and makes it again. And the segment is of
    // the log until its file is gone, so that the next call finds what this one could not remove.
    TAPELINE_TRY(remove_if_there(index_path(oldest.path)));
    TAPELINE_TRY(remove_if_there(oldest.path));
    {
      const std::lock_guard lock(state_->mutex);
      state_->segments.pop_front();
    }
    count(cut, oldest, segments[1]->first);
    state_->events.segment_removed(oldest.path, oldest.bytes);
  }
  return cut;
}

Result<> GroupCommit::remove_if_there(const std::string& path) {
  auto removed = state_->files.remove(path);
  if (!removed && removed.error().code() == ErrorCode::not_found) return {};
  return removed;
}

Log::Status GroupCommit::status() const {
  const std::lock_guard lock(state_->mutex);
  Status status;
  for (const auto& segment : state_->segments) status.bytes += segment->bytes;
  status.segments = state_->segments.size();
  status.pending_bytes = pending_bytes_;
  status.torn_bytes_cut = torn_bytes_;
  if (error_) status.error = error_->message();
  return status;
}

// The writer.

bool GroupCommit::work_waits() const {
  if (error_) return closing_ || recovery_wanted_;
  return closing_ || !pending_.empty() || sync_wanted_ > synced_;
}

bool GroupCommit::group_due() const {
  return closing_ || flush_wanted_ > state_->end || sync_wanted_ > synced_ ||
         pending_bytes_ >= static_cast<uint64_t>(options_.block_bytes);
}

std::optional<BootTime> GroupCommit::next_step() const {
  if (!work_waits()) return std::nullopt;
  if (durability_ == Durability::fsync && !error_ && !group_due())
    return group_begun_ + std::chrono::milliseconds(options_.group_ms_max);
  return BootTime::min();
}

bool GroupCommit::step() {
  std::vector<Item> items;
  bool failed = false;
  bool sync_wanted = false;
  bool last = false;
  {
    const std::lock_guard lock(state_->mutex);
    group_begun_ = now_();
    items.assign(std::make_move_iterator(pending_.begin()),
                 std::make_move_iterator(pending_.end()));
    pending_.clear();
    failed = error_.has_value();
    sync_wanted = sync_wanted_ > synced_;
    last = closing_ && (failed || items.empty());
  }
  if (last) {
    finish();
    return false;
  }
  if (failed) {
    try_recovery();
    return true;
  }
  auto written = write(items);
  if (written && sync_wanted) written = sync_now();
  if (!written) fail(written.error());
  return true;
}

Result<> GroupCommit::write(std::vector<Item>& items) {
  const auto block_bytes = static_cast<uint64_t>(options_.block_bytes);
  Block block;
  const auto end_block = [&]() -> Result<> {
    if (block.count == 0) return {};
    return write_block(std::exchange(block, Block{}));
  };
  for (Item& item : items) {
    if (item.begins_segment) {
      TAPELINE_TRY(end_block());
      TAPELINE_TRY(commit());
      TAPELINE_TRY(begin_segment(item.first));
      if (item.count > 0) {
        block.add(item);
        TAPELINE_TRY(end_block());
      }
      continue;
    }
    if (block.records.size() + item.records.size() > block_bytes) TAPELINE_TRY(end_block());
    block.add(item);
  }
  TAPELINE_TRY(end_block());
  return commit();
}

Result<> GroupCommit::write_block(Block block) {
  block.offset = writer_.bytes();
  TAPELINE_TRY(writer_.append(block.records, block.count));
  block.stored = writer_.bytes() - block.offset;
  written_.push_back(std::move(block));
  // Only a group that waits for the device gains by being shown together.
  if (durability_ != Durability::fsync || mutated(Mutant::shown_before_sync)) publish();
  return {};
}

Result<> GroupCommit::commit() {
  if (durability_ == Durability::fsync && !written_.empty()) TAPELINE_TRY(sync_now());
  return {};
}

Result<> GroupCommit::sync_now() {
  const BootTime begun = now_();
  TAPELINE_TRY(writer_.sync());
  state_->events.synced(std::chrono::duration<double>(now_() - begun).count());
  publish();
  const std::lock_guard lock(state_->mutex);
  synced_ = state_->end;
  settled();
  return {};
}

void GroupCommit::publish() {
  uint64_t raw = 0;
  uint64_t stored = 0;
  uint64_t records = 0;
  std::vector<Batch> batches;
  for (Block& block : written_) {
    raw += block.records.size();
    stored += block.stored;
    records += block.count;
    batches.push_back(
        {block.first, block.count, std::make_shared<const std::string>(std::move(block.records))});
  }
  if (batches.empty()) return;
  std::vector<Span> spans;
  {
    const std::lock_guard lock(state_->mutex);
    Segment& segment = active();
    for (const Block& block : written_) {
      if (segment.index.add(block.offset, block.stored, block.first.ordinal(), block.count,
                            block.times))
        spans.push_back(segment.index.complete().back());
      segment.bytes = block.offset + block.stored;
      segment.end_ordinal = block.first.ordinal() + block.count;
    }
    for (Batch& batch : batches) {
      state_->end = batch.first.plus(batch.count);
      state_->tail_bytes += batch.bytes->size();
      state_->tail.push_back(std::move(batch));
    }
    while (!state_->tail.empty() &&
           state_->tail_bytes > static_cast<uint64_t>(options_.tail_bytes_max)) {
      state_->tail_bytes -= state_->tail.front().bytes->size();
      state_->tail.pop_front();
    }
    pending_bytes_ -= raw;
    packed_ = static_cast<double>(stored) / static_cast<double>(raw);
    if (beginnings_ == 0) segment_bytes_ = segment.bytes + expected_bytes(pending_bytes_);
    state_->grown.notify_all();
    settled();
  }
  state_->events.group_written(batches.size(), records, raw, stored);
  written_.clear();
  if (auto indexed = writer_.append_index(spans); !indexed)
    state_->events.index_not_written(indexed.error());
}

Result<> GroupCommit::begin_segment(Position first) {
  std::vector<Span> last_span;
  if (!writer_.path().empty()) {
    // Whatever the durability, a segment is whole on the device before the next one begins.
    TAPELINE_TRY(sync_now());
    const std::lock_guard lock(state_->mutex);
    if (active().index.finish()) last_span.push_back(active().index.complete().back());
  }
  if (auto indexed = writer_.append_index(last_span); !indexed)
    state_->events.index_not_written(indexed.error());
  TAPELINE_TRY(writer_.start(first));
  if (auto indexed = writer_.make_index({}); !indexed)
    state_->events.index_not_written(indexed.error());
  auto segment = std::make_shared<Segment>(first, writer_.path());
  segment->bytes = writer_.bytes();
  segment->end_ordinal = first.ordinal();
  state_->events.segment_started(segment->path);
  const std::lock_guard lock(state_->mutex);
  if (!state_->segments.empty()) {
    Segment& closed = active();
    closed.times = closed.index.times();
    closed.index = TimeIndex();
  }
  state_->segments.push_back(std::move(segment));
  if (beginnings_ > 0) --beginnings_;
  return {};
}

void GroupCommit::fail(const Error& error) {
  written_.clear();
  state_->events.write_failed(error);
  const std::lock_guard lock(state_->mutex);
  error_ = error;
  pending_.clear();
  pending_bytes_ = 0;
  beginnings_ = 0;
  settled();
}

void GroupCommit::try_recovery() {
  uint64_t bytes = 0;
  {
    const std::lock_guard lock(state_->mutex);
    bytes = active().bytes;
  }
  Result<> repaired = writer_.repair(bytes);
  const auto needed = static_cast<uint64_t>(options_.pending_bytes_max);
  if (auto left = state_->files.free_bytes(state_->folder);
      repaired && left && left.value() < needed)
    repaired = make_error(ErrorCode::full,
                          "log: cannot take records again: {} bytes are free for {}, {} are "
                          "needed; free space on that disk",
                          left.value(), state_->folder, needed);
  if (repaired) {
    std::unique_lock lock(state_->mutex);
    const Position free = state_->end;
    const uint64_t lost = next_.ordinal() - free.ordinal();
    lock.unlock();
    state_->events.recovered(free, lost);
  }
  const std::lock_guard lock(state_->mutex);
  recovery_wanted_ = false;
  recovery_error_.reset();
  if (repaired) {
    next_ = state_->end;
    segment_bytes_ = bytes;
    ++active().version;
    flush_wanted_ = sync_wanted_ = Position{};
    error_.reset();
  } else {
    recovery_error_ = repaired.error();
  }
  settled();
}

void GroupCommit::finish() {
  Result<> synced;
  std::vector<Span> last_span;
  bool failed = false;
  {
    const std::lock_guard lock(state_->mutex);
    failed = error_.has_value();
    if (active().index.finish()) last_span.push_back(active().index.complete().back());
  }
  if (!failed) {
    synced = sync_now();
    if (auto indexed = writer_.append_index(last_span); !indexed)
      state_->events.index_not_written(indexed.error());
  }
  const std::lock_guard lock(state_->mutex);
  if (!synced) error_ = synced.error();
  recovery_wanted_ = false;
  state_->finished = true;
  state_->grown.notify_all();
  settled();
}

}  // namespace tapeline::log::embedded
