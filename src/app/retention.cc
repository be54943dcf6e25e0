#include "app/retention.h"

#include <algorithm>

#include "app/events.h"
#include "codec/entry.h"

namespace tapeline::app {
namespace {

/// Adds the event times of a batch's trades.
void note_times(const log::Batch& batch, model::RetentionCut& cut) {
  codec::EntryReader entries(*batch.bytes);
  codec::EntryView entry;
  while (entries.next(entry) == codec::EntryReader::Outcome::progressed) {
    if (entry.kind != codec::EntryKind::trade) continue;
    const model::EventTime time = entry.trade.event_time;
    auto of = cut.removed.find(entry.trade.symbol);
    if (of == cut.removed.end())
      of = cut.removed.try_emplace(std::string(entry.trade.symbol)).first;
    of->second.add({time, time}, Retention::kHoleMax);
  }
}

}  // namespace

Result<std::optional<model::RetentionCut>> Retention::step() {
  const Position recorded = recorded_();
  if (recorded > log_.begin()) {
    // A power cut must not take back the record of what it leaves removed.
    TAPELINE_TRY(log_.sync(log_.end()));
    const auto cut = log_.remove_before(recorded);
    if (!cut) return cut.error();
    if (cut.value().segments > 0) events::log_cut(cut.value().records, cut.value().bytes);
  }
  return plan(std::max({recorded, noted_, log_.begin()}));
}

void Retention::noted(const model::RetentionCut& cut) {
  noted_ = cut.before;
  events::log_cut_recorded(cut.before, cut.removed.size());
}

Result<std::optional<model::RetentionCut>> Retention::plan(Position from) {
  const auto due = log_.due_cut();
  if (!due) return due.error();
  if (due.value().begin <= from) return std::optional<model::RetentionCut>();
  auto reader = log_.read(from);
  if (!reader) return reader.error();
  model::RetentionCut cut;
  uint64_t records = 0;
  log::Batch batch;
  // A block lies in one segment, so what is read ends where a segment does, or at the limit.
  while (reader.value()->position() < due.value().begin && records < kRecordsMax) {
    const auto read = reader.value()->next(batch, std::chrono::microseconds(0));
    // What cannot be read has no times to tell.
    if (!read && read.error().code() == ErrorCode::corrupt) continue;
    if (!read) return read.error();
    if (read.value() != log::ReadOutcome::progressed) break;
    records += batch.count;
    note_times(batch, cut);
  }
  cut.before = std::min(reader.value()->position(), due.value().begin);
  return std::optional(std::move(cut));
}

}  // namespace tapeline::app
