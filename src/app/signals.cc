#include "app/signals.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include "app/commands/commands.h"
#include "base/clock.h"

namespace tapeline::app {
namespace {

/// Signals closer together are one wish: `timeout` and some shells send each twice.
constexpr std::chrono::seconds kImpatientAfter{1};

}  // namespace

struct SignalWatcher::Impl {
  sigset_t signals{};
  std::function<void()> interrupted;
  std::atomic<bool> ending{false};
  std::thread thread;

  void watch() {
    std::optional<BootTime> first;
    for (;;) {
      int signal = 0;
      sigwait(&signals, &signal);
      if (ending) return;
      const BootTime now = system_clock().boot();
      // Ending at once is always safe: what was acknowledged is in the log.
      if (first && now - *first >= kImpatientAfter) std::_Exit(kInterrupted);
      if (!first) first = now;
      interrupted();
    }
  }
};

SignalWatcher::SignalWatcher(std::function<void()> interrupted) : impl_(std::make_unique<Impl>()) {
  impl_->interrupted = std::move(interrupted);
  sigemptyset(&impl_->signals);
  sigaddset(&impl_->signals, SIGINT);
  sigaddset(&impl_->signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &impl_->signals, nullptr);
  // A reader that went away is an error of its write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  impl_->thread = std::thread([&impl = *impl_] { impl.watch(); });
}

SignalWatcher::~SignalWatcher() {
  impl_->ending = true;
  // Blocked in every thread, it wakes sigwait and ends nothing.
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
  pthread_kill(impl_->thread.native_handle(), SIGTERM);
  impl_->thread.join();
}

}  // namespace tapeline::app
