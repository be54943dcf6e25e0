#include "app/damage.h"

#include <algorithm>
#include <utility>

#include "codec/entry.h"

namespace tapeline::app {
namespace {

/// The first and last moment of each source in a batch.
std::vector<DamageWatch::Hole> spans(const log::Batch& batch) {
  std::vector<DamageWatch::Hole> found;
  const auto note = [&](std::string_view source, model::IngestTime time) {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const auto& span) { return span.source == source; });
    if (at == found.end()) {
      found.push_back({std::string(source), time, time});
    } else {
      at->from = std::min(at->from, time);
      at->to = std::max(at->to, time);
    }
  };
  codec::EntryReader reader(*batch.bytes);
  codec::EntryView entry;
  while (reader.next(entry) == codec::EntryReader::Outcome::progressed) {
    // A tick tells its source's time. So do trades, but of recordings it is that of the venue.
    if (entry.kind == codec::EntryKind::trade) {
      const bool recording = entry.trade.source.starts_with("recording:");
      note(entry.trade.source,
           recording ? model::IngestTime(entry.trade.event_time) : entry.trade.ingest_time);
    } else if (entry.kind == codec::EntryKind::control &&
               entry.control.kind == model::ControlKind::tick && entry.control.to) {
      note(entry.control.source, *entry.control.to);
    }
  }
  return found;
}

}  // namespace

void DamageWatch::read(const log::Batch& batch) {
  if (open_) {
    for (const Hole& after : spans(batch)) {
      const auto at = std::find_if(before_.begin(), before_.end(), [&](const Hole& before) {
        return before.source == after.source;
      });
      if (at == before_.end()) {
        before_.push_back({after.source, after.from, after.from});
      } else {
        // Disorder may put the first record behind the hole before the last one ahead of it.
        at->from = std::min(at->from, after.from);
        at->to = std::max(at->to, after.from);
      }
    }
    close();
  }
  last_ = batch;
}

void DamageWatch::damaged() {
  if (open_) return;
  open_ = true;
  if (!last_) return;
  for (const Hole& span : spans(*last_)) before_.push_back({span.source, span.to, span.to});
}

std::vector<DamageWatch::Hole> DamageWatch::take() {
  if (open_) close();
  return std::exchange(holes_, {});
}

void DamageWatch::close() {
  open_ = false;
  holes_.insert(holes_.end(), before_.begin(), before_.end());
  before_.clear();
}

}  // namespace tapeline::app
