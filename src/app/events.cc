#include "app/events.h"

#include <fmt/format.h>

#include "base/diag.h"
#include "model/time.h"

namespace tapeline::app::events {
namespace {

std::string text_of(const model::BarKey& key) {
  return fmt::format("{} {} {}", key.symbol, model::to_text(key.interval),
                     model::time_text(key.start));
}

}  // namespace

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

void store_lost(Position begin) {
  diag::warning("store_lost",
                "the store has no bars and the log begins at record {}: bars are made from there "
                "on, older ones are gone",
                begin.ordinal());
}

void log_unreadable(std::string_view why) {
  diag::error("log_unreadable", "{}", why);
}

void bar_damaged(const model::BarKey& key) {
  diag::error("bar_damaged",
              "the stored bar {} is damaged; the next start makes it anew from the log",
              text_of(key));
}

void bar_made_anew(const model::BarKey& key) {
  diag::warning("bar_made_anew", "the stored bar {} was damaged and is made anew from the log",
                text_of(key));
}

void bar_sealed(const model::BarKey& key, std::string_view why) {
  diag::error(
      "bar_sealed",
      "the stored bar {} is damaged and cannot be made anew: it stays as it is, with the gap "
      "flag, and nothing is merged into it any more: {}",
      text_of(key), why);
}

void log_unsynced(std::string_view why) {
  diag::error("log_unsynced", "{}; bars wait in memory until the log can be synced", why);
}

void log_synced_again() {
  diag::info("log_synced_again", "the log can be synced again");
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

void symbol_unknown(std::string_view symbol) {
  diag::warning("symbol_unknown",
                "the feed knows no symbol {} (feed.symbols): it is left out; search for it to see "
                "near ones",
                symbol);
}

void symbol_left_out(std::string_view symbol, std::string_view why) {
  diag::warning("symbol_left_out", "{} (feed.symbols) is not subscribed: {}", symbol, why);
}

void replay_failed(std::string_view why) {
  diag::error("replay_failed", "{}", why);
}

void log_cut_recorded(Position before, size_t symbols) {
  diag::info("log_cut_recorded",
             "records before {}:{} are beyond retention (trades of {} symbols) and will be removed",
             before.generation(), before.ordinal(), symbols);
}

void log_cut(uint64_t records, uint64_t bytes) {
  diag::info("log_cut", "retention removed {} records ({} bytes) from the log", records, bytes);
}

void retention_failed(std::string_view why) {
  diag::error("retention_failed", "{}", why);
}

void retention_put_off(int64_t queries_waiting_max) {
  diag::warning("retention_put_off",
                "nothing is removed from the log while {} queries wait "
                "(serve.queries_waiting_max); it is tried again",
                queries_waiting_max);
}

}  // namespace tapeline::app::events
