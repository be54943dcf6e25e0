#pragma once

#include <functional>
#include <memory>

namespace tapeline::app {

/// Calls `interrupted` on a thread of its own at each SIGINT or SIGTERM while it lives. Make it
/// before other threads start, so that they inherit the blocked signals. One at a time. A signal a
/// second or more after the first ends the process at once, with kInterrupted.
class SignalWatcher {
 public:
  explicit SignalWatcher(std::function<void()> interrupted);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tapeline::app
