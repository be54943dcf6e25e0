#include "app/pipeline.h"

#include "app/events.h"

namespace tapeline::app {
namespace {

constexpr std::chrono::milliseconds kReadTimeout{100};

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::start(const PipelineOptions& options,
                                                  const engine::Options& engine_options,
                                                  const Clock& clock, log::Log& log,
                                                  store::Store& store, metrics::Registry& metrics,
                                                  Publish publish) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline);
  Pipeline& self = *pipeline;
  auto core = PipelineCore::open(options, engine_options, clock, log, store, metrics,
                                 std::move(publish), [&self] { self.notify(); });
  if (!core) return core.error();
  self.core_ = std::move(core).value();
  self.store_thread_ = std::thread([&self] { self.run_store(); });
  TAPELINE_TRY(self.core_->catch_up([&self](PipelineCore::EngineStep step) -> Result<> {
    if (step == PipelineCore::EngineStep::blocked)
      self.wait_for_store();
    else
      std::this_thread::sleep_for(PipelineCore::kRetryDelay);
    return {};
  }));
  self.engine_thread_ = std::thread([&self] { self.run_engine(); });
  return pipeline;
}

Pipeline::~Pipeline() {
  if (!core_) return;
  if (const auto stopped = stop(); !stopped) events::close_failed(stopped.error().message());
}

void Pipeline::run_engine() {
  using Step = PipelineCore::EngineStep;
  for (Step step = Step::idle; step != Step::finished && step != Step::damaged;) {
    step = core_->step_engine(kReadTimeout);
    if (step == Step::blocked) wait_for_store();
    if (step == Step::failed) std::this_thread::sleep_for(PipelineCore::kRetryDelay);
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void Pipeline::run_store() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return finished_ || core_->commit_waits(); });
    if (!core_->commit_waits()) return;
    lock.unlock();
    const PipelineCore::StoreStep step = core_->step_store();
    lock.lock();
    if (step != PipelineCore::StoreStep::failed) continue;
    if (finished_) return;
    changed_.wait_for(lock, PipelineCore::kRetryDelay, [&] { return finished_; });
  }
}

void Pipeline::wait_for_store() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return core_->store_answered(); });
}

void Pipeline::notify() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

Result<> Pipeline::drain() {
  const auto last = core_->want_drained();
  if (!last) return {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    const Status now = core_->status();
    return now.stored >= *last || finished_ || !now.store_error.empty();
  });
  if (core_->status().stored >= *last) return {};
  return core_->store_outcome();
}

Result<> Pipeline::stop() {
  if (engine_thread_.joinable()) {
    engine_thread_.join();
  } else {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  if (store_thread_.joinable()) store_thread_.join();
  return core_->store_outcome();
}

}  // namespace tapeline::app
