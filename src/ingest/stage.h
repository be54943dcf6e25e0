#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "codec/entry.h"
#include "ingest/dead_letter.h"
#include "log/log.h"
#include "model/control.h"
#include "model/replayed_set.h"
#include "model/retention.h"
#include "model/trade.h"

namespace tapeline::ingest {

/// What happens to a trade frame that repeats an earlier one byte for byte on one connection.
enum class Dedupe {
  off,       ///< Nothing.
  mark,      ///< Its trades are kept and carry kRepeated.
  collapse,  ///< It goes to the dead letters as `duplicate_frame`.
};
std::string_view to_string(Dedupe dedupe);
std::optional<Dedupe> parse_dedupe(std::string_view text);

/// Whose time a source's ticks tell.
enum class SourceClock {
  wall,  ///< Ours.
  feed,  ///< That of its trades: the greatest event time so far. For recordings.
};
std::string_view to_string(SourceClock clock);

struct StageOptions {
  /// True: a full log makes `flush` wait (a thread of its own, such as replay's). False: `flush`
  /// never waits; records stay with the stage and `intake()` says that reading must pause.
  bool may_wait = false;
  Dedupe dedupe = Dedupe::mark;
  std::chrono::milliseconds dedupe_window{5'000};
  size_t dedupe_frames_max = 4'096;              ///< Frames remembered for `dedupe`.
  std::chrono::milliseconds future_max{60'000};  ///< Event time ahead of ingest time.
  /// A batch this large is flushed by itself, also within a frame: no append is larger than this
  /// and one record.
  size_t batch_bytes = 256 << 10;
  size_t held_bytes_max = 8 << 20;  ///< Records held here while the log takes none; see `intake`.
  size_t log_pending_bytes_max = 4 << 20;  ///< Unwritten bytes of the log that make it "full".
  std::chrono::milliseconds latency_bound{
      2'000};  ///< The engine's: how old a trade arrives at most.
};

/// The greatest event time of a trade received at `ingest_time` that is not in the future.
model::EventTime latest_event(const StageOptions& options, model::IngestTime ingest_time);

/// Whether the stage takes more.
enum class Intake {
  flowing,
  blocked,  ///< The log is slow: pause reading; call `flush` until it is `flowing`.
  failed,   ///< The log refuses records (disk full): pause; `flush` tries to recover it.
};

enum class FrameKind { trades, ping, error, news, press_release, unknown, rejected, dropped };
inline constexpr size_t kFrameKinds = 8;
std::string_view to_string(FrameKind kind);

/// What a frame was. Views live until the next call of the stage, or as long as the frame's bytes.
struct FrameOutcome {
  FrameKind kind = FrameKind::rejected;
  std::optional<model::RejectReason> reason;  ///< Of a frame rejected as a whole.
  std::span<const codec::TradeView> trades;   ///< Accepted ones.
  bool repeated = false;                      ///< See Dedupe.
  std::string error_text;                     ///< `msg` of an error frame.
};

/// Totals of one stage. Law 1 is `balanced()`.
struct Accounts {
  static constexpr size_t kReasons = static_cast<size_t>(model::kLastRejectReason) + 1;

  int64_t frames = 0;                                 ///< Given to `frame`.
  std::array<int64_t, kFrameKinds> frames_by_kind{};  ///< By FrameKind; they add up to `frames`.
  std::array<int64_t, kReasons> frames_rejected{};    ///< By RejectReason: whole frames.
  int64_t elements = 0;                               ///< Elements of trade frames, and rows.
  int64_t accepted = 0;
  /// Skipped: logged, being at or before `Epoch::resume_after`, or in `Epoch::aside`.
  int64_t already_logged = 0;
  std::array<int64_t, kReasons> elements_rejected{};  ///< By RejectReason.
  int64_t frames_repeated = 0;
  int64_t bytes = 0;
  int64_t records_appended = 0;  ///< Trades and controls handed to the log, each once.
  int64_t records_held = 0;      ///< Not yet handed over.
  int64_t controls = 0;

  /// Frames in = frames handled; elements = accepted + rejected + already logged; records made =
  /// handed over + held.
  bool balanced() const;
  /// A sentence with the numbers, for a failed check.
  std::string to_text() const;
};

/// What was put aside of a recording that is resumed. Numbers and frames are those of an epoch.
struct PutAside {
  /// What is beyond these limits is forgotten, and may come twice among the dead letters.
  static constexpr size_t kFramesMax = model::ReplayedSet::kRangesMax;

  model::ReplayedSet elements;                    ///< By TradeId::sequence.
  std::map<int64_t, model::RejectReason> frames;  ///< Whole ones, whose elements have no numbers.
  /// The settings that decide what is refused are those of before.
  bool same_settings = true;
};

/// The single place through which records enter the log: parses frames and rows, stamps identity,
/// counts, puts rejects aside, and batches. One owner thread (the loop's, or replay's).
///
/// A trade's sequence is the ordinal of its element within the epoch, from 1, rejected elements
/// counted; its frame is the ordinal of the frame, or the row.
class Stage {
 public:
  /// All must outlive the stage.
  Stage(log::Log& log, DeadLetterSink& dead_letters, const Clock& clock,
        metrics::Registry& registry, const StageOptions& options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  struct Epoch {
    std::string source;
    int64_t epoch = 0;  ///< 0 for recordings.
    SourceClock clock = SourceClock::wall;
    /// Elements up to this sequence were logged or refused before: they are read over, but for
    /// those that are refused and not in `aside`, whose dead letters did not last: they are put
    /// aside again. To resume a recording, give the highest sequence logged and feed it from its
    /// beginning.
    int64_t resume_after = 0;
    /// What stays with the dead letters, whatever today's settings say of it: so each element is
    /// either logged or put aside, once. Nothing: none of it was put aside.
    std::shared_ptr<const PutAside> aside{};
  };
  /// Writes `epoch_opened` and counts frames and elements from 1. One epoch is open at a time.
  void open_epoch(const Epoch& epoch);
  /// Writes `epoch_closed` with `detail`. Nothing happens when none is open.
  void close_epoch(std::string_view detail);
  bool epoch_open() const;
  const Epoch& epoch() const;

  /// One message of the feed (JSON). An epoch is open. Never fails: what is wrong has a reason.
  FrameOutcome frame(std::string_view bytes, model::IngestTime ingest_time);

  /// A frame of which only a beginning was received, being larger than the limit.
  void oversized_frame(std::string_view beginning, model::IngestTime ingest_time);

  /// One row of a CSV recording without its line end: symbol,price,volume,milliseconds,conditions.
  void row(std::string_view line, model::IngestTime ingest_time);

  /// What retention removed before this stage was made. To be given before the first frame.
  void know_removed(model::RemovedTrades removed);
  /// Writes the cut's records; from then on what is of the removed times is refused.
  void retention_cut(const model::RetentionCut& cut);
  /// Trades of the symbol at that time are removed: it is rejected as `beyond_retention`.
  bool beyond_retention(std::string_view symbol, model::EventTime time) const;

  /// A trade that was a dead letter, with its identity and mark; an epoch need not be open. Who
  /// calls knows that the log does not hold it: LetterReplayer. Errors as of `flush`.
  Result<> replayed(const codec::TradeView& trade);

  /// Any other control record; the stage stamps ingest_time, and source and epoch when empty.
  void control(model::Control control);

  /// [from, to) of `source` cannot be complete.
  void gap(std::string_view source, model::IngestTime from, model::IngestTime to,
           model::GapCause cause, std::optional<std::string> symbol = std::nullopt);

  /// The clock's record: `to` is the source's time, `from` what `heard` says, `lag_ms` the least
  /// lag of the trades since the last tick (of wall sources), and at least `unread`: for so long
  /// nobody read what the feed sent. Of `source`, epoch open or not.
  void tick(std::string_view source, std::chrono::milliseconds unread = {});

  /// Whoever reads the connection says, before a tick: what had come by `time` was read. It does
  /// not count while the trades since the last tick are older than the latency bound: then frames
  /// wait before they reach us. Nor when none came since it was said last: a line that is silent
  /// may hold them back, and a frame without trades that ends the silence does not tell for how
  /// long.
  void caught_up(model::IngestTime time);

  /// The wall clock was set back by `by` (positive): what the stage remembers of times by that
  /// clock moves along. Nothing is heard later than before; a time that was the feed's own may
  /// become too early, until its next trade.
  void clock_set_back(std::chrono::microseconds by);

  /// Hands the collected records to the log. Without `may_wait` it never waits, and errors show as
  /// `intake()`; with it, an error is final for the caller. Call once a turn.
  Result<> flush();

  /// See Intake. While not `flowing`, frames are still taken until `held_bytes_max`, then dropped:
  /// counted as FrameKind::dropped, inside a gap with cause `overload` that is written when it
  /// flows again or the epoch closes.
  Intake intake() const;
  /// What the log said; empty unless `failed`.
  const std::string& failure() const;

  const Accounts& accounts() const;

  /// The greatest event time accepted in this epoch; nothing before the first.
  std::optional<model::EventTime> newest_event() const;
  /// All that the feed sent on this connection before then is here, but for trades that were under
  /// way for the latency bound. The last frame's arrival less the time that it may have waited for
  /// a reader: its newest trade is no older than that, and it was not there when `caught_up` was
  /// said. Nothing before the first frame or row.
  std::optional<model::IngestTime> heard() const;
  /// `heard` when the last frame or row came of which a trade was taken: pings that come after it
  /// are of a feed that may have stopped sending trades. Nothing before the first.
  std::optional<model::IngestTime> heard_trades() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tapeline::ingest
