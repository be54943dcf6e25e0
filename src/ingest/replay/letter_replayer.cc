#include "ingest/replay/letter_replayer.h"

namespace tapeline::ingest {
namespace {

using model::RejectReason;

}  // namespace

LetterReplayer::LetterReplayer(Stage& stage, const Clock& clock, const StageOptions& options,
                               Known known)
    : stage_(stage), clock_(clock), options_(options), ask_(std::move(known)) {}

model::ReplayedSet& LetterReplayer::known(const std::string& source) {
  const auto found = known_.find(source);
  return found != known_.end() ? found->second : known_.emplace(source, ask_(source)).first->second;
}

Result<LetterOutcome> LetterReplayer::replay(const model::DeadLetter& letter) {
  LetterOutcome outcome;
  // Of an oversized frame only a beginning was kept; a collapsed one waits for another setting.
  const bool collapsed =
      letter.reason == RejectReason::duplicate_frame && options_.dedupe == Dedupe::collapse;
  const auto place = model::replayed_as(letter);
  if (letter.reason == RejectReason::oversized_frame || collapsed || !place) {
    outcome.still.push_back(letter.reason);
    return outcome;
  }
  TAPELINE_TRY(read(letter, *place, outcome));
  return outcome;
}

Result<> LetterReplayer::read(const model::DeadLetter& letter,
                              const model::ReplayedSet::Range& place, LetterOutcome& outcome) {
  const model::EventTime latest = latest_event(options_, clock_.wall());
  const bool element = letter.sequence > 0;
  if (element) wrapped_ = R"({"data":[)" + letter.raw + R"(],"type":"trade"})";
  const codec::Frame frame = frames_.parse(element ? wrapped_ : letter.raw, latest);
  // Of a recording in CSV a row was put aside, of everything else the element's JSON.
  if (element && frame.kind != codec::FrameKind::trades && letter.source.starts_with("recording:"))
    return take(letter, place.first, rows_.parse(letter.raw, latest), outcome);
  if (frame.kind == codec::FrameKind::rejected) outcome.still.push_back(frame.reason);
  if (frame.kind == codec::FrameKind::unknown) outcome.still.push_back(RejectReason::unknown_type);
  if (frame.elements.size() > static_cast<uint64_t>(place.last - place.first) + 1) {
    // No letter of ours has more elements than numbers.
    outcome.still.push_back(RejectReason::malformed_json);
    return {};
  }
  int64_t sequence = place.first;
  for (const codec::Element& one : frame.elements)
    TAPELINE_TRY(take(letter, sequence++, one, outcome));
  return {};
}

Result<> LetterReplayer::take(const model::DeadLetter& letter, int64_t sequence,
                              const codec::Element& element, LetterOutcome& outcome) {
  if (element.reject) {
    outcome.still.push_back(*element.reject);
    return {};
  }
  model::ReplayedSet& set = known(letter.source);
  if (set.contains(letter.epoch, sequence)) {
    ++outcome.known;
    return {};
  }
  if (stage_.beyond_retention(element.trade.symbol, element.trade.event_time)) {
    outcome.still.push_back(RejectReason::beyond_retention);
    return {};
  }
  if (!set.add(letter.epoch, sequence))
    return make_error(ErrorCode::full,
                      "cannot put in more dead letters of {}: {} ranges of them are in the log, "
                      "which is the limit; those put in before stay",
                      letter.source, model::ReplayedSet::kRangesMax);
  codec::TradeView trade = element.trade;
  trade.ingest_time = clock_.wall();
  trade.source = letter.source;
  trade.epoch = letter.epoch;
  trade.sequence = sequence;
  trade.frame = letter.frame;
  trade.flags |= model::kReplayed;
  if (letter.reason == RejectReason::duplicate_frame && options_.dedupe == Dedupe::mark)
    trade.flags |= model::kRepeated;
  ++outcome.entered;
  return stage_.replayed(trade);
}

}  // namespace tapeline::ingest
