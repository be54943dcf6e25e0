#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "serve/ports.h"

namespace tapeline::serve {

/// One thread that runs jobs in order.
class WorkerThread final : public Workers {
 public:
  explicit WorkerThread(size_t waiting_max);
  ~WorkerThread() override;  ///< As `stop`.

  bool run(std::function<void()> job) override;

  /// Drops the jobs that wait, and waits for the one under way. Idempotent.
  void stop();

 private:
  void work();

  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::function<void()>> jobs_;  // Guarded by mutex_.
  bool stopped_ = false;                    // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace tapeline::serve
