#pragma once

#include <cstdint>
#include <string_view>

/// What can happen to the program as a whole.
namespace tapeline::app::events {

void started(std::string_view feed, std::string_view data_dir);
void stopped(double seconds);
/// The checkpoint is of another version or damaged; everything is rebuilt from the log.
void checkpoint_dropped(std::string_view why);
/// A recompute that was interrupted is done; so many bars changed.
void recompute_finished(uint64_t bars);
void recompute_failed(std::string_view why);
void log_unreadable(std::string_view why);
void store_unreadable(std::string_view why);
void commit_failed(std::string_view why);
/// The last commit, or closing the log, failed while the program ended.
void close_failed(std::string_view why);
/// A symbol of an earlier run could not be taken up again.
void symbol_forgotten(std::string_view symbol, std::string_view why);
void replay_failed(std::string_view why);
/// Retention removed old records.
void log_cut(uint64_t records, uint64_t bytes);
void retention_failed(std::string_view why);

}  // namespace tapeline::app::events
