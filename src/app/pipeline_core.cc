#include "app/pipeline_core.h"

#include <algorithm>
#include <utility>

#include "app/damaged_bars.h"
#include "app/events.h"
#include "app/log_scan.h"
#include "base/mutant.h"
#include "codec/entry.h"

namespace tapeline::app {
namespace {

/// A snapshot encodes every open bar; only the newest one is ever needed, by the next segment.
constexpr std::chrono::milliseconds kSnapshotEvery{5'000};
/// While nothing but ticks comes, a checkpoint this often is enough.
constexpr int64_t kQuietCommitFactor = 10;

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

PipelineCore::PipelineCore(const PipelineOptions& options, const Clock& clock, log::Log& log,
                           metrics::Registry& metrics, Publish publish,
                           std::function<void()> handed_over)
    : options_(options),
      clock_(clock),
      log_(log),
      publish_(std::move(publish)),
      handed_over_(std::move(handed_over)),
      engine_events_(metrics),
      damaged_bars_(metrics.counter("tapeline_pipeline_damaged_bars_total",
                                    "Stored bars that could not be merged into.")) {}

PipelineCore::~PipelineCore() {
  log_.set_snapshot_source({});
}

Result<std::unique_ptr<PipelineCore>> PipelineCore::open(
    const PipelineOptions& options, const engine::Options& engine_options, const Clock& clock,
    log::Log& log, store::Store& store, metrics::Registry& metrics, Publish publish,
    std::function<void()> handed_over) {
  std::unique_ptr<PipelineCore> core(
      new PipelineCore(options, clock, log, metrics, std::move(publish), std::move(handed_over)));
  auto writer = store.open_writer();
  if (!writer) return writer.error();
  core->store_writer_ = std::move(writer).value();
  engine::Options with_events = engine_options;
  with_events.events = &core->engine_events_;
  TAPELINE_TRY(core->restore(store, with_events));
  return core;
}

Result<> PipelineCore::restore(store::Store& store, const engine::Options& engine_options) {
  auto store_reader = store.open_reader();
  if (!store_reader) return store_reader.error();
  store_reader_ = std::move(store_reader).value();
  fresh_engine(engine_options);

  auto checkpoint = store_reader_->checkpoint();
  if (!checkpoint) return checkpoint.error();
  auto filled = store::holds_bars(*store_reader_);
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
      from = found.position.plus(mutated(Mutant::resumed_late) ? 3 : 1);
    } else if (!found.state.empty()) {
      events::checkpoint_dropped(restored.error().message());
    }
  }
  if (from == Position()) {
    auto found = restore_from_log(
        engine_options, filled.value(),
        checkpoint.value() ? std::optional(checkpoint.value()->position) : std::nullopt);
    if (!found) return found.error();
    from = found.value();
  }
  // What retention removed behind an old snapshot is in the bars already.
  auto reader = log_.read(std::max(from, log_.begin()));
  if (!reader) return reader.error();
  reader_ = std::move(reader).value();
  committed_at_ = clock_.boot();
  committed_position_ = engine_->position();
  status_.stored = committed_position_;
  // Until a segment of this process begins with a snapshot, an older one may be the only one.
  log_.set_retain_from(log_.begin());
  return {};
}

Result<Position> PipelineCore::restore_from_log(const engine::Options& engine_options, bool filled,
                                                std::optional<Position> stored) {
  const bool cut = log_.begin().ordinal() > 1;
  // A log that has everything needs no state where there are no bars.
  if (!filled && !cut) return serve_recomputed({});
  // One that the store has not reached will not do: a power cut takes the last commits away, and
  // the bars that the snapshot left to them.
  const Position till =
      !filled || !stored || mutated(Mutant::snapshot_ahead) ? log_.end() : *stored;
  const auto snapshots = read_snapshots(
      log_, filled ? SnapshotsWanted::newest_first : SnapshotsWanted::without_hole, till);
  if (!snapshots) return snapshots.error();
  for (const store::Checkpoint& snapshot : snapshots.value()) {
    fresh_engine(engine_options);
    if (!engine_->restore(snapshot)) continue;
    if (filled) return snapshot.position.plus(1);
    engine_->forget_stored_bars();
    events::store_lost(log_.begin());
    return serve_recomputed(snapshot.position.plus(1));
  }
  fresh_engine(engine_options);
  if (cut)
    return make_error(ErrorCode::corrupt,
                      "the log begins at record {}, since retention removed what was before, and "
                      "neither the store's checkpoint nor a snapshot in the log tells the state "
                      "there, without which bars would be wrong: restore the data directory from a "
                      "copy, or choose another one with --data-dir; this one can still be read",
                      log_.begin().ordinal());
  return serve_recomputed({});
}

/// Bars that were filled in later are built at once by whoever reads from `from`.
Result<Position> PipelineCore::serve_recomputed(Position from) {
  if (log_.end() > std::max(from, log_.begin())) {
    const auto scan = scan_log(log_, from);
    if (!scan) return scan.error();
    engine_->serve_also(scan.value().recomputed);
  }
  return from;
}

void PipelineCore::fresh_engine(const engine::Options& engine_options) {
  engine_ = std::make_unique<engine::Engine>(engine_options, *store_reader_);
  engine_->collect_changes(false);
}

int64_t PipelineCore::Recovered::epoch_used(const std::string& source) const {
  const auto at = std::find_if(sources.begin(), sources.end(),
                               [&](const auto& state) { return state.source == source; });
  return (at == sources.end() ? 0 : at->epoch) + records_missing;
}

Result<> PipelineCore::catch_up(const std::function<Result<>(EngineStep)>& wait) {
  const Position end = log_.end();
  DamageWatch watch;
  uint64_t next = std::max(engine_->position().plus(1), log_.begin()).ordinal();
  while (reader_->position() < end) {
    log::Batch batch;
    auto outcome = reader_->next(batch, std::chrono::microseconds(0));
    // The log has said what is damaged; what lies behind it is whole.
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) {
      watch.damaged();
      continue;
    }
    if (!outcome) return outcome.error();
    if (outcome.value() != log::ReadOutcome::progressed) break;
    watch.read(batch);
    if (batch.first.ordinal() > next)
      recovered_.records_missing += static_cast<int64_t>(batch.first.ordinal() - next);
    next = std::max(next, batch.last().ordinal() + 1);
    EngineStep step = apply(batch);
    for (; step == EngineStep::failed; step = apply(batch)) TAPELINE_TRY(wait(EngineStep::failed));
    if (step == EngineStep::damaged) return store_outcome();
    pass_on();
    while (must_wait()) TAPELINE_TRY(wait(EngineStep::blocked));
  }
  if (end.ordinal() > next)
    recovered_.records_missing += static_cast<int64_t>(end.ordinal() - next);
  recovered_.position = engine_->position();
  recovered_.sources = engine_->sources();
  recovered_.settings = engine_->settings();
  recovered_.removed = engine_->removed();
  recovered_.holes = watch.take();
  collecting_ = static_cast<bool>(publish_);
  engine_->collect_changes(collecting_);
  // So that already the first segment begun now has a snapshot at its head.
  if (engine_->position() != Position()) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::make_shared<const std::string>(engine_->snapshot_record());
    snapshot_position_ = engine_->position();
  }
  log_.set_snapshot_source([this]() -> std::string {
    const std::lock_guard lock(mutex_);
    if (!snapshot_) return {};
    snapshot_logged_ = snapshot_position_;
    return *snapshot_;
  });
  return {};
}

PipelineCore::EngineStep PipelineCore::step_engine(std::chrono::microseconds timeout) {
  acknowledge();
  {
    const std::lock_guard lock(mutex_);
    if (log_ended_) timeout = std::chrono::microseconds(0);
  }
  if (must_wait()) return EngineStep::blocked;
  const EngineStep step = read(timeout);
  if (step == EngineStep::failed || step == EngineStep::damaged) return step;
  pass_on();
  return step == EngineStep::finished ? commit_last() : step;
}

PipelineCore::EngineStep PipelineCore::read(std::chrono::microseconds timeout) {
  if (unapplied_) return apply(*std::exchange(unapplied_, std::nullopt));
  log::Batch batch;
  auto outcome = reader_->next(batch, timeout);
  if (!outcome) {
    events::log_unreadable(outcome.error().message());
    return outcome.error().code() == ErrorCode::corrupt ? EngineStep::progressed
                                                        : EngineStep::failed;
  }
  switch (outcome.value()) {
    case log::ReadOutcome::progressed:
      return apply(std::move(batch));
    case log::ReadOutcome::idle:
      return EngineStep::idle;
    case log::ReadOutcome::finished:
      return EngineStep::finished;
  }
  return EngineStep::idle;
}

PipelineCore::EngineStep PipelineCore::apply(log::Batch batch) {
  if (const auto applied = engine_->apply(batch); !applied)
    return refuse(std::move(batch), applied.error());
  unapplied_.reset();
  store_unreadable_ = false;
  records_since_commit_ += batch.count;
  if (collecting_) publish_(engine_->take_changes());
  return EngineStep::progressed;
}

PipelineCore::EngineStep PipelineCore::refuse(log::Batch batch, const Error& error) {
  unapplied_ = std::move(batch);
  if (error.code() == ErrorCode::corrupt) {
    // Trying again does not help; a file that is damaged as a whole cannot say which bar it is.
    const auto damaged = find_damaged_bars(*store_reader_, {});
    if (damaged && !damaged.value().empty()) {
      for (const model::BarKey& key : damaged.value()) events::bar_damaged(key);
      damaged_bars_.add(static_cast<double>(damaged.value().size()));
      const std::lock_guard lock(mutex_);
      status_.damage = error.message();
      return EngineStep::damaged;
    }
  }
  if (!std::exchange(store_unreadable_, true)) events::store_unreadable(error.message());
  return EngineStep::failed;
}

void PipelineCore::pass_on() {
  acknowledge();
  bool drain_wanted = false;
  {
    const std::lock_guard lock(mutex_);
    drain_wanted = drain_wanted_ > committed_position_ && engine_->position() >= drain_wanted_;
  }
  commit_if_due(drain_wanted);
  note_status();
}

bool PipelineCore::must_wait() {
  if (static_cast<int64_t>(engine_->dirty_bytes()) <= 2 * options_.dirty_bytes_max) return false;
  commit_if_due(true);
  if (!store_answered()) return true;
  acknowledge();
  return false;
}

/// Nothing follows: what is dirty goes to the store, once more if a commit was on its way already.
PipelineCore::EngineStep PipelineCore::commit_last() {
  {
    const std::lock_guard lock(mutex_);
    log_ended_ = true;
  }
  commit_if_due(true);
  if (!store_answered()) return EngineStep::blocked;
  acknowledge();
  commit_if_due(true);
  return store_answered() ? EngineStep::finished : EngineStep::blocked;
}

PipelineCore::StoreStep PipelineCore::step_store() {
  const store::Commit* commit = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!in_flight_ || written_) return StoreStep::idle;
    commit = in_flight_.get();
  }
  const bool skipped =
      mutated(Mutant::commit_skipped) && commit->checkpoint->position.ordinal() % 7 == 0;
  const auto outcome = skipped ? Result<>() : store_writer_->write(*commit);
  bool first_failure = false;
  {
    const std::lock_guard lock(mutex_);
    written_ = outcome.ok() || mutated(Mutant::failed_commit_forgotten);
    first_failure = !outcome && status_.store_error.empty();
    status_.store_error = outcome ? std::string() : outcome.error().message();
  }
  if (first_failure) events::commit_failed(outcome.error().message());
  handed_over_();
  return outcome ? StoreStep::wrote : StoreStep::failed;
}

bool PipelineCore::store_answered() const {
  const std::lock_guard lock(mutex_);
  return !in_flight_ || written_ || (log_ended_ && !status_.store_error.empty());
}

bool PipelineCore::commit_waits() const {
  const std::lock_guard lock(mutex_);
  return in_flight_ && !written_;
}

bool PipelineCore::commit_due() const {
  if (engine_->position() == committed_position_) return false;
  const auto dirty = static_cast<int64_t>(engine_->dirty_bytes());
  if (dirty >= options_.dirty_bytes_max) return true;
  if (options_.commit_records_max > 0 && records_since_commit_ >= options_.commit_records_max)
    return true;
  const auto age = clock_.boot() - committed_at_;
  return age >= std::chrono::milliseconds(options_.commit_interval_ms *
                                          (dirty > 0 ? 1 : kQuietCommitFactor));
}

void PipelineCore::commit_if_due(bool wanted_now) {
  {
    const std::lock_guard lock(mutex_);
    if (in_flight_) return;
  }
  if (engine_->position() == committed_position_ || !(wanted_now || commit_due())) return;
  // A checkpoint must never refer to what a power cut could take back.
  if (const auto synced = log_.sync(engine_->position()); !synced) {
    if (!std::exchange(log_unsynced_, true)) events::log_unsynced(synced.error().message());
    return;
  }
  if (std::exchange(log_unsynced_, false)) events::log_synced_again();
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
  {
    const std::lock_guard lock(mutex_);
    in_flight_ = std::move(commit);
    written_ = false;
    if (snapshot) {
      snapshot_ = std::move(snapshot);
      snapshot_position_ = committed_position_;
    }
  }
  handed_over_();
}

void PipelineCore::acknowledge() {
  std::unique_ptr<store::Commit> done;
  Position retain;
  {
    const std::lock_guard lock(mutex_);
    if (!in_flight_ || !written_) return;
    done = std::move(in_flight_);
    status_.stored = done->checkpoint->position;
    status_.stored_at = clock_.boot();
    if (snapshot_logged_ <= done->checkpoint->position) retain = snapshot_logged_;
  }
  handed_over_();
  engine_->committed(done->checkpoint->position);
  // Were the checkpoint lost, a start would go back to the newest snapshot that the store reached.
  if (retain > Position()) log_.set_retain_from(retain);
}

void PipelineCore::note_status() {
  const std::lock_guard lock(mutex_);
  status_.counters = engine_->counters();
  status_.applied = engine_->position();
  status_.cut_before = engine_->cut_before();
  status_.engine_bytes = engine_->memory_bytes();
  status_.dirty_bytes = engine_->dirty_bytes();
}

std::optional<Position> PipelineCore::want_drained() {
  const Position end = log_.end();
  if (end.ordinal() <= 1) return std::nullopt;
  const Position last = Position::from_raw(end.raw() - 1);
  const std::lock_guard lock(mutex_);
  drain_wanted_ = std::max(drain_wanted_, last);
  return last;
}

Result<> PipelineCore::store_outcome() const {
  const std::lock_guard lock(mutex_);
  if (!status_.damage.empty())
    return make_error(
        ErrorCode::corrupt,
        "{}; everything received is in the log: start again, and the damaged bars are "
        "made anew from it",
        status_.damage);
  if (status_.store_error.empty()) return {};
  return make_error(ErrorCode::failed, "bars could not be written to the store: {}",
                    status_.store_error);
}

PipelineCore::Status PipelineCore::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace tapeline::app
