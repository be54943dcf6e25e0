#include "ingest/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutant.h"
#include "codec/csv.h"
#include "codec/finnhub.h"
#include "ingest/events.h"
#include "model/dead_letter.h"

namespace tapeline::ingest {
namespace {

using model::RejectReason;

/// A log that failed is tried again this often.
constexpr std::chrono::milliseconds kRecoverEvery{1'000};

FrameKind kind_of(codec::FrameKind kind) {
  switch (kind) {
    case codec::FrameKind::trades:
      return FrameKind::trades;
    case codec::FrameKind::ping:
      return FrameKind::ping;
    case codec::FrameKind::error:
      return FrameKind::error;
    case codec::FrameKind::news:
      return FrameKind::news;
    case codec::FrameKind::press_releases:
      return FrameKind::press_release;
    case codec::FrameKind::unknown:
      return FrameKind::unknown;
    case codec::FrameKind::rejected:
      return FrameKind::rejected;
  }
  CHECK(false);
  return FrameKind::rejected;
}

int64_t sum(const auto& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

/// Remembers trade frames of the last seconds, to tell one that repeats another.
class FrameMemory {
 public:
  FrameMemory(int64_t window_us, size_t frames_max) : window_us_(window_us), max_(frames_max) {}

  /// True if the same bytes came within the window.
  bool repeats(std::string_view bytes, int64_t now_us) {
    while (!order_.empty() &&
           (order_.front().at_us + window_us_ < now_us || order_.size() >= max_)) {
      const auto at = counts_.find(order_.front().key);
      if (--at->second == 0) counts_.erase(at);
      order_.pop_front();
    }
    // Length and a 64-bit hash: two frames of a few seconds agree by chance once in 10^17.
    const uint64_t key = std::hash<std::string_view>()(bytes) ^ (bytes.size() << 48);
    order_.push_back({now_us, key});
    return counts_[key]++ > 0;
  }

  void clear() {
    order_.clear();
    counts_.clear();
  }

 private:
  struct Seen {
    int64_t at_us;
    uint64_t key;
  };
  const int64_t window_us_;
  const size_t max_;
  std::deque<Seen> order_;
  std::unordered_map<uint64_t, uint32_t> counts_;
};

/// Hands records to the log and keeps them until it has them durably, so that a full disk loses
/// nothing that memory can hold.
class Outbox {
 public:
  Outbox(log::Log& log, const Clock& clock, const StageOptions& options)
      : log_(log), clock_(clock), options_(options) {}

  void note_times(int64_t ingest_us, int64_t event_us) {
    times_.ingest_max = std::max(times_.ingest_max, ingest_us);
    times_.event_min = std::min(times_.event_min, event_us);
    times_.event_max = std::max(times_.event_max, event_us);
  }
  void note_ingest(int64_t ingest_us) {
    times_.ingest_max = std::max(times_.ingest_max, ingest_us);
  }

  codec::EntryWriter& writer() { return writer_; }

  bool batch_full() const { return writer_.bytes() >= options_.batch_bytes; }
  size_t held_bytes() const { return writer_.bytes() + held_bytes_; }
  bool room() const { return held_bytes() < options_.held_bytes_max; }
  Intake intake() const { return intake_; }
  const std::string& failure() const { return failure_; }
  int64_t records_handed() const { return handed_; }
  int64_t records_held() const { return int64_t{writer_.count()} + held_records_; }

  Result<> flush() { return options_.may_wait ? flush_waiting() : flush_at_once(); }

 private:
  struct Piece {
    std::string records;
    uint32_t count = 0;
    log::Times times;
    Position first;  ///< Once handed over.
    bool handed = false;
  };

  Result<> flush_waiting() {
    if (final_error_) return *final_error_;
    if (writer_.empty()) return {};
    const uint32_t count = writer_.count();
    auto position = log_.append(writer_.take(), count, std::exchange(times_, {}));
    if (!position) {
      final_error_ = position.error();
      failure_ = position.error().message();
      intake_ = Intake::failed;
      held_records_ += count;
      return position.error();
    }
    handed_ += count;
    return {};
  }

  Result<> flush_at_once() {
    collect();
    forget_durable();
    const log::Log::Status status = log_.status();
    if (!status.error.empty() || intake_ == Intake::failed) {
      if (!try_recover(status.error)) return {};
    }
    for (Piece& piece : pieces_) {
      if (piece.handed) continue;
      if (log_.status().pending_bytes > options_.log_pending_bytes_max) {
        intake_ = Intake::blocked;
        return {};
      }
      auto position = log_.append(piece.records, piece.count, piece.times);
      if (!position) {
        fail(position.error().message());
        return {};
      }
      piece.first = position.value();
      piece.handed = true;
      held_records_ -= piece.count;
      handed_ += piece.count;
      held_bytes_ -= piece.records.size();
    }
    intake_ = Intake::flowing;
    failure_.clear();
    return {};
  }

  void collect() {
    if (writer_.empty()) return;
    Piece piece;
    piece.count = writer_.count();
    piece.records = writer_.take();
    piece.times = std::exchange(times_, {});
    held_bytes_ += piece.records.size();
    held_records_ += piece.count;
    pieces_.push_back(std::move(piece));
  }

  void forget_durable() {
    const Position end = log_.end();
    while (!pieces_.empty() && pieces_.front().handed &&
           (pieces_.front().first.plus(pieces_.front().count) <= end ||
            mutated(Mutant::handed_is_durable)))
      pieces_.pop_front();
  }

  void fail(const std::string& message) {
    if (intake_ != Intake::failed) events::log_failed(message);
    intake_ = Intake::failed;
    failure_ = message;
    tried_at_ = clock_.boot();
  }

  /// True when the log takes records again. What it had not made durable is handed over anew.
  bool try_recover(const std::string& error) {
    if (intake_ != Intake::failed) fail(error);
    if (clock_.boot() - tried_at_ < kRecoverEvery) return false;
    tried_at_ = clock_.boot();
    auto free = log_.recover();
    if (!free) {
      failure_ = free.error().message();
      return false;
    }
    for (Piece& piece : pieces_) {
      if (!piece.handed || piece.first.plus(piece.count) <= free.value()) continue;
      // An append is durable whole or not at all.
      piece.handed = false;
      held_records_ += piece.count;
      held_bytes_ += piece.records.size();
      handed_ -= piece.count;
    }
    events::log_recovered();
    return true;
  }

  log::Log& log_;
  const Clock& clock_;
  const StageOptions& options_;
  codec::EntryWriter writer_;
  log::Times times_;
  std::deque<Piece> pieces_;  ///< Not yet durable, in order; handed ones first.
  size_t held_bytes_ = 0;     ///< Of those not handed over.
  int64_t held_records_ = 0;
  int64_t handed_ = 0;
  Intake intake_ = Intake::flowing;
  std::string failure_;
  std::optional<Error> final_error_;  ///< With `may_wait`: what it took is lost.
  BootTime tried_at_{0};
};

}  // namespace

model::EventTime latest_event(const StageOptions& options, model::IngestTime ingest_time) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(ingest_time);
  return std::min(now + options.future_max, codec::kEventTimeMax);
}

std::string_view to_string(Dedupe dedupe) {
  switch (dedupe) {
    case Dedupe::off:
      return "off";
    case Dedupe::mark:
      return "mark";
    case Dedupe::collapse:
      return "collapse";
  }
  CHECK(false);
  return {};
}

std::optional<Dedupe> parse_dedupe(std::string_view text) {
  for (const Dedupe dedupe : {Dedupe::off, Dedupe::mark, Dedupe::collapse})
    if (to_string(dedupe) == text) return dedupe;
  return std::nullopt;
}

std::string_view to_string(SourceClock clock) {
  return clock == SourceClock::wall ? "wall" : "feed";
}

std::string_view to_string(FrameKind kind) {
  switch (kind) {
    case FrameKind::trades:
      return "trades";
    case FrameKind::ping:
      return "ping";
    case FrameKind::error:
      return "error";
    case FrameKind::news:
      return "news";
    case FrameKind::press_release:
      return "press_release";
    case FrameKind::unknown:
      return "unknown";
    case FrameKind::rejected:
      return "rejected";
    case FrameKind::dropped:
      return "dropped";
  }
  CHECK(false);
  return {};
}

bool Accounts::balanced() const {
  return frames == sum(frames_by_kind) &&
         frames_by_kind[static_cast<size_t>(FrameKind::rejected)] == sum(frames_rejected) &&
         elements == accepted + sum(elements_rejected) + already_logged &&
         accepted + controls == records_appended + records_held;
}

std::string Accounts::to_text() const {
  return fmt::format(
      "frames {} (by kind {}, rejected {}), elements {} = accepted {} + rejected {} + already "
      "logged {}, records {} + {} controls = appended {} + held {}",
      frames, sum(frames_by_kind), sum(frames_rejected), elements, accepted, sum(elements_rejected),
      already_logged, accepted, controls, records_appended, records_held);
}

class Stage::Impl {
 public:
  Impl(log::Log& log, DeadLetterSink& dead_letters, const Clock& clock, metrics::Registry& registry,
       const StageOptions& options)
      : dead_letters_(dead_letters),
        clock_(clock),
        options_(options),
        metrics_(registry),
        rejects_(clock),
        outbox_(log, clock, options_),
        memory_(std::chrono::microseconds(options.dedupe_window).count(),
                options.dedupe_frames_max) {}

  void open_epoch(const Epoch& epoch) {
    CHECK(!open_, "epoch {} of {} is still open", epoch_.epoch, epoch_.source);
    epoch_ = epoch;
    open_ = true;
    frame_ = 0;
    if (!mutated(Mutant::sequence_goes_on)) sequence_ = 0;
    newest_event_.reset();
    newest_sent_.reset();
    opened_at_ = clock_.wall();
    caught_up_ = opened_at_;
    arrived_ = false;
    heard_.reset();
    heard_trades_.reset();
    least_lag_us_.reset();
    if (!mutated(Mutant::repeats_over_connections)) memory_.clear();
    model::Control control;
    control.kind = model::ControlKind::epoch_opened;
    control.detail = to_string(epoch.clock);
    add(std::move(control));
  }

  void close_epoch(std::string_view detail) {
    if (!open_) return;
    if (dropped_since_) end_drop();
    model::Control control;
    control.kind = model::ControlKind::epoch_closed;
    control.detail = detail;
    add(std::move(control));
    open_ = false;
  }

  FrameOutcome frame(std::string_view bytes, model::IngestTime ingest_time) {
    CHECK(open_, "a frame outside an epoch");
    ++frame_;
    accounts_.bytes += static_cast<int64_t>(bytes.size());
    FrameOutcome outcome;
    if (!outbox_.room() && !options_.may_wait) {
      drop(ingest_time);
      outcome.kind = FrameKind::dropped;
      return count(outcome);
    }
    if (const auto before = put_aside_before()) {
      // Read by today's rules it might have elements, which would take numbers of others.
      if (*before == RejectReason::unknown_type)
        outcome.kind = FrameKind::unknown;
      else
        reject_frame(*before, bytes, ingest_time, outcome);
      return count(outcome);
    }
    const codec::Frame parsed = parser_.parse(bytes, latest(ingest_time));
    outcome.kind = kind_of(parsed.kind);
    if (parsed.kind == codec::FrameKind::rejected)
      reject_frame(parsed.reason, bytes, ingest_time, outcome);
    else if (parsed.kind == codec::FrameKind::unknown)
      put_aside(RejectReason::unknown_type, 0, bytes, ingest_time);
    else if (parsed.kind == codec::FrameKind::error)
      outcome.error_text = parsed.text;
    else if (parsed.kind == codec::FrameKind::trades)
      take_elements(parsed, bytes, ingest_time, outcome);
    arrived(ingest_time);
    if (!outcome.trades.empty()) heard_trades_ = heard_;
    return count(outcome);
  }

  void oversized_frame(std::string_view beginning, model::IngestTime ingest_time) {
    CHECK(open_, "a frame outside an epoch");
    ++frame_;
    accounts_.bytes += static_cast<int64_t>(beginning.size());
    arrived(ingest_time);
    FrameOutcome outcome;
    reject_frame(RejectReason::oversized_frame, beginning, ingest_time, outcome);
    count(outcome);
  }

  void row(std::string_view line, model::IngestTime ingest_time) {
    CHECK(open_, "a row outside an epoch");
    ++frame_;
    accounts_.bytes += static_cast<int64_t>(line.size());
    codec::Element row = csv_.parse(line, latest(ingest_time));
    const bool taken = take_element(row.trade, row.reject, line, ingest_time, 0);
    arrived(ingest_time);
    if (taken) heard_trades_ = heard_;
  }

  Result<> replayed(const codec::TradeView& trade) {
    ++accounts_.elements;
    ++accounts_.accepted;
    write(trade);
    return outbox_.batch_full() ? flush() : Result<>();
  }

  void know_removed(model::RemovedTrades removed) {
    removed_ = std::move(removed);
    removed_till_ = {};
    for (const auto& [symbol, ranges] : removed_)
      removed_till_ = std::max(removed_till_, ranges.all().back().to);
  }

  void retention_cut(const model::RetentionCut& cut) {
    for (const auto& [symbol, ranges] : cut.removed) {
      for (const auto& range : ranges.all()) removed_[symbol].add(range);
      removed_till_ = std::max(removed_till_, ranges.all().back().to);
    }
    for (model::Control& control : model::to_controls(cut)) add(std::move(control));
  }

  /// Nearly every trade is newer than all that was ever removed.
  bool beyond_retention(std::string_view symbol, model::EventTime time) const {
    if (removed_.empty() || time > removed_till_) return false;
    const auto of = removed_.find(symbol);
    return of != removed_.end() && of->second.contains(time);
  }

  void add(model::Control control) {
    control.ingest_time = clock_.wall();
    if (control.source.empty()) {
      control.source = epoch_.source;
      control.epoch = epoch_.epoch;
    }
    outbox_.note_ingest(control.ingest_time.time_since_epoch().count());
    outbox_.writer().add(control);
    ++accounts_.controls;
    flush_if_full();
  }

  void tick(std::string_view source, std::chrono::milliseconds unread) {
    if (mutated(Mutant::tick_skipped) &&
        std::chrono::floor<std::chrono::seconds>(clock_.boot()).count() % 10 == 0)
      return;
    model::Control control;
    control.kind = model::ControlKind::tick;
    control.source = source;
    const bool ours = open_ && source == epoch_.source;
    control.epoch = ours ? epoch_.epoch : 0;
    if (ours && epoch_.clock == SourceClock::feed) {
      if (!newest_event_) return;
      control.to = model::IngestTime(newest_event_->time_since_epoch());
    } else {
      control.to = clock_.wall();
    }
    if (ours) {
      control.from = heard_;
      if (epoch_.clock == SourceClock::wall && least_lag_us_)
        control.lag_ms = *least_lag_us_ / 1'000;
      if (unread.count() > control.lag_ms.value_or(0)) control.lag_ms = unread.count();
      least_lag_us_.reset();
    }
    add(std::move(control));
  }

  void caught_up(model::IngestTime time) {
    if (!std::exchange(arrived_, false)) return;
    const bool lags =
        least_lag_us_ && std::chrono::microseconds(*least_lag_us_) > options_.latency_bound;
    if (!lags) caught_up_ = std::max(caught_up_, time);
  }

  void clock_set_back(std::chrono::microseconds by) {
    const auto moved = [by](model::IngestTime time) {
      return std::max(time - by, model::IngestTime());
    };
    opened_at_ = moved(opened_at_);
    caught_up_ = moved(caught_up_);
    for (std::optional<model::IngestTime>* time :
         {&newest_sent_, &heard_, &heard_trades_, &dropped_since_})
      if (*time) *time = moved(**time);
  }

  Result<> flush() {
    if (dropped_since_ && outbox_.intake() == Intake::flowing && outbox_.room()) end_drop();
    auto outcome = outbox_.flush();
    accounts_.records_appended = outbox_.records_handed();
    accounts_.records_held = outbox_.records_held();
    metrics_.update(accounts_);
    rejects_.tell();
    return outcome;
  }

  Intake intake() const {
    return outbox_.intake() == Intake::flowing && !outbox_.room() ? Intake::blocked
                                                                  : outbox_.intake();
  }

  Accounts& accounts() {
    accounts_.records_appended = outbox_.records_handed();
    accounts_.records_held = outbox_.records_held();
    return accounts_;
  }

  Outbox& outbox() { return outbox_; }
  bool open() const { return open_; }
  const Epoch& epoch() const { return epoch_; }
  std::optional<model::EventTime> newest_event() const { return newest_event_; }
  std::optional<model::IngestTime> heard() const { return heard_; }
  std::optional<model::IngestTime> heard_trades() const { return heard_trades_; }

 private:
  model::EventTime latest(model::IngestTime ingest_time) const {
    return latest_event(options_, ingest_time);
  }

  /// A frame or row that was not dropped. When its own trades are too old, something on the way
  /// held it back: then it may have been sent before all was read that had come by some time.
  void arrived(model::IngestTime ingest_time) {
    model::IngestTime sent = ingest_time;
    if (epoch_.clock == SourceClock::wall) {
      if (frame_lag_us_ && std::chrono::microseconds(*frame_lag_us_) > options_.latency_bound)
        caught_up_ = std::min(caught_up_, heard_.value_or(opened_at_));
      frame_lag_us_.reset();
      sent = caught_up_;
      if (newest_sent_) sent = std::max(sent, *newest_sent_);
      sent = std::min(sent, ingest_time);
    }
    heard_ = std::max(heard_.value_or(opened_at_), sent);
    arrived_ = true;
  }

  FrameOutcome count(FrameOutcome& outcome) {
    ++accounts_.frames;
    ++accounts_.frames_by_kind[static_cast<size_t>(outcome.kind)];
    return std::move(outcome);
  }

  /// After each record: a batch has no more than one beyond the limit, however large the frame.
  void flush_if_full() {
    // Errors show as intake(); with `may_wait` the next flush meets them again.
    if (outbox_.batch_full()) (void)flush().ok();
  }

  void take_elements(const codec::Frame& parsed, std::string_view bytes,
                     model::IngestTime ingest_time, FrameOutcome& outcome) {
    if (options_.dedupe != Dedupe::off && !parsed.elements.empty()) {
      outcome.repeated = memory_.repeats(bytes, time_of(parsed, ingest_time));
      accounts_.frames_repeated += outcome.repeated;
    }
    const bool collapse = outcome.repeated && options_.dedupe == Dedupe::collapse;
    if (collapse) {
      const auto count = static_cast<int64_t>(parsed.elements.size());
      put_aside(RejectReason::duplicate_frame, 0, bytes, ingest_time,
                model::detail_of_elements(sequence_ + 1, sequence_ + count));
    }
    const bool marked = outcome.repeated && !mutated(Mutant::repeat_unmarked);
    const int32_t flags = marked ? model::kRepeated : 0;
    trades_.clear();
    for (const codec::Element& element : parsed.elements) {
      if (collapse) {
        ++sequence_;
        ++accounts_.elements;
        ++accounts_.elements_rejected[static_cast<size_t>(RejectReason::duplicate_frame)];
        continue;
      }
      codec::TradeView trade = element.trade;
      if (take_element(trade, element.reject, element.raw, ingest_time, flags))
        trades_.push_back(trade);
    }
    outcome.trades = trades_;
  }

  /// When a frame came, in the source's own time: so a recording gives the same marks at any speed.
  int64_t time_of(const codec::Frame& frame, model::IngestTime ingest_time) const {
    if (epoch_.clock == SourceClock::wall) return ingest_time.time_since_epoch().count();
    model::EventTime newest = newest_event_.value_or(model::EventTime());
    for (const codec::Element& element : frame.elements)
      if (!element.reject) newest = std::max(newest, element.trade.event_time);
    return newest.time_since_epoch().count() * 1'000;
  }

  /// Numbers, counts and writes one element. True if it is a trade new to the log.
  bool take_element(codec::TradeView& trade, const std::optional<RejectReason>& reject,
                    std::string_view raw, model::IngestTime ingest_time, int32_t flags) {
    ++sequence_;
    ++accounts_.elements;
    if (!reject) note_event(trade.event_time, ingest_time);
    const bool logged = sequence_ <= epoch_.resume_after && !(reject && refused_before(*reject));
    if (logged || is_aside(sequence_)) {
      ++accounts_.already_logged;
      return false;
    }
    if (!reject && beyond_retention(trade.symbol, trade.event_time))
      return refuse(RejectReason::beyond_retention, raw, ingest_time);
    if (reject) return refuse(*reject, raw, ingest_time);
    ++accounts_.accepted;
    trade.ingest_time = ingest_time;
    trade.source = epoch_.source;
    trade.epoch = epoch_.epoch;
    trade.sequence = sequence_;
    trade.frame = frame_;
    trade.flags |= flags;
    write(trade);
    flush_if_full();
    return true;
  }

  bool refuse(RejectReason reason, std::string_view raw, model::IngestTime ingest_time) {
    if (!mutated(Mutant::reject_uncounted))
      ++accounts_.elements_rejected[static_cast<size_t>(reason)];
    put_aside(reason, sequence_, raw, ingest_time);
    return false;
  }

  /// Of what is refused now and was met before the recording was resumed: whether it was refused
  /// then, too, so that the log does not hold it.
  bool refused_before(RejectReason reason) const {
    const bool same_settings = !epoch_.aside || epoch_.aside->same_settings;
    if (reason == RejectReason::time_in_future) return same_settings;
    // By our clock, frames repeat within another time when they are read again.
    if (reason == RejectReason::duplicate_frame)
      return same_settings && epoch_.clock == SourceClock::feed;
    return true;
  }

  bool is_aside(int64_t sequence) const {
    return epoch_.aside && epoch_.aside->elements.contains(epoch_.epoch, sequence);
  }

  /// Why the present frame was put aside as a whole, if it was before the recording was resumed.
  std::optional<RejectReason> put_aside_before() const {
    if (!epoch_.aside) return std::nullopt;
    const auto at = epoch_.aside->frames.find(frame_);
    if (at == epoch_.aside->frames.end()) return std::nullopt;
    return at->second;
  }

  void write(const codec::TradeView& trade) {
    outbox_.note_times(trade.ingest_time.time_since_epoch().count(),
                       trade.event_time.time_since_epoch().count() * 1'000);
    outbox_.writer().add(trade);
  }

  void note_event(model::EventTime event_time, model::IngestTime ingest_time) {
    if (!newest_event_ || event_time > *newest_event_) newest_event_ = event_time;
    const auto sent = std::min(model::IngestTime(event_time), ingest_time);
    if (!newest_sent_ || sent > *newest_sent_) newest_sent_ = sent;
    const int64_t lag_us = (ingest_time - event_time).count();
    if (!least_lag_us_ || lag_us < *least_lag_us_) least_lag_us_ = lag_us;
    if (!frame_lag_us_ || lag_us < *frame_lag_us_) frame_lag_us_ = lag_us;
  }

  void reject_frame(RejectReason reason, std::string_view bytes, model::IngestTime ingest_time,
                    FrameOutcome& outcome) {
    outcome.kind = FrameKind::rejected;
    outcome.reason = reason;
    ++accounts_.frames_rejected[static_cast<size_t>(reason)];
    put_aside(reason, 0, bytes, ingest_time);
  }

  void put_aside(RejectReason reason, int64_t sequence, std::string_view bytes,
                 model::IngestTime ingest_time, std::string_view detail = {}) {
    // A resumed recording has put these aside before, or logged them.
    if (put_aside_before()) return;
    if (sequence_ < epoch_.resume_after && !refused_before(reason)) return;
    if (reason == RejectReason::duplicate_frame && is_aside(sequence_ + 1)) return;
    rejects_.note(reason, epoch_.source, bytes);
    if (mutated(Mutant::letter_lost) && sequence != 0) return;
    dead_letters_.put({.reason = reason,
                       .source = epoch_.source,
                       .epoch = epoch_.epoch,
                       .frame = frame_,
                       .sequence = sequence,
                       .ingest_time = ingest_time,
                       .detail = detail,
                       .bytes = bytes});
  }

  void drop(model::IngestTime ingest_time) {
    if (!dropped_since_) {
      dropped_since_ = std::min(heard_.value_or(opened_at_), ingest_time) - options_.latency_bound;
      events::overloaded(options_.held_bytes_max);
    }
    dropped_until_ = ingest_time;
  }

  void end_drop() {
    model::Control control;
    control.kind = model::ControlKind::gap;
    control.from = *dropped_since_;
    control.to = dropped_until_ + std::chrono::microseconds(1);
    control.detail = to_string(model::GapCause::overload);
    dropped_since_.reset();
    add(std::move(control));
  }

  DeadLetterSink& dead_letters_;
  const Clock& clock_;
  const StageOptions options_;
  events::StageMetrics metrics_;
  events::RejectNotes rejects_;
  Outbox outbox_;
  FrameMemory memory_;
  codec::FinnhubParser parser_;
  codec::CsvRowParser csv_;
  Accounts accounts_;
  std::vector<codec::TradeView> trades_;
  model::RemovedTrades removed_;
  model::EventTime removed_till_;  ///< The greatest time of `removed_`.

  // Of the present epoch.
  Epoch epoch_;
  bool open_ = false;
  int64_t frame_ = 0;
  int64_t sequence_ = 0;
  std::optional<model::EventTime> newest_event_;
  std::optional<model::IngestTime> newest_sent_;  ///< Some trade was sent at that time or later.
  model::IngestTime opened_at_;
  model::IngestTime caught_up_;             ///< See `caught_up`; at least the opening.
  bool arrived_ = false;                    ///< A frame or row, since `caught_up` was said.
  std::optional<model::IngestTime> heard_;  ///< See `heard`.
  std::optional<model::IngestTime> heard_trades_;
  std::optional<int64_t> least_lag_us_;  ///< Since the last tick.
  std::optional<int64_t> frame_lag_us_;  ///< Of the frame that is being taken.
  std::optional<model::IngestTime> dropped_since_;
  model::IngestTime dropped_until_;
};

Stage::Stage(log::Log& log, DeadLetterSink& dead_letters, const Clock& clock,
             metrics::Registry& registry, const StageOptions& options)
    : impl_(std::make_unique<Impl>(log, dead_letters, clock, registry, options)) {}

Stage::~Stage() = default;

void Stage::open_epoch(const Epoch& epoch) {
  impl_->open_epoch(epoch);
}
void Stage::close_epoch(std::string_view detail) {
  impl_->close_epoch(detail);
}
bool Stage::epoch_open() const {
  return impl_->open();
}
const Stage::Epoch& Stage::epoch() const {
  return impl_->epoch();
}

FrameOutcome Stage::frame(std::string_view bytes, model::IngestTime ingest_time) {
  return impl_->frame(bytes, ingest_time);
}

void Stage::oversized_frame(std::string_view beginning, model::IngestTime ingest_time) {
  impl_->oversized_frame(beginning, ingest_time);
}

void Stage::row(std::string_view line, model::IngestTime ingest_time) {
  impl_->row(line, ingest_time);
}

void Stage::know_removed(model::RemovedTrades removed) {
  impl_->know_removed(std::move(removed));
}
void Stage::retention_cut(const model::RetentionCut& cut) {
  impl_->retention_cut(cut);
}
bool Stage::beyond_retention(std::string_view symbol, model::EventTime time) const {
  return impl_->beyond_retention(symbol, time);
}

Result<> Stage::replayed(const codec::TradeView& trade) {
  return impl_->replayed(trade);
}

void Stage::control(model::Control control) {
  impl_->add(std::move(control));
}

void Stage::gap(std::string_view source, model::IngestTime from, model::IngestTime to,
                model::GapCause cause, std::optional<std::string> symbol) {
  model::Control control;
  control.kind = model::ControlKind::gap;
  control.source = source;
  control.symbol = std::move(symbol);
  // The log's times begin in 1970; a machine without a clock of its own starts there.
  control.from = std::max(from, model::IngestTime());
  control.to = to;
  control.detail = to_string(cause);
  impl_->add(std::move(control));
}

void Stage::tick(std::string_view source, std::chrono::milliseconds unread) {
  impl_->tick(source, unread);
}
void Stage::caught_up(model::IngestTime time) {
  impl_->caught_up(time);
}
void Stage::clock_set_back(std::chrono::microseconds by) {
  impl_->clock_set_back(by);
}
Result<> Stage::flush() {
  return impl_->flush();
}
Intake Stage::intake() const {
  return impl_->intake();
}
const std::string& Stage::failure() const {
  return impl_->outbox().failure();
}
const Accounts& Stage::accounts() const {
  return impl_->accounts();
}
std::optional<model::EventTime> Stage::newest_event() const {
  return impl_->newest_event();
}
std::optional<model::IngestTime> Stage::heard() const {
  return impl_->heard();
}
std::optional<model::IngestTime> Stage::heard_trades() const {
  return impl_->heard_trades();
}

}  // namespace tapeline::ingest
