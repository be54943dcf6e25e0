#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "ingest/stage.h"

/// What can happen at ingest; each writes its line, and the totals become metrics.
namespace tapeline::ingest::events {

/// The log refuses records; intake pauses.
void log_failed(std::string_view why);
void log_recovered();
/// More than `held_bytes_max` wait for the log: frames are dropped from here on.
void overloaded(size_t held_bytes_max);

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
