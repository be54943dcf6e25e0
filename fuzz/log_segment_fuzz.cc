// Any damage to the files of a log: it opens, reads and takes records again without harm; positions
// only grow; and where checksums hold, what is read is what was written.
//
// Input: a byte that says which file is hit, then edits: three bytes of offset, an operation, a
// value. Operations: set a byte, flip a bit, cut the file there, insert bytes, remove bytes, and
// put the rest of the input there instead of the file.

#include <cstdint>
#include <map>
#include <string>

#include "../tests/support/faulty_file_system.h"
#include "../tests/support/notes.h"
#include "base/check.h"
#include "base/diag.h"
#include "log/embedded/embedded_log.h"

namespace {

using namespace tapeline;

std::string text_of(uint64_t ordinal) {
  return "note " + std::to_string(ordinal) + std::string(ordinal % 23, '.');
}

log::EmbeddedSetup setup_in(test::FaultyFileSystem& files, metrics::Registry& metrics) {
  log::Options options;
  options.durability = "none";
  options.segment_bytes_max = 4096;
  options.block_bytes = 200;
  options.tail_bytes_max = 0;
  return {.files = files,
          .clock = system_clock(),
          .metrics = metrics,
          .folder = "log",
          .name = "notes",
          .format = test::note_format(),
          .options = options,
          .generation = 0,
          .seed = 1};
}

/// One block, so that the files are the same in every run.
void append(log::Log& log, uint64_t first, uint32_t count) {
  std::string records;
  for (uint64_t number = first; number < first + count; ++number)
    records += test::encode({text_of(number), static_cast<int64_t>(number)});
  CHECK(log.append(records, count, test::times_of(static_cast<int64_t>(first))).ok());
  log.flush().value();
}

/// The files of a log of three segments, made once.
const std::map<std::string, std::string>& whole_log() {
  static const auto& contents = *new std::map<std::string, std::string>([] {
    test::FaultyFileSystem files;
    metrics::Registry metrics;
    auto log = open_embedded_log(setup_in(files, metrics));
    for (uint64_t number = 1; number < 600;) {
      const auto count = static_cast<uint32_t>(1 + number % 6);
      append(*log.value(), number, count);
      number += count;
    }
    log.value()->close().value();
    return files.contents();
  }());
  return contents;
}

class Edits {
 public:
  Edits(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  bool any() const { return at_ < size_; }
  std::string rest() {
    std::string text(reinterpret_cast<const char*>(data_) + at_, size_ - at_);
    at_ = size_;
    return text;
  }

  void apply(std::string& content) {
    const size_t wanted = size_t{byte()} << 16 | size_t{byte()} << 8 | byte();
    const size_t offset = content.empty() ? 0 : wanted % content.size();
    const uint8_t operation = byte();
    const uint8_t value = byte();
    switch (operation % 6) {
      case 0:
        if (!content.empty()) content[offset] = static_cast<char>(value);
        break;
      case 1:
        if (!content.empty())
          content[offset] = static_cast<char>(content[offset] ^ (1 << value % 8));
        break;
      case 2:
        content.resize(offset);
        break;
      case 3:
        content.insert(offset, value, static_cast<char>(operation));
        break;
      case 4:
        content.erase(offset, value);
        break;
      default:
        content = content.substr(0, offset) + rest();
    }
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

/// Reads everything; the damage may cost records but never makes positions go back.
uint64_t read_all(log::Source& source) {
  auto reader = source.read({});
  CHECK(reader.ok());
  log::Batch batch;
  uint64_t records = 0;
  Position before;
  for (int calls = 0; reader.value()->position() < source.end(); ++calls) {
    CHECK(calls < 100'000, "reading does not end");
    const Position position = reader.value()->position();
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    CHECK(reader.value()->position() >= position);
    if (!outcome.ok()) continue;
    if (outcome.value() != log::ReadOutcome::progressed) break;
    CHECK(batch.first > before && batch.count > 0);
    CHECK(test::notes_of(batch).size() == batch.count);
    before = batch.last();
    records += batch.count;
  }
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool silent = [] {
    diag::set_sink([](diag::Level, std::string_view) {});
    return true;
  }();
  (void)silent;
  test::FaultyFileSystem files;
  metrics::Registry metrics;
  Edits edits(data, size);
  auto target = whole_log().begin();
  std::advance(target, edits.byte() % whole_log().size());
  for (const auto& [path, content] : whole_log()) {
    std::string changed = content;
    while (path == target->first && edits.any()) edits.apply(changed);
    files.set_content(path, changed);
  }

  const auto setup = setup_in(files, metrics);
  const auto damaged = files.contents();
  auto source = open_embedded_source(setup);
  if (source) read_all(*source.value());
  CHECK(files.contents() == damaged, "reading changed a file");

  auto log = open_embedded_log(setup);
  CHECK(log.ok(), "{}", log.error().message());
  const uint64_t kept = read_all(*log.value());
  const Position end = log.value()->end();
  append(*log.value(), 1, 3);
  log.value()->close().value();

  auto again = open_embedded_log(setup);
  CHECK(again.ok() && again.value()->end() == end.plus(3));
  const uint64_t kept_again = read_all(*again.value());
  CHECK(kept_again == kept + 3, "{} and 3 records became {}", kept, kept_again);
  return 0;
}
