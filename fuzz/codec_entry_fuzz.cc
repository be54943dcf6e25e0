// Any bytes as records of the log: the reader ends with finished or corrupt, and what it read is
// written and read again without a change.

#include "codec/entry.h"

#include <cstdint>

#include "base/check.h"

namespace {

using tapeline::codec::EntryKind;
using tapeline::codec::EntryReader;
using tapeline::codec::EntryView;
using tapeline::codec::EntryWriter;

struct Written {
  std::string bytes;
  uint32_t count = 0;
  EntryReader::Outcome outcome;
};

Written write_again(std::string_view bytes) {
  EntryReader reader(bytes);
  EntryWriter writer;
  EntryView entry;
  size_t last_offset = 0;
  for (;;) {
    const auto outcome = reader.next(entry);
    CHECK(reader.offset() <= bytes.size());
    if (outcome != EntryReader::Outcome::progressed) {
      const uint32_t count = writer.count();
      return {writer.take(), count, outcome};
    }
    CHECK(reader.offset() > last_offset, "a record of no bytes would be read for ever");
    last_offset = reader.offset();
    if (entry.kind == EntryKind::trade) writer.add(entry.trade);
    if (entry.kind == EntryKind::control) writer.add(entry.control);
    if (entry.kind == EntryKind::snapshot) writer.add(entry.snapshot);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto first = write_again({reinterpret_cast<const char*>(data), size});
  const auto second = write_again(first.bytes);
  CHECK(second.outcome == EntryReader::Outcome::finished);
  CHECK(second.count == first.count);
  CHECK(second.bytes == first.bytes);
  return 0;
}
