#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "ingest/dead_letter.h"
#include "log/log.h"

namespace tapeline::app {

/// Dead letters in a log of their own. Letters stay in memory until the log has them, so that one
/// that fails (its disk is full, say) loses only what is beyond kHeldBytesMax; it is tried again
/// with the next letter, at most once in kRecoverEvery. One owner thread, which never waits for
/// room. Log, clock and registry outlive the object.
class LoggedDeadLetters final : public ingest::DeadLetterSink {
 public:
  /// Encoded letters beyond this are counted only.
  static constexpr int64_t kHeldBytesMax = 4 << 20;
  static constexpr std::chrono::milliseconds kRecoverEvery{1'000};

  LoggedDeadLetters(log::Log& log, const Clock& clock, metrics::Registry& metrics);

  void put(const ingest::DeadLetter& letter) override;

  /// Before the log is closed: offers once more what it did not take.
  void settle();

  int64_t dropped() const { return dropped_count_; }

 private:
  struct Held {
    std::string bytes;
    log::Times times;
    Position position;  ///< Once handed over.
    bool handed = false;
  };

  void forget_durable();
  void hand_over(bool at_once);
  /// True when the log takes letters again. Those that it had not made durable are handed over
  /// anew.
  bool recover(bool at_once);
  void drop();

  log::Log& log_;
  const Clock& clock_;
  metrics::Counter dropped_;
  int64_t dropped_count_ = 0;
  std::deque<Held> held_;  ///< In order; those handed over come first.
  size_t held_bytes_ = 0;
  BootTime tried_at_ = BootTime::min();
};

}  // namespace tapeline::app
