#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/entry.h"
#include "log/log.h"

namespace tapeline::test {

/// Entries as records of a log, for tests of modules that the application's own is above. Their
/// times are not told.
inline log::RecordFormat entry_format() {
  log::RecordFormat format;
  format.skip = [](std::string_view records, uint32_t count) -> std::optional<size_t> {
    codec::EntryReader reader(records);
    codec::EntryView entry;
    for (uint32_t i = 0; i < count; ++i)
      if (reader.next(entry) != codec::EntryReader::Outcome::progressed) return std::nullopt;
    return reader.offset();
  };
  format.inspect = [](std::string_view, uint32_t) { return log::Times{}; };
  return format;
}

}  // namespace tapeline::test
