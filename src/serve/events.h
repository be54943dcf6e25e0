#pragma once

#include <string>
#include <string_view>

#include "base/diag.h"
#include "base/metrics.h"

namespace tapeline::serve {

/// What can happen in this module: each event writes its diagnostic and moves its metrics. Owned
/// by the loop's thread.
class Events {
 public:
  explicit Events(metrics::Registry& registry)
      : registry_(registry),
        sessions_(registry.gauge("tapeline_serve_sessions", "Open push streams.")),
        messages_(
            registry.counter("tapeline_serve_messages_total", "Messages handed to push streams.")),
        conflated_(registry.counter("tapeline_serve_bars_conflated_total",
                                    "Bar forms that a newer one replaced before a slow push "
                                    "stream took them.")),
        skipped_(registry.counter("tapeline_serve_trades_skipped_total",
                                  "Trades not pushed because more came than a message holds or "
                                  "the stream was behind.")),
        answer_seconds_(registry.histogram("tapeline_serve_answer_seconds",
                                           "From a request to its answer.",
                                           {0.001, 0.005, 0.02, 0.1, 0.5, 2})) {}

  void listening(std::string_view address) {
    diag::info("serve_listening", "listening on {}", address);
  }
  void session_opened(size_t open) { sessions_.set(static_cast<double>(open)); }
  void session_closed(size_t open) { sessions_.set(static_cast<double>(open)); }
  void messages_sent(size_t count) { messages_.add(static_cast<double>(count)); }
  void bars_conflated(size_t count) { conflated_.add(static_cast<double>(count)); }
  void trades_skipped(int64_t count) { skipped_.add(static_cast<double>(count)); }

  void answered(int status, double seconds) {
    answer_seconds_.observe(seconds);
    registry_
        .counter("tapeline_serve_answers_total", "Answers by status class.",
                 {{"class", std::string(1, static_cast<char>('0' + status / 100)) + "xx"}})
        .add();
  }
  void query_refused() {
    registry_
        .counter("tapeline_serve_queries_refused_total", "Queries refused because too many waited.")
        .add();
  }

 private:
  metrics::Registry& registry_;
  metrics::Gauge sessions_;
  metrics::Counter messages_;
  metrics::Counter conflated_;
  metrics::Counter skipped_;
  metrics::Histogram answer_seconds_;
};

}  // namespace tapeline::serve
