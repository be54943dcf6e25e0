#include "serve/worker_thread.h"

#include <utility>

namespace tapeline::serve {

WorkerThread::WorkerThread(size_t waiting_max)
    : waiting_max_(waiting_max), thread_([this] { work(); }) {}

WorkerThread::~WorkerThread() {
  stop();
}

bool WorkerThread::run(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  if (stopped_ || jobs_.size() >= waiting_max_) return false;
  jobs_.push_back(std::move(job));
  filled_.notify_one();
  return true;
}

void WorkerThread::stop() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(jobs_);
    filled_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::work() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
      if (stopped_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace tapeline::serve
