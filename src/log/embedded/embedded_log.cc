#include "log/embedded/embedded_log.h"

#include <fmt/format.h>

#include <thread>

#include "base/random.h"
#include "log/embedded/group_commit.h"

namespace tapeline::log {
namespace embedded {
namespace {

using SteadyClock = std::chrono::steady_clock;

BootTime steady_now() {
  return std::chrono::duration_cast<BootTime>(SteadyClock::now().time_since_epoch());
}

/// The writer has a thread of its own; callers sleep until it has done what they wait for.
class EmbeddedLog final : public GroupCommit {
 public:
  EmbeddedLog(const EmbeddedSetup& setup, Loaded loaded)
      : GroupCommit(setup, std::move(loaded), steady_now) {}
  ~EmbeddedLog() override { (void)close(); }

  Result<> close() override {
    const std::lock_guard closing(close_mutex_);
    begin_close();
    if (thread_.joinable()) thread_.join();
    return outcome();
  }

  /// Once, after `start`.
  void start_thread() {
    thread_ = std::thread([this] { run(); });
  }

 private:
  void wake() override { work_.notify_one(); }
  void await(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) override {
    done_.wait(lock, done);
  }
  void settled() override { done_.notify_all(); }

  void run() {
    do {
      wait_for_work();
    } while (step());
  }

  void wait_for_work() {
    std::unique_lock lock(mutex());
    work_.wait(lock, [&] { return next_step().has_value(); });
    if (const BootTime due = *next_step(); due > now())
      work_.wait_until(lock, SteadyClock::time_point(due),
                       [&] { return next_step().value_or(BootTime::max()) <= now(); });
  }

  std::condition_variable work_;  ///< For the writer; with the state's mutex.
  std::condition_variable done_;  ///< For callers; the same.
  std::mutex close_mutex_;
  std::thread thread_;  ///< Joined under close_mutex_.
};

/// A caller that has to wait takes the writer's steps itself.
class SteppedEmbeddedLog final : public GroupCommit {
 public:
  SteppedEmbeddedLog(const EmbeddedSetup& setup, Loaded loaded)
      : GroupCommit(setup, std::move(loaded), [&clock = setup.clock] { return clock.boot(); }) {}
  ~SteppedEmbeddedLog() override { (void)close(); }

  /// Once, after `start`: without it there is nothing to end.
  void begin_steps() { ended_ = false; }

  Result<> close() override {
    begin_close();
    while (!ended_) ended_ = !step();
    return outcome();
  }

  std::optional<BootTime> due() {
    const std::lock_guard lock(mutex());
    if (ended_) return std::nullopt;
    return next_step();
  }

  void take_step() {
    if (!ended_) ended_ = !step();
  }

 private:
  void wake() override {}
  void await(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) override {
    while (!done()) {
      lock.unlock();
      take_step();
      lock.lock();
    }
  }
  void settled() override {}

  bool ended_ = true;
};

class EmbeddedSource final : public Source {
 public:
  explicit EmbeddedSource(const std::shared_ptr<State>& state)
      : identity_(state->identity), source_(state, false) {}

  std::string identity() const override { return identity_; }
  Position begin() const override { return source_.begin(); }
  Position end() const override { return source_.end(); }
  Result<std::unique_ptr<Reader>> read(Position from) override { return source_.read(from); }
  Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us) override {
    return source_.read_events(from_us, to_us);
  }

 private:
  const std::string identity_;
  StateSource source_;
};

std::string make_identity(uint64_t seed) {
  // Markers are made of the seed itself.
  Random random(~seed);
  const uint64_t first = random.next();
  return fmt::format("{:016x}{:016x}", first, random.next());
}

}  // namespace
}  // namespace embedded

namespace {

/// Loads what is there, and makes a log of kind `Kind` go on behind it.
template <typename Kind>
Result<std::unique_ptr<Kind>> open_log(const EmbeddedSetup& setup) {
  TAPELINE_TRY(setup.files.create_folder(setup.folder));
  auto loaded = embedded::load(setup);
  if (!loaded) return loaded.error();
  for (const std::string& path : loaded.value().empty_segments) {
    TAPELINE_TRY(setup.files.remove(path));
    if (const std::string index = embedded::index_path(path); setup.files.exists(index))
      TAPELINE_TRY(setup.files.remove(index));
  }
  if (loaded.value().state->segments.empty())
    loaded.value().state->identity = embedded::make_identity(setup.seed);
  const embedded::Examined last = loaded.value().last;
  auto log = std::make_unique<Kind>(setup, std::move(loaded.value()));
  TAPELINE_TRY(log->start(last, setup.generation));
  return log;
}

}  // namespace

Result<std::unique_ptr<Log>> open_embedded_log(const EmbeddedSetup& setup) {
  auto log = open_log<embedded::EmbeddedLog>(setup);
  if (!log) return log.error();
  log.value()->start_thread();
  return std::unique_ptr<Log>(std::move(log).value());
}

Result<SteppedLog> open_stepped_log(const EmbeddedSetup& setup) {
  auto opened = open_log<embedded::SteppedEmbeddedLog>(setup);
  if (!opened) return opened.error();
  auto* const log = opened.value().get();
  log->begin_steps();
  return SteppedLog{std::move(opened).value(), [log] { return log->due(); },
                    [log] { log->take_step(); }};
}

Result<std::unique_ptr<Source>> open_embedded_source(const EmbeddedSetup& setup) {
  auto loaded = embedded::load(setup);
  if (!loaded) return loaded.error();
  loaded.value().state->finished = true;
  return std::unique_ptr<Source>(std::make_unique<embedded::EmbeddedSource>(loaded.value().state));
}

}  // namespace tapeline::log
