#include "app/logged_dead_letters.h"

#include "codec/dead_letter.h"

namespace tapeline::app {

LoggedDeadLetters::LoggedDeadLetters(log::Log& log, const Clock& clock, metrics::Registry& metrics)
    : log_(log),
      clock_(clock),
      dropped_(metrics.counter("tapeline_ingest_dead_letters_dropped_total",
                               "Dead letters that could not be kept.")) {}

void LoggedDeadLetters::put(const ingest::DeadLetter& letter) {
  Held held;
  codec::append(held.bytes, {.reason = letter.reason,
                             .source = std::string(letter.source),
                             .epoch = letter.epoch,
                             .sequence = letter.sequence,
                             .frame = letter.frame,
                             .ingest_time = letter.ingest_time,
                             .raw = std::string(letter.bytes),
                             .detail = std::string(letter.detail)});
  held.times.ingest_max = letter.ingest_time.time_since_epoch().count();
  forget_durable();
  if (held_bytes_ + held.bytes.size() > size_t{kHeldBytesMax}) return drop();
  held_bytes_ += held.bytes.size();
  held_.push_back(std::move(held));
  hand_over(false);
}

void LoggedDeadLetters::settle() {
  (void)log_.flush().ok();  // A failure shows in the status.
  forget_durable();
  if (!held_.empty()) hand_over(true);
}

void LoggedDeadLetters::forget_durable() {
  const Position end = log_.end();
  while (!held_.empty() && held_.front().handed && held_.front().position < end) {
    held_bytes_ -= held_.front().bytes.size();
    held_.pop_front();
  }
}

void LoggedDeadLetters::hand_over(bool at_once) {
  if (!log_.status().error.empty() && !recover(at_once)) return;
  // All that is held fits what the log may have pending, so that it does not make us wait.
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->handed) {
      ++held;
      continue;
    }
    const auto position = log_.append(held->bytes, 1, held->times);
    if (position) {
      held->position = position.value();
      held->handed = true;
      ++held;
    } else if (log_.status().error.empty()) {
      // Larger than a segment may be, or the log is closed: it is of no use to hold it.
      held_bytes_ -= held->bytes.size();
      held = held_.erase(held);
      drop();
    } else {
      return;
    }
  }
}

bool LoggedDeadLetters::recover(bool at_once) {
  if (!at_once && tried_at_ != BootTime::min() && clock_.boot() - tried_at_ < kRecoverEvery)
    return false;
  tried_at_ = clock_.boot();
  const auto free = log_.recover();
  if (!free) return false;
  for (Held& held : held_) held.handed = held.handed && held.position < free.value();
  return true;
}

void LoggedDeadLetters::drop() {
  ++dropped_count_;
  dropped_.add();
}

}  // namespace tapeline::app
