#include "app/log_formats.h"

#include <algorithm>

#include "codec/dead_letter.h"
#include "codec/entry.h"

namespace tapeline::app {
namespace {

int64_t us(model::IngestTime time) {
  return time.time_since_epoch().count();
}

std::optional<size_t> skip_entries(std::string_view records, uint32_t count) {
  codec::EntryReader reader(records);
  codec::EntryView entry;
  for (uint32_t i = 0; i < count; ++i)
    if (reader.next(entry) != codec::EntryReader::Outcome::progressed) return std::nullopt;
  return reader.offset();
}

log::Times entry_times(std::string_view records, uint32_t count) {
  log::Times times;
  codec::EntryReader reader(records);
  codec::EntryView entry;
  for (uint32_t i = 0; i < count; ++i) {
    if (reader.next(entry) != codec::EntryReader::Outcome::progressed) break;
    if (entry.kind == codec::EntryKind::trade) {
      const int64_t event = entry.trade.event_time.time_since_epoch().count() * 1'000;
      times.merge({us(entry.trade.ingest_time), event, event});
    } else if (entry.kind == codec::EntryKind::control) {
      times.ingest_max = std::max(times.ingest_max, us(entry.control.ingest_time));
    }
  }
  return times;
}

std::optional<size_t> skip_dead_letters(std::string_view records, uint32_t count) {
  std::string_view rest = records;
  for (uint32_t i = 0; i < count; ++i)
    if (!codec::take_dead_letter(rest)) return std::nullopt;
  return records.size() - rest.size();
}

log::Times dead_letter_times(std::string_view records, uint32_t count) {
  log::Times times;
  for (uint32_t i = 0; i < count; ++i) {
    const auto letter = codec::take_dead_letter(records);
    if (!letter) break;
    times.ingest_max = std::max(times.ingest_max, us(letter->ingest_time));
  }
  return times;
}

}  // namespace

log::RecordFormat entry_format() {
  return {
      .schema = std::string(codec::entry_schema()), .skip = skip_entries, .inspect = entry_times};
}

log::RecordFormat dead_letter_format() {
  return {.schema = std::string(codec::dead_letter_schema()),
          .skip = skip_dead_letters,
          .inspect = dead_letter_times};
}

}  // namespace tapeline::app
