// Any bytes as a recording file, plain or gzip: every line is bounded, and reading ends.

#include "codec/recording_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace {

using tapeline::Error;
using tapeline::ErrorCode;
using tapeline::Result;

class MemoryFile final : public tapeline::File {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t count = std::min<size_t>(out.size(), bytes_.size() - offset);
    std::memcpy(out.data(), bytes_.data() + offset, count);
    return count;
  }
  Result<uint64_t> size() const override { return bytes_.size(); }
  Result<> append(std::span<const std::byte>) override { return refused(); }
  Result<> sync() override { return refused(); }
  Result<> write_again(uint64_t, uint64_t) override { return refused(); }
  Result<> truncate(uint64_t) override { return refused(); }

 private:
  static Error refused() { return Error(ErrorCode::failed, "read-only"); }
  std::string_view bytes_;
};

/// One file, whatever the path.
class MemoryFileSystem final : public tapeline::FileSystem {
 public:
  explicit MemoryFileSystem(std::string_view bytes) : bytes_(bytes) {}

  Result<std::unique_ptr<tapeline::File>> open_read(const std::string&) override {
    return std::unique_ptr<tapeline::File>(std::make_unique<MemoryFile>(bytes_));
  }
  Result<std::unique_ptr<tapeline::File>> open_append(const std::string&) override {
    return refused();
  }
  Result<> create_folder(const std::string&) override { return refused(); }
  Result<std::vector<std::string>> list(const std::string&) override { return refused(); }
  bool exists(const std::string&) override { return true; }
  Result<> remove(const std::string&) override { return refused(); }
  Result<> rename(const std::string&, const std::string&) override { return refused(); }
  Result<> sync_folder(const std::string&) override { return refused(); }
  Result<uint64_t> free_bytes(const std::string&) override { return refused(); }
  Result<std::unique_ptr<tapeline::FileLock>> lock(const std::string&) override {
    return refused();
  }

 private:
  static Error refused() { return Error(ErrorCode::failed, "read-only"); }
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using tapeline::codec::RecordingFile;
  MemoryFileSystem files({reinterpret_cast<const char*>(data), size});
  auto opened = RecordingFile::open(files, "recording");
  if (opened.ok()) {
    RecordingFile& recording = *opened.value();
    RecordingFile::Line line;
    for (auto more = recording.next(line); more.ok() && more.value(); more = recording.next(line)) {
      CHECK(!line.text.empty());
      CHECK(line.text.size() <= RecordingFile::kLineBytesMax);
      CHECK(line.text.find('\n') == std::string_view::npos);
      CHECK(recording.bytes_read() <= recording.bytes_total());
    }
  }
  const auto digest = tapeline::codec::recording_digest(files, "recording");
  CHECK(!digest.ok() || digest.value().size() == 32);
  return 0;
}
