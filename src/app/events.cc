#include "app/events.h"

#include "base/diag.h"

namespace tapeline::app::events {

void started(std::string_view feed, std::string_view data_dir) {
  diag::info("started", "feed {}, data in {}", feed, data_dir);
}

void stopped(double seconds) {
  diag::info("stopped", "everything is stored ({:.1f} s)", seconds);
}

void checkpoint_dropped(std::string_view why) {
  diag::warning("checkpoint_dropped", "{}; bars are rebuilt from the log", why);
}

void recompute_finished(uint64_t bars) {
  diag::info("recompute_finished", "an interrupted recompute is finished: {} bars changed", bars);
}

void recompute_failed(std::string_view why) {
  diag::error("recompute_failed", "an interrupted recompute cannot be finished: {}", why);
}

void log_unreadable(std::string_view why) {
  diag::error("log_unreadable", "{}", why);
}

void store_unreadable(std::string_view why) {
  diag::error("store_unreadable", "{}; trying again", why);
}

void commit_failed(std::string_view why) {
  diag::error("commit_failed", "{}; bars wait in memory and are written when it works again", why);
}

void close_failed(std::string_view why) {
  diag::error("close_failed", "{}; the next start stores what is missing, from the log", why);
}

void symbol_forgotten(std::string_view symbol, std::string_view why) {
  diag::warning("symbol_forgotten", "{} of an earlier run is not subscribed again: {}", symbol,
                why);
}

void replay_failed(std::string_view why) {
  diag::error("replay_failed", "{}", why);
}

void log_cut(uint64_t records, uint64_t bytes) {
  diag::info("log_cut", "retention removed {} records ({} bytes) from the log", records, bytes);
}

void retention_failed(std::string_view why) {
  diag::error("retention_failed", "{}", why);
}

}  // namespace tapeline::app::events
