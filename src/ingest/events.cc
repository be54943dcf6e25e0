#include "ingest/events.h"

#include "base/diag.h"

namespace tapeline::ingest::events {
namespace {

constexpr std::chrono::seconds kTellEvery{60};
constexpr size_t kExcerptBytesMax = 160;

/// The beginning of what somebody sent, fit for a line: secrets masked before it is cut, and what
/// is not printable ASCII escaped.
std::string excerpt(std::string_view bytes) {
  // Far more is masked than is shown, so that no part of a secret that was cut can be seen.
  const std::string masked = diag::redacted(bytes.substr(0, 4'096));
  std::string text;
  for (const char c : masked.substr(0, kExcerptBytesMax)) {
    if (c >= ' ' && c <= '~')
      text += c;
    else
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return masked.size() > kExcerptBytesMax ? text + " ..." : text;
}

}  // namespace

void RejectNotes::note(model::RejectReason reason, std::string_view source,
                       std::string_view bytes) {
  Note& note = notes_[static_cast<size_t>(reason)];
  if (note.told_at) {
    ++note.untold;
    waiting_ = true;
    return;
  }
  note.told_at = clock_.boot();
  diag::warning("rejected",
                "{}: put aside from {}, its bytes are among the dead letters. {} It begins: {}",
                model::to_string(reason), source, model::sentence(reason), excerpt(bytes));
}

void RejectNotes::tell() {
  if (!waiting_) return;
  const BootTime now = clock_.boot();
  waiting_ = false;
  for (size_t i = 0; i < notes_.size(); ++i) {
    Note& note = notes_[i];
    if (note.untold == 0) continue;
    if (now - *note.told_at < kTellEvery) {
      waiting_ = true;
      continue;
    }
    const auto reason = static_cast<model::RejectReason>(i);
    diag::warning("rejected", "{}: {} more put aside. {}", model::to_string(reason), note.untold,
                  model::sentence(reason));
    note = {.told_at = now, .untold = 0};
  }
}

void log_failed(std::string_view why) {
  diag::error("log_failed", "{}; intake pauses and goes on by itself when the log can be written",
              why);
}

void log_recovered() {
  diag::info("log_recovered", "the log takes records again");
}

void overloaded(size_t held_bytes_max) {
  diag::error("overloaded",
              "{} bytes wait for the log (ingest.held_bytes_max): frames are dropped inside a gap "
              "with cause overload",
              held_bytes_max);
}

StageMetrics::StageMetrics(metrics::Registry& registry)
    : accepted_{registry.counter("tapeline_ingest_trades_total",
                                 "Trades and price updates accepted.")},
      repeated_{registry.counter("tapeline_ingest_frames_repeated_total",
                                 "Trade frames that repeat an earlier one byte for byte.")},
      bytes_{registry.counter("tapeline_ingest_bytes_total", "Bytes of frames and rows received.")},
      records_{registry.counter("tapeline_ingest_records_total",
                                "Trades and controls handed to the log.")} {
  for (size_t i = 0; i < kFrameKinds; ++i)
    frames_.push_back(
        {registry.counter("tapeline_ingest_frames_total", "Frames received, by kind.",
                          {{"kind", std::string(to_string(static_cast<FrameKind>(i)))}})});
  for (size_t i = 0; i < Accounts::kReasons; ++i) {
    const std::string reason(to_string(static_cast<model::RejectReason>(i)));
    frames_rejected_.push_back(
        {registry.counter("tapeline_ingest_frames_rejected_total",
                          "Frames put aside as a whole, by reason.", {{"reason", reason}})});
    elements_rejected_.push_back({registry.counter(
        "tapeline_ingest_elements_rejected_total",
        "Elements of frames, and rows, put aside, by reason.", {{"reason", reason}})});
  }
}

void StageMetrics::Tracked::tell(int64_t total) {
  if (total == told) return;
  // Records handed over again after a failure were told before.
  if (total > told) counter.add(static_cast<double>(total - told));
  told = std::max(told, total);
}

void StageMetrics::update(const Accounts& accounts) {
  for (size_t i = 0; i < kFrameKinds; ++i) frames_[i].tell(accounts.frames_by_kind[i]);
  for (size_t i = 0; i < Accounts::kReasons; ++i) {
    frames_rejected_[i].tell(accounts.frames_rejected[i]);
    elements_rejected_[i].tell(accounts.elements_rejected[i]);
  }
  accepted_.tell(accounts.accepted);
  repeated_.tell(accounts.frames_repeated);
  bytes_.tell(accounts.bytes);
  records_.tell(accounts.records_appended);
}

}  // namespace tapeline::ingest::events
