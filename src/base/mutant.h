#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

/// Bugs put in on purpose: the simulation (tests/simulation) has to find each of them, or it is not
/// yet good enough. They exist in the build `mutants` only (TAPELINE_MUTANTS); elsewhere `mutated`
/// is the constant false, so that the compiler leaves nothing of them, not even their names.
namespace tapeline {

/// All of them, in the order of a trade's way: the name, and what is wrong with the product then.
/// Each stands in one place of src/.
// One to a line; the formatter would fold them into each other.
// clang-format off
#define TAPELINE_EACH_MUTANT(mutant)                                                            \
  mutant(retry_forgotten, "after the watchdog fired the feed is not dialled again")             \
  mutant(watchdog_deaf, "a silent connection is kept for ever")                                 \
  mutant(resubscription_forgotten, "a new connection asks for all symbols but one")             \
  mutant(subscription_unlogged, "a resubscription is asked for and not written")                \
  mutant(pause_for_ever, "reading that was paused is not resumed")                              \
  mutant(gap_from_now, "a gap begins when the loss was noticed, not at the last frame")         \
  mutant(gap_left_open, "a gap is not written to its end when the feed is back")                \
  mutant(crash_without_gap, "a start after a crash writes no gap")                              \
  mutant(tick_skipped, "every tenth tick is not written")                                       \
  mutant(sequence_goes_on, "a new epoch goes on with the sequence of the one before")           \
  mutant(reject_uncounted, "a rejected element has no counter")                                 \
  mutant(letter_lost, "a rejected element is counted and its bytes are not kept")               \
  mutant(repeat_unmarked, "a frame that the feed repeats is not marked")                        \
  mutant(repeats_over_connections, "a frame is marked for one of an earlier connection")        \
  mutant(handed_is_durable, "records are forgotten once the log was given them")                \
  mutant(sync_dropped, "one sync of four does nothing")                                         \
  mutant(shown_before_sync, "records are shown when written, before they are synced")           \
  mutant(folder_unsynced, "the name of a new segment is not synced")                            \
  mutant(start_unsynced, "what a killed process wrote is taken as durable")                     \
  mutant(taken_as_rewritten, "a start only syncs what a sync that failed may have lost")        \
  mutant(torn_tail_kept, "a torn tail is not cut before new records follow")                    \
  mutant(whole_block_cut, "a start cuts the last whole block together with a torn one")         \
  mutant(torn_write_kept, "after a failed write its torn bytes stay in the file")               \
  mutant(seek_passes_block, "a reader that begins at a block's last record passes the block")   \
  mutant(tail_passes_record, "a reader passes a block of one record that is still in memory")   \
  mutant(snapshot_ahead, "a start takes a snapshot that the store has not reached")             \
  mutant(resumed_late, "a start goes on two records behind the checkpoint")                     \
  mutant(commit_skipped, "one commit of seven is taken as written and is not")                  \
  mutant(failed_commit_forgotten, "a commit that the store refused is taken as written")        \
  mutant(checkpoint_before_bars, "the checkpoint is committed before the bars that it covers")  \
  mutant(changed_in_flight, "a bar that changes while it is written is taken as written")       \
  mutant(through_not_advanced, "a stored bar keeps the position that it was first written at")  \
  mutant(revision_not_stored, "an update of a stored bar leaves its revision as it was")        \
  mutant(stored_bar_forgotten, "the newest stored bar of a symbol is not looked up")            \
  mutant(through_ignored, "records that a bar holds already are merged again")                  \
  mutant(epochs_forgotten, "a checkpoint is restored without the epochs that there were")       \
  mutant(silent_epoch_forgotten, "an epoch that brought no trade is given again after a start") \
  mutant(equal_trades_dropped, "a trade of the time and price of the one before is dropped")    \
  mutant(window_edge, "a trade at the very end of a window counts for that window")             \
  mutant(closing_edge, "a trade leaves a window open whose end the watermark just reaches")     \
  mutant(watermark_ahead, "ticks close windows without waiting for disorder")                   \
  mutant(late_dropped, "a trade for a final bar is dropped")                                    \
  mutant(revision_of_batches, "late records that come together are one revision")               \
  mutant(final_not_stored, "a bar that becomes final is not written once more")                 \
  mutant(open_by_arrival, "the first trade that arrives opens the bar")                         \
  mutant(notional_of_last, "the notional of the newest trade of a bar is forgotten")            \
  mutant(eligible_not_merged, "conditions take nothing from a bar whose first trades have none") \
  mutant(eligible_not_stored, "a bar that conditions take something from has no row of eligible") \
  mutant(candidate_stays, "an earlier trade leaves a conditional print the first of its day")   \
  mutant(candidate_not_kept, "a stored bar forgets that a conditional print counts in it")      \
  mutant(coverage_not_ended, "coverage goes on when the connection has ended")                  \
  mutant(gap_spares_final, "a gap does not reach bars that are final already")                  \
  mutant(shown_beyond_log, "what is shown claims a position that the log does not have yet")
// clang-format on

#define TAPELINE_MUTANT_NAME(name, sentence) name,
enum class Mutant { TAPELINE_EACH_MUTANT(TAPELINE_MUTANT_NAME) };
#undef TAPELINE_MUTANT_NAME

struct MutantText {
  std::string_view name;
  std::string_view sentence;
};

#ifdef TAPELINE_MUTANTS

inline constexpr bool kHasMutants = true;
/// Whether this bug is the one put in.
bool mutated(Mutant mutant);
/// All of them, in order.
std::span<const MutantText> mutants();
/// Puts one in, for as long as the process lives. Before anything else runs. Refuses an unknown
/// name with the list of those there are.
Result<> put_in_mutant(std::string_view name);

#else

inline constexpr bool kHasMutants = false;
consteval bool mutated(Mutant) {
  return false;
}
inline std::span<const MutantText> mutants() {
  return {};
}
inline Result<> put_in_mutant(std::string_view name) {
  return make_error(ErrorCode::invalid,
                    "cannot put in the mutant {}: this build has none; make the preset 'mutants'",
                    name);
}

#endif

}  // namespace tapeline
