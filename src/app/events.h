#pragma once

#include <cstdint>
#include <string_view>

#include "base/position.h"
#include "model/bar.h"

/// What can happen to the program as a whole.
namespace tapeline::app::events {

void started(std::string_view feed, std::string_view data_dir);
void stopped(double seconds);
/// The checkpoint is of another version or damaged; everything is rebuilt from the log.
void checkpoint_dropped(std::string_view why);
/// A recompute that was interrupted is done; so many bars changed.
void recompute_finished(uint64_t bars);
void recompute_failed(std::string_view why);
/// The store has no bars, and the log begins at this record: older bars cannot be made any more.
void store_lost(Position begin);
void log_unreadable(std::string_view why);
void store_unreadable(std::string_view why);
/// A stored bar cannot be merged into: nothing more is applied.
void bar_damaged(const model::BarKey& key);
void bar_made_anew(const model::BarKey& key);
void bar_sealed(const model::BarKey& key, std::string_view why);
/// The log could not be synced, so that no checkpoint is written; and that it can be again.
void log_unsynced(std::string_view why);
void log_synced_again();
void commit_failed(std::string_view why);
/// The last commit, or closing the log, failed while the program ended.
void close_failed(std::string_view why);
/// A symbol of an earlier run could not be taken up again.
void symbol_forgotten(std::string_view symbol, std::string_view why);
/// A symbol of the settings that the feed does not know, or that finds no place.
void symbol_unknown(std::string_view symbol);
void symbol_left_out(std::string_view symbol, std::string_view why);
void replay_failed(std::string_view why);
/// What retention removes is in the log; then it is removed.
void log_cut_recorded(Position before, size_t symbols);
void log_cut(uint64_t records, uint64_t bytes);
void retention_failed(std::string_view why);
/// A round found no place among the queries that wait; said once until one finds it again.
void retention_put_off(int64_t queries_waiting_max);

}  // namespace tapeline::app::events
