#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "ingest/stage.h"

/// What can happen at ingest; each writes its line, and the totals become metrics.
namespace tapeline::ingest::events {

/// The log refuses records; intake pauses.
void log_failed(std::string_view why);
void log_recovered();
/// More than `held_bytes_max` wait for the log: frames are dropped from here on.
void overloaded(size_t held_bytes_max);

/// Tells what is put aside: of each reason the first at once, with the beginning of its bytes, and
/// then how many more there were, once a minute at most. A feed that sends nothing but nonsense
/// costs a few lines a minute.
class RejectNotes {
 public:
  explicit RejectNotes(const Clock& clock) : clock_(clock) {}
  void note(model::RejectReason reason, std::string_view source, std::string_view bytes);
  /// Writes what is due; cheap when nothing is.
  void tell();

 private:
  struct Note {
    std::optional<BootTime> told_at;
    int64_t untold = 0;
  };
  const Clock& clock_;
  std::array<Note, Accounts::kReasons> notes_;
  bool waiting_ = false;
};

/// Turns the stage's totals into counters, once a flush.
class StageMetrics {
 public:
  explicit StageMetrics(metrics::Registry& registry);
  void update(const Accounts& accounts);

 private:
  struct Tracked {
    metrics::Counter counter;
    int64_t told = 0;
    void tell(int64_t total);
  };
  std::vector<Tracked> frames_;             // By FrameKind.
  std::vector<Tracked> frames_rejected_;    // By RejectReason.
  std::vector<Tracked> elements_rejected_;  // By RejectReason.
  Tracked accepted_;
  Tracked repeated_;
  Tracked bytes_;
  Tracked records_;
};

}  // namespace tapeline::ingest::events
