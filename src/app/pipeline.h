#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/damage.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/queue.h"
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

/// The second half of the path of a trade: log → engine → store, on two threads of its own. The
/// engine thread owns the engine and reads the log; the store thread owns the store's writer.
/// They meet at one commit in flight, so that memory is bounded by two of them.
class Pipeline {
 public:
  /// What the first half has to know of the log when it begins to write.
  struct Recovered {
    Position position;
    std::vector<engine::Engine::SourceState> sources;
    std::vector<std::string> settings;  ///< "key=value", as last logged.
    /// Where records of the log could not be read this time: to be written down as gaps.
    std::vector<DamageWatch::Hole> holes;
  };

  /// Called on the engine thread after each batch once the log was caught up.
  using Publish = std::function<void(engine::Changes)>;

  struct Status {
    engine::Counters counters;
    Position applied;
    Position stored;
    size_t engine_bytes = 0;
    size_t dirty_bytes = 0;
    BootTime stored_at{0};    ///< When the last commit succeeded.
    std::string store_error;  ///< Empty while commits succeed.
  };

  /// Restores the checkpoint (or the log's last snapshot, or nothing), applies the log to its
  /// present end, then goes on with what is appended. Everything passed must outlive the object.
  static Result<std::unique_ptr<Pipeline>> start(const PipelineOptions& options,
                                                 const engine::Options& engine_options,
                                                 const Clock& clock, log::Log& log,
                                                 store::Store& store, metrics::Registry& metrics,
                                                 Publish publish);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// State at the log's end when the pipeline was started. Constant.
  const Recovered& recovered() const { return recovered_; }

  /// Waits until everything durable at the time of the call is applied and committed, or fails
  /// with the store's error. Thread-safe.
  Result<> drain();

  /// Applies what the closed log still holds, commits and ends the threads. Close the log first.
  /// Idempotent; waits. The error is the one that kept the last commit from the store.
  Result<> stop();

  Status status() const;

 private:
  Pipeline(const PipelineOptions& options, const Clock& clock, log::Log& log,
           metrics::Registry& metrics, Publish publish);

  Result<> restore(store::Store& store, const engine::Options& engine_options);
  /// The state of the newest snapshot in the log, or none; returns where to read from.
  Result<Position> restore_snapshot(const engine::Options& engine_options);
  Result<> catch_up();
  void run_engine();
  void run_store();

  Result<log::ReadOutcome> step(std::chrono::microseconds timeout, DamageWatch* watch = nullptr);
  void apply(const log::Batch& batch);
  void acknowledge();
  void commit_if_due(bool wanted_now);
  bool commit_due() const;
  void wait_for_store(bool until_idle);
  void note_status();

  // Constant after construction.
  const PipelineOptions options_;
  const Clock& clock_;
  log::Log& log_;
  const Publish publish_;
  Recovered recovered_;
  std::unique_ptr<store::Reader> store_reader_;  // Used by the engine, on its thread.
  std::unique_ptr<store::Writer> store_writer_;  // Used by the store thread.

  // Owned by the engine thread once it runs (by the starting thread before).
  engine::Events engine_events_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<log::Reader> reader_;
  BootTime committed_at_{0};
  std::optional<BootTime> snapshot_at_;
  Position committed_position_;
  int64_t records_since_commit_ = 0;
  bool collecting_ = false;

  // The engine thread hands over one commit; the store thread answers.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<store::Commit> in_flight_;     // Guarded by mutex_.
  bool written_ = false;                         // Guarded by mutex_: in_flight_ is in the store.
  bool finished_ = false;                        // Guarded by mutex_: the store thread shall end.
  Position drain_wanted_;                        // Guarded by mutex_.
  bool engine_ended_ = false;                    // Guarded by mutex_.
  Status status_;                                // Guarded by mutex_.
  std::shared_ptr<const std::string> snapshot_;  // Guarded by mutex_: for the next segment's head.
  Position snapshot_position_;                   // Guarded by mutex_: as of which it is.
  Position snapshot_logged_;                     // Guarded by mutex_: of the newest in a segment.

  std::thread engine_thread_;
  std::thread store_thread_;
};

}  // namespace tapeline::app
