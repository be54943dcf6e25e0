#pragma once

#include <functional>
#include <mutex>

#include "engine/engine.h"
#include "net/loop.h"
#include "serve/ports.h"

namespace tapeline::app {

/// Carries what changed from the engine's thread to the loop's. When the loop is slower, changes
/// are folded together (the newest form of each bar, the newest trades), so that memory stays
/// bounded and the engine never waits.
class Publisher {
 public:
  using Deliver = std::function<void(const serve::Publication&)>;

  /// `deliver` is called on the loop's thread.
  Publisher(net::Loop& loop, Deliver deliver);

  /// From the engine's thread.
  void put(engine::Changes changes);

  /// After this nothing is delivered any more. From the loop's thread.
  void stop();

 private:
  /// Beyond this many forms waiting, all but the newest of each bar are dropped.
  static constexpr size_t kBarsWaitingMax = 20'000;

  void deliver();

  net::Loop& loop_;
  Deliver deliver_;  // Owned by the loop's thread.
  std::mutex mutex_;
  serve::Publication waiting_;  // Guarded by mutex_.
  bool posted_ = false;         // Guarded by mutex_.
};

}  // namespace tapeline::app
