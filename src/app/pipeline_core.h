#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/damage.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/settings.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "log/log.h"
#include "store/store.h"

namespace tapeline::app {

struct PipelineOptions {
  int64_t commit_interval_ms = 1'000;
  int64_t dirty_bytes_max = static_cast<int64_t>(32_MiB);
  /// For tests: at most so many records are applied between two commits. 0: no such limit.
  int64_t commit_records_max = 0;
};
void declare(settings::Declarer& declarer, PipelineOptions& options);

/// The second half of the path of a trade, log → engine → store, as steps without a thread: the
/// engine's read the log and apply it, the store's write one commit at a time. `Pipeline` gives
/// each kind a thread of its own, a simulation takes both in turn. The two kinds may run at the
/// same time, each from one thread; they meet at one commit in flight, so that memory is bounded
/// by two of them.
class PipelineCore {
 public:
  /// What the first half has to know of the log when it begins to write.
  struct Recovered {
    Position position;
    std::vector<engine::Engine::SourceState> sources;
    std::vector<std::string> settings;  ///< "key=value", as last logged.
    /// What retention removed from the log, or a lost store cannot tell any more.
    model::RemovedTrades removed;
    /// Where records of the log could not be read this time: to be written down as gaps.
    std::vector<DamageWatch::Hole> holes;
    /// So many records, at most, were there. Each may have opened an epoch that nobody knows of.
    int64_t records_missing = 0;

    /// Every epoch of the source that was ever opened is at most this; 0 when there was none.
    int64_t epoch_used(const std::string& source) const;
  };

  /// Called by the engine's steps after each batch once the log was caught up.
  using Publish = std::function<void(engine::Changes)>;

  struct Status {
    engine::Counters counters;
    Position applied;
    Position stored;
    Position cut_before;  ///< The log says that records before it are removed.
    size_t engine_bytes = 0;
    size_t dirty_bytes = 0;
    BootTime stored_at{0};    ///< When the last commit succeeded.
    std::string store_error;  ///< Empty while commits succeed.
    std::string damage;       ///< Of a stored bar, which ended everything; else empty.
  };

  enum class EngineStep {
    progressed,  ///< A batch was applied, or damage was stepped over.
    idle,        ///< The log had nothing new within the time.
    blocked,     ///< The store has to catch up first: `store_answered` tells when.
    damaged,     ///< A stored bar cannot be merged into: nothing more is applied.
    failed,      ///< Log or store cannot be read: to be tried again after kRetryDelay.
    finished,    ///< The closed log is applied to its end, and committed unless the store fails.
  };
  enum class StoreStep {
    wrote,
    idle,    ///< No commit waits.
    failed,  ///< To be tried again after kRetryDelay.
  };
  static constexpr std::chrono::milliseconds kRetryDelay{1'000};

  /// Restores the checkpoint, or the log's last snapshot, or nothing. `handed_over` is called by
  /// either kind of step after it changed what the other waits for, with no lock held. Everything
  /// passed must outlive the object.
  static Result<std::unique_ptr<PipelineCore>> open(const PipelineOptions& options,
                                                    const engine::Options& engine_options,
                                                    const Clock& clock, log::Log& log,
                                                    store::Store& store, metrics::Registry& metrics,
                                                    Publish publish,
                                                    std::function<void()> handed_over);
  ~PipelineCore();
  PipelineCore(const PipelineCore&) = delete;
  PipelineCore& operator=(const PipelineCore&) = delete;

  /// Applies the log to its present end; from then on its segments get snapshots and changes are
  /// published. Once, before the first engine step. `wait` is called when the store has to catch up
  /// (`blocked`) or cannot be read (`failed`), and its error ends the attempt.
  Result<> catch_up(const std::function<Result<>(EngineStep)>& wait);

  /// State at the log's end when `catch_up` returned. Constant from then on.
  const Recovered& recovered() const { return recovered_; }

  /// Waits up to `timeout` for records.
  EngineStep step_engine(std::chrono::microseconds timeout);
  StoreStep step_store();

  /// The rest may be called from any thread.

  /// No commit is in flight, or the one in flight is written; at the log's end also when it failed.
  bool store_answered() const;
  bool commit_waits() const;

  /// Wants everything durable now applied and committed soon; returns the position up to which, or
  /// none when there is nothing.
  std::optional<Position> want_drained();

  Status status() const;
  /// The damage that ended everything, or the error of the last commit, if it failed.
  Result<> store_outcome() const;

 private:
  PipelineCore(const PipelineOptions& options, const Clock& clock, log::Log& log,
               metrics::Registry& metrics, Publish publish, std::function<void()> handed_over);

  Result<> restore(store::Store& store, const engine::Options& engine_options);
  /// The state of a snapshot in the log, or none where the log has everything; returns where to
  /// read from. `filled`: the store has bars; its checkpoint was at `stored`. `corrupt`: neither is
  /// to be had.
  Result<Position> restore_from_log(const engine::Options& engine_options, bool filled,
                                    std::optional<Position> stored);
  Result<Position> serve_recomputed(Position from);
  void fresh_engine(const engine::Options& engine_options);

  EngineStep read(std::chrono::microseconds timeout);
  EngineStep apply(log::Batch batch);
  EngineStep refuse(log::Batch batch, const Error& error);
  EngineStep commit_last();
  /// Whether the store must catch up before more is applied.
  bool must_wait();
  void pass_on();
  void acknowledge();
  void commit_if_due(bool wanted_now);
  bool commit_due() const;
  void note_status();

  // Constant after construction.
  const PipelineOptions options_;
  const Clock& clock_;
  log::Log& log_;
  const Publish publish_;
  const std::function<void()> handed_over_;
  Recovered recovered_;
  std::unique_ptr<store::Reader> store_reader_;  // Used by the engine's steps.
  std::unique_ptr<store::Writer> store_writer_;  // Used by the store's steps.

  // Owned by the engine's steps.
  engine::Events engine_events_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<log::Reader> reader_;
  std::optional<log::Batch> unapplied_;  // Read, but the store could not be asked.
  BootTime committed_at_{0};
  std::optional<BootTime> snapshot_at_;
  Position committed_position_;
  int64_t records_since_commit_ = 0;
  bool collecting_ = false;
  bool store_unreadable_ = false;  // As last told.
  bool log_unsynced_ = false;      // As last told.
  metrics::Counter damaged_bars_;

  mutable std::mutex mutex_;
  std::unique_ptr<store::Commit> in_flight_;     // Guarded by mutex_.
  bool written_ = false;                         // Guarded by mutex_: in_flight_ is in the store.
  bool log_ended_ = false;                       // Guarded by mutex_: everything is applied.
  Position drain_wanted_;                        // Guarded by mutex_.
  Status status_;                                // Guarded by mutex_.
  std::shared_ptr<const std::string> snapshot_;  // Guarded by mutex_: for the next segment's head.
  Position snapshot_position_;                   // Guarded by mutex_: as of which it is.
  Position snapshot_logged_;                     // Guarded by mutex_: of the newest in a segment.
};

}  // namespace tapeline::app
