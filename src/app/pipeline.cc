#include "app/pipeline.h"

#include "app/events.h"
#include "codec/entry.h"

namespace tapeline::app {
namespace {

constexpr std::chrono::milliseconds kReadTimeout{100};
constexpr std::chrono::milliseconds kRetryDelay{1'000};
/// A snapshot encodes every open bar; only the newest one is ever needed, by the next segment.
constexpr std::chrono::milliseconds kSnapshotEvery{5'000};
/// While nothing but ticks comes, a checkpoint this often is enough.
constexpr int64_t kQuietCommitFactor = 10;

Result<bool> holds_bars(store::Reader& reader) {
  store::BarQuery any;
  any.limit = 1;
  bool found = false;
  TAPELINE_TRY(reader.bars(any, [&](const model::Bar&) {
    found = true;
    return false;
  }));
  return found;
}

}  // namespace

void declare(settings::Declarer& declarer, PipelineOptions& options) {
  declarer.section("pipeline", "How bars travel from the engine to the store.");
  declarer.integer("commit_interval_ms", options.commit_interval_ms, 1, 60'000, "ms",
                   "Changed bars and a checkpoint are written to the store this often.");
  declarer.integer("dirty_bytes_max", options.dirty_bytes_max, 4'096, 1LL << 40, "bytes",
                   "Changed bars beyond this are written at once; intake waits at twice as much.");
  declarer.integer("commit_records_max", options.commit_records_max, 0, 1LL << 40, "records",
                   "At most so many records are applied between two commits; 0 sets no limit.");
}

Pipeline::Pipeline(const PipelineOptions& options, const Clock& clock, log::Log& log,
                   metrics::Registry& metrics, Publish publish)
    : options_(options),
      clock_(clock),
      log_(log),
      publish_(std::move(publish)),
      engine_events_(metrics) {}

Result<std::unique_ptr<Pipeline>> Pipeline::start(const PipelineOptions& options,
                                                  const engine::Options& engine_options,
                                                  const Clock& clock, log::Log& log,
                                                  store::Store& store, metrics::Registry& metrics,
                                                  Publish publish) {
  std::unique_ptr<Pipeline> pipeline(
      new Pipeline(options, clock, log, metrics, std::move(publish)));
  auto writer = store.open_writer();
  if (!writer) return writer.error();
  pipeline->store_writer_ = std::move(writer).value();
  engine::Options with_events = engine_options;
  with_events.events = &pipeline->engine_events_;
  TAPELINE_TRY(pipeline->restore(store, with_events));
  pipeline->store_thread_ = std::thread([&p = *pipeline] { p.run_store(); });
  TAPELINE_TRY(pipeline->catch_up());
  engine::Engine& engine = *pipeline->engine_;
  pipeline->recovered_.position = engine.position();
  pipeline->recovered_.sources = engine.sources();
  pipeline->recovered_.settings = engine.settings();
  engine.collect_changes(static_cast<bool>(pipeline->publish_));
  pipeline->collecting_ = static_cast<bool>(pipeline->publish_);
  // So that already the first segment begun now has a snapshot at its head.
  if (engine.position() != Position()) {
    pipeline->snapshot_ = std::make_shared<const std::string>(engine.snapshot_record());
    pipeline->snapshot_position_ = engine.position();
  }
  log.set_snapshot_source([&p = *pipeline]() -> std::string {
    const std::lock_guard lock(p.mutex_);
    if (!p.snapshot_) return {};
    p.snapshot_logged_ = p.snapshot_position_;
    return *p.snapshot_;
  });
  pipeline->engine_thread_ = std::thread([&p = *pipeline] { p.run_engine(); });
  return pipeline;
}

Pipeline::~Pipeline() {
  if (const auto stopped = stop(); !stopped) events::close_failed(stopped.error().message());
}

Result<> Pipeline::restore(store::Store& store, const engine::Options& engine_options) {
  auto store_reader = store.open_reader();
  if (!store_reader) return store_reader.error();
  store_reader_ = std::move(store_reader).value();
  engine_ = std::make_unique<engine::Engine>(engine_options, *store_reader_);
  engine_->collect_changes(false);

  auto checkpoint = store_reader_->checkpoint();
  if (!checkpoint) return checkpoint.error();
  auto filled = holds_bars(*store_reader_);
  if (!filled) return filled.error();
  Position from;
  if (checkpoint.value()) {
    const store::Checkpoint& found = *checkpoint.value();
    if (found.position >= log_.end()) {
      return make_error(ErrorCode::corrupt,
                        "the store refers to log position {} but the log ends before {}: part of "
                        "the log is missing; restore it, or move the data directory away",
                        found.position.raw(), log_.end().raw());
    }
    // One without a state was reset on purpose.
    if (auto restored = engine_->restore(found); restored) {
      from = found.position.plus(1);
    } else if (!found.state.empty()) {
      events::checkpoint_dropped(restored.error().message());
    }
  }
  // A snapshot needs the store that it was written beside; without one, the log has everything.
  if (from == Position() && filled.value()) {
    auto snapshot = restore_snapshot(engine_options);
    if (!snapshot) return snapshot.error();
    from = snapshot.value();
  }
  // What retention removed behind an old snapshot is in the bars already.
  auto reader = log_.read(std::max(from, log_.begin()));
  if (!reader) return reader.error();
  reader_ = std::move(reader).value();
  committed_at_ = clock_.boot();
  committed_position_ = engine_->position();
  status_.stored = committed_position_;
  return {};
}

Result<Position> Pipeline::restore_snapshot(const engine::Options& engine_options) {
  // Each bar takes only what lies beyond its own `through`, so any earlier state will do; the
  // newest one saves work, and records that retention removed are behind it.
  auto reader = log_.read(Position());
  if (!reader) return reader.error();
  std::optional<store::Checkpoint> newest;
  log::Batch batch;
  while (reader.value()->position() < log_.end()) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome && outcome.error().code() != ErrorCode::corrupt) return outcome.error();
    if (!outcome) continue;
    if (outcome.value() != log::ReadOutcome::progressed) break;
    codec::EntryReader entries(*batch.bytes);
    codec::EntryView entry;
    if (entries.next(entry) == codec::EntryReader::Outcome::progressed &&
        entry.kind == codec::EntryKind::snapshot)
      newest = store::Checkpoint{Position::from_raw(entry.snapshot.as_of),
                                 std::string(entry.snapshot.state)};
  }
  const auto fresh_engine = [&] {
    engine_ = std::make_unique<engine::Engine>(engine_options, *store_reader_);
    engine_->collect_changes(false);
  };
  fresh_engine();
  if (newest) {
    if (const auto restored = engine_->restore(*newest); restored) return newest->position.plus(1);
    fresh_engine();
  }
  return Position();
}

Result<> Pipeline::catch_up() {
  const Position end = log_.end();
  DamageWatch watch;
  while (reader_->position() < end) {
    auto outcome = step(std::chrono::microseconds(0), &watch);
    // The log has said what is damaged; what lies behind it is whole.
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) {
      watch.damaged();
      continue;
    }
    if (!outcome) return outcome.error();
    if (outcome.value() != log::ReadOutcome::progressed) break;
  }
  recovered_.holes = watch.take();
  return {};
}

void Pipeline::run_engine() {
  for (;;) {
    auto outcome = step(kReadTimeout);
    if (!outcome) {
      events::log_unreadable(outcome.error().message());
      if (outcome.error().code() != ErrorCode::corrupt) std::this_thread::sleep_for(kRetryDelay);
      continue;
    }
    if (outcome.value() == log::ReadOutcome::finished) break;
  }
  wait_for_store(true);
  commit_if_due(true);
  wait_for_store(true);
  const std::lock_guard lock(mutex_);
  engine_ended_ = true;
  finished_ = true;
  changed_.notify_all();
}

Result<log::ReadOutcome> Pipeline::step(std::chrono::microseconds timeout, DamageWatch* watch) {
  log::Batch batch;
  auto outcome = reader_->next(batch, timeout);
  if (!outcome) return outcome;
  if (outcome.value() == log::ReadOutcome::progressed) {
    if (watch != nullptr) watch->read(batch);
    apply(batch);
  }
  acknowledge();
  bool drain_wanted = false;
  {
    const std::lock_guard lock(mutex_);
    drain_wanted = drain_wanted_ > committed_position_ && engine_->position() >= drain_wanted_;
  }
  commit_if_due(drain_wanted);
  if (static_cast<int64_t>(engine_->dirty_bytes()) > 2 * options_.dirty_bytes_max)
    wait_for_store(false);
  note_status();
  return outcome;
}

void Pipeline::apply(const log::Batch& batch) {
  for (;;) {
    const auto applied = engine_->apply(batch);
    if (applied) break;
    events::store_unreadable(applied.error().message());
    std::this_thread::sleep_for(kRetryDelay);
  }
  records_since_commit_ += batch.count;
  if (collecting_) publish_(engine_->take_changes());
}

bool Pipeline::commit_due() const {
  if (engine_->position() == committed_position_) return false;
  const auto dirty = static_cast<int64_t>(engine_->dirty_bytes());
  if (dirty >= options_.dirty_bytes_max) return true;
  if (options_.commit_records_max > 0 && records_since_commit_ >= options_.commit_records_max)
    return true;
  const auto age = clock_.boot() - committed_at_;
  return age >= std::chrono::milliseconds(options_.commit_interval_ms *
                                          (dirty > 0 ? 1 : kQuietCommitFactor));
}

void Pipeline::commit_if_due(bool wanted_now) {
  {
    const std::lock_guard lock(mutex_);
    if (in_flight_) return;
  }
  if (engine_->position() == committed_position_ || !(wanted_now || commit_due())) return;
  // A checkpoint must never refer to what a power cut could take back.
  if (const auto synced = log_.sync(engine_->position()); !synced) {
    events::log_unreadable(synced.error().message());
    return;
  }
  auto commit = std::make_unique<store::Commit>(engine_->prepare_commit());
  const BootTime now = clock_.boot();
  std::shared_ptr<const std::string> snapshot;
  if (!snapshot_at_ || now - *snapshot_at_ >= kSnapshotEvery) {
    snapshot = std::make_shared<const std::string>(engine_->snapshot_record());
    snapshot_at_ = now;
  }
  committed_at_ = now;
  committed_position_ = engine_->position();
  records_since_commit_ = 0;
  const std::lock_guard lock(mutex_);
  in_flight_ = std::move(commit);
  written_ = false;
  if (snapshot) {
    snapshot_ = std::move(snapshot);
    snapshot_position_ = committed_position_;
  }
  changed_.notify_all();
}

void Pipeline::acknowledge() {
  std::unique_ptr<store::Commit> done;
  Position retain;
  {
    const std::lock_guard lock(mutex_);
    if (!in_flight_ || !written_) return;
    done = std::move(in_flight_);
    status_.stored = done->checkpoint->position;
    status_.stored_at = clock_.boot();
    changed_.notify_all();
    retain = std::min(snapshot_logged_, done->checkpoint->position);
  }
  engine_->committed(done->checkpoint->position);
  // Were the checkpoint lost, a start would go back to the newest snapshot in the log.
  if (retain > Position()) log_.set_retain_from(retain);
}

void Pipeline::wait_for_store(bool until_idle) {
  commit_if_due(true);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return !in_flight_ || written_ || (until_idle && !status_.store_error.empty());
    });
  }
  acknowledge();
}

void Pipeline::run_store() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return finished_ || (in_flight_ && !written_); });
    if (!in_flight_ || written_) return;
    const store::Commit& commit = *in_flight_;
    lock.unlock();
    const auto outcome = store_writer_->write(commit);
    lock.lock();
    if (outcome) {
      written_ = true;
      status_.store_error.clear();
      changed_.notify_all();
      continue;
    }
    if (status_.store_error.empty()) events::commit_failed(outcome.error().message());
    status_.store_error = outcome.error().message();
    changed_.notify_all();
    if (finished_) return;
    changed_.wait_for(lock, kRetryDelay, [&] { return finished_; });
  }
}

void Pipeline::note_status() {
  const std::lock_guard lock(mutex_);
  status_.counters = engine_->counters();
  status_.applied = engine_->position();
  status_.engine_bytes = engine_->memory_bytes();
  status_.dirty_bytes = engine_->dirty_bytes();
}

Result<> Pipeline::drain() {
  std::unique_lock lock(mutex_);
  const Position end = log_.end();
  if (end.ordinal() <= 1) return {};
  const Position last = Position::from_raw(end.raw() - 1);
  drain_wanted_ = std::max(drain_wanted_, last);
  changed_.wait(lock, [&] {
    return status_.stored >= last || engine_ended_ || !status_.store_error.empty();
  });
  if (status_.stored >= last) return {};
  return make_error(ErrorCode::failed, "bars could not be written to the store: {}",
                    status_.store_error);
}

Result<> Pipeline::stop() {
  log_.set_snapshot_source({});
  if (engine_thread_.joinable()) {
    engine_thread_.join();
  } else {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  if (store_thread_.joinable()) store_thread_.join();
  const std::lock_guard lock(mutex_);
  if (!status_.store_error.empty())
    return make_error(ErrorCode::failed, "bars could not be written to the store: {}",
                      status_.store_error);
  return {};
}

Pipeline::Status Pipeline::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace tapeline::app
