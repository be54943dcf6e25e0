#include "ingest/finnhub/events.h"

#include "base/diag.h"

namespace tapeline::ingest::finnhub {
namespace {

metrics::Counter errors(metrics::Registry& registry, const char* kind) {
  return registry.counter("tapeline_feed_error_frames_total", "Error frames of the feed",
                          {{"kind", kind}});
}

metrics::Gauge symbols(metrics::Registry& registry, const char* state) {
  return registry.gauge("tapeline_feed_symbols", "Wanted symbols by state", {{"state", state}});
}

}  // namespace

Events::Events(metrics::Registry& registry)
    : connects_(registry.counter("tapeline_feed_connects_total", "Connections made")),
      disconnects_(registry.counter("tapeline_feed_disconnects_total",
                                    "Connections lost, and attempts that failed")),
      watchdog_(registry.counter("tapeline_feed_watchdog_total",
                                 "Connections given up for want of any frame")),
      trades_stopped_(registry.counter("tapeline_feed_trades_stopped_total",
                                       "Connections given up for want of any trade")),
      freezes_(registry.counter("tapeline_feed_freezes_total",
                                "Times the program stood still, as when suspended")),
      clock_steps_(registry.counter("tapeline_feed_clock_steps_total", "Steps of the wall clock")),
      errors_too_many_(errors(registry, "too_many_symbols")),
      errors_invalid_(errors(registry, "invalid_symbol")),
      errors_other_(errors(registry, "other")),
      pauses_(registry.counter("tapeline_feed_pauses_total",
                               "Times reading paused because the log could not keep up")),
      connected_(registry.gauge("tapeline_feed_connected", "1 while connected")),
      last_frame_age_(registry.gauge("tapeline_feed_last_frame_age_seconds",
                                     "Time since the last frame of the present connection")),
      subscribed_(symbols(registry, "subscribed")),
      refused_(symbols(registry, "refused")),
      stale_(symbols(registry, "stale")) {}

void Events::connecting(std::string_view host) {
  diag::info("feed_connecting", "connecting to {}", host);
}

void Events::connected(std::string_view source, int64_t epoch, std::string_view label) {
  connects_.add();
  diag::info("feed_connected", "connected to {} as epoch {}{}{}", source, epoch,
             label.empty() ? "" : "; the server calls its feed ", label);
}

void Events::disconnected(std::string_view cause, std::string_view sentence) {
  disconnects_.add();
  diag::warning("feed_disconnected", "{} ({})", sentence, cause);
}

void Events::watchdog_fired(std::chrono::milliseconds silence) {
  watchdog_.add();
  diag::warning("feed_watchdog", "no frame for {} ms; connecting anew", silence.count());
}

void Events::trades_stopped(std::chrono::milliseconds silence) {
  trades_stopped_.add();
  diag::warning("feed_trades_stopped",
                "no trade of any symbol for {} ms although their markets are open; connecting anew",
                silence.count());
}

void Events::froze(std::chrono::milliseconds length) {
  freezes_.add();
  diag::warning("feed_froze", "the program stood still for {} ms; connecting anew", length.count());
}

void Events::clock_stepped(std::chrono::milliseconds by) {
  clock_steps_.add();
  diag::warning("clock_stepped", "the wall clock was set by {} ms", by.count());
}

void Events::cap_learned(size_t cap, std::string_view symbol) {
  errors_too_many_.add();
  diag::warning("feed_cap_learned",
                "the feed allows {} symbols; '{}' has to wait. Remove another symbol or use a plan "
                "with more",
                cap, symbol);
}

void Events::symbol_refused(std::string_view symbol, std::string_view words,
                            std::chrono::milliseconds retry) {
  errors_invalid_.add();
  diag::warning("feed_symbol_refused", "'{}': the feed says '{}'; asking again in {} min", symbol,
                words, std::chrono::duration_cast<std::chrono::minutes>(retry).count());
}

void Events::oversized(size_t bytes_max) {
  diag::warning("feed_oversized_frame",
                "a message of more than {} bytes was put aside; raise feed.message_bytes_max if "
                "such ones are meant",
                bytes_max);
}

void Events::error_frame(std::string_view words) {
  errors_other_.add();
  diag::warning("feed_error_frame", "the feed says '{}'", words);
}

void Events::symbol_stale(std::string_view symbol, std::chrono::milliseconds bound) {
  diag::warning("feed_symbol_stale", "'{}': no trade for {} s although its market is open", symbol,
                bound.count() / 1'000);
}

void Events::symbol_fresh(std::string_view symbol) {
  diag::info("feed_symbol_fresh", "'{}' trades again, or its market closed", symbol);
}

void Events::reading_paused(std::string_view why) {
  pauses_.add();
  diag::warning("feed_paused", "reading from the feed pauses: {}", why);
}

void Events::reading_resumed() {
  diag::info("feed_resumed", "reading from the feed goes on");
}

void Events::recording_ended(std::string_view source) {
  diag::info("feed_recording_ended", "the recording of {} is played to its end", source);
}

void Events::wrong_feed(std::string_view sentence) {
  diag::error("feed_wrong", "{}", sentence);
}

void Events::gauges(bool connected, double last_frame_age_seconds, size_t subscribed,
                    size_t refused, size_t stale) {
  connected_.set(connected ? 1 : 0);
  last_frame_age_.set(last_frame_age_seconds);
  subscribed_.set(static_cast<double>(subscribed));
  refused_.set(static_cast<double>(refused));
  stale_.set(static_cast<double>(stale));
}

}  // namespace tapeline::ingest::finnhub
