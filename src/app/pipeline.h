#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "app/pipeline_core.h"

namespace tapeline::app {

/// The second half of the path of a trade on two threads of its own: the engine thread owns the
/// engine and reads the log; the store thread owns the store's writer.
class Pipeline {
 public:
  using Recovered = PipelineCore::Recovered;
  /// Called on the engine thread after each batch once the log was caught up.
  using Publish = PipelineCore::Publish;
  using Status = PipelineCore::Status;

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
  const Recovered& recovered() const { return core_->recovered(); }

  /// Waits until everything durable at the time of the call is applied and committed, or fails
  /// with the store's error. Thread-safe.
  Result<> drain();

  /// Applies what the closed log still holds, commits and ends the threads. Close the log first.
  /// Idempotent; waits. The error is the one that kept the last commit from the store.
  Result<> stop();

  Status status() const { return core_->status(); }

 private:
  Pipeline() = default;

  void run_engine();
  void run_store();
  void wait_for_store();
  void notify();

  // Set before the threads begin.
  std::unique_ptr<PipelineCore> core_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;  // Guarded by mutex_: the engine thread ended; the store thread shall.

  std::thread engine_thread_;
  std::thread store_thread_;
};

}  // namespace tapeline::app
