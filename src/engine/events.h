#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/position.h"
#include "engine/counters.h"

namespace tapeline::engine {

inline constexpr std::string_view kRecordsUndecodable = "engine_records_undecodable";
inline constexpr std::string_view kRecordsMissing = "engine_records_missing";
inline constexpr std::string_view kControlRefused = "engine_control_refused";

/// What can happen in the engine: each event writes the diagnostic line; the metrics follow the
/// counters once per batch. Used from the engine's thread.
class Events {
 public:
  explicit Events(metrics::Registry& registry);

  /// `count` records from `first` on are no entries of ours and are left out.
  void records_undecodable(Position first, int64_t count);
  /// The log goes on at `found`, not at `expected`.
  void records_missing(Position expected, Position found);
  void control_refused(Position position, std::string_view kind, std::string_view why);

  /// After each batch.
  void applied(const Counters& totals, size_t memory_bytes);

 private:
  struct Series {
    int64_t Counters::*total;
    metrics::Counter counter;
  };
  std::vector<Series> series_;
  Counters before_;
  metrics::Gauge memory_;
};

}  // namespace tapeline::engine
