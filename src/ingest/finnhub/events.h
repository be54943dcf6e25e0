#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/metrics.h"

/// What can happen on the feed's connection: each event writes its diagnostic line and its metric.
namespace tapeline::ingest::finnhub {

class Events {
 public:
  explicit Events(metrics::Registry& registry);

  void connecting(std::string_view host);
  void connected(std::string_view source, int64_t epoch, std::string_view label);
  void disconnected(std::string_view cause, std::string_view sentence);
  void watchdog_fired(std::chrono::milliseconds silence);
  void trades_stopped(std::chrono::milliseconds silence);
  void froze(std::chrono::milliseconds length);
  void clock_stepped(std::chrono::milliseconds by);
  void cap_learned(size_t cap, std::string_view symbol);
  void symbol_refused(std::string_view symbol, std::string_view words,
                      std::chrono::milliseconds retry);
  void oversized(size_t bytes_max);
  void error_frame(std::string_view words);
  void symbol_stale(std::string_view symbol, std::chrono::milliseconds bound);
  void symbol_fresh(std::string_view symbol);
  void reading_paused(std::string_view why);
  void reading_resumed();
  void recording_ended(std::string_view source);
  void wrong_feed(std::string_view sentence);

  /// Once a second.
  void gauges(bool connected, double last_frame_age_seconds, size_t subscribed, size_t refused,
              size_t stale);

 private:
  metrics::Counter connects_;
  metrics::Counter disconnects_;
  metrics::Counter watchdog_;
  metrics::Counter trades_stopped_;
  metrics::Counter freezes_;
  metrics::Counter clock_steps_;
  metrics::Counter errors_too_many_;
  metrics::Counter errors_invalid_;
  metrics::Counter errors_other_;
  metrics::Counter pauses_;
  metrics::Gauge connected_;
  metrics::Gauge last_frame_age_;
  metrics::Gauge subscribed_;
  metrics::Gauge refused_;
  metrics::Gauge stale_;
};

}  // namespace tapeline::ingest::finnhub
