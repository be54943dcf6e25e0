#include "simulate/events.h"

#include "base/diag.h"

namespace tapeline::simulate::events {

void listening(std::string_view url, std::string_view feed_label) {
  diag::info("simulator_listening", "serving a feed labelled {} on {}", feed_label, url);
}

void session_opened(int64_t connection, std::string_view peer) {
  diag::info("simulator_session_opened", "connection {} from {}", connection, peer);
}

void session_closed(int64_t connection, int64_t frames) {
  diag::info("simulator_session_closed", "connection {} after {} frames", connection, frames);
}

void session_refused(int status, std::string_view peer) {
  diag::info("simulator_session_refused", "{} answered with HTTP status {}", peer, status);
}

void recording_ended(uint64_t frames, uint64_t rows_skipped) {
  diag::info("simulator_recording_ended",
             "the recording is sent: {} frames; {} lines were no rows and were left out", frames,
             rows_skipped);
}

void recording_failed(const Error& error) {
  diag::error("simulator_recording_failed", "{}", error.message());
}

void ledger_failed(const Error& error) {
  diag::error("simulator_ledger_failed", "{}; the simulator stops sending", error.message());
}

void market_skipped(double seconds) {
  diag::warning("simulator_market_skipped",
                "the market stood still for {:.1f} s (machine suspended, clock set, or a reader "
                "too slow); it goes on at the present time",
                seconds);
}

}  // namespace tapeline::simulate::events
