#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "log/embedded/format.h"
#include "log/embedded/time_index.h"

/// Writing the active segment.
namespace tapeline::log::embedded {

/// One owner thread. After an error only `repair` may be called.
class SegmentWriter {
 public:
  /// `durable` false: never asks anything of the device.
  SegmentWriter(FileSystem& files, std::string folder, std::string schema, std::string log,
                bool durable, uint64_t seed)
      : files_(files),
        folder_(std::move(folder)),
        schema_(std::move(schema)),
        log_(std::move(log)),
        durable_(durable),
        random_(seed) {}

  /// Makes a new segment whose first record is `first`; it is on the device when this returns.
  /// The one before stays the active one if this fails.
  Result<> start(Position first);

  /// Goes on behind byte `bytes` of an existing segment and cuts what follows there; the rest is on
  /// the device when this returns. The first `synced_bytes` of it were so before. Its index file is
  /// removed: the caller makes it anew.
  Result<> resume(const std::string& path, const Header& header, uint64_t bytes,
                  uint64_t synced_bytes);

  /// Writes one block in one piece.
  Result<> append(std::string_view records, uint32_t count);

  /// What was appended is on the device.
  Result<> sync();

  /// Adds spans to the index file. What fails is made anew when it is missed.
  Result<> append_index(const std::vector<Span>& spans);
  /// Makes the index file of the active segment, with `spans`.
  Result<> make_index(const std::vector<Span>& spans);

  /// After an error: the segment ends behind byte `bytes`, all of which were appended before. When
  /// a sync failed, the operating system may have dropped what it could not write and would not
  /// say so again: the segment is then copied, block by block with its checksums, into a new file
  /// that takes its place; readers of the old one read the same bytes.
  Result<> repair(uint64_t bytes);

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<> copy(uint64_t bytes);
  /// Of blocks that are no longer there, or are replaced by others, it would tell lies.
  Result<> remove_index_of(const std::string& segment_path);

  FileSystem& files_;
  const std::string folder_;
  const std::string schema_;
  const std::string log_;  // Its identity.
  const bool durable_;
  Random random_;
  std::unique_ptr<File> file_;
  std::string path_;
  std::unique_ptr<File> index_;
  Header header_;
  uint64_t bytes_ = 0;
  bool sync_failed_ = false;
  std::string orphan_;  // A segment that could neither be made nor removed; empty if there is none.
  BlockEncoder encoder_;
};

}  // namespace tapeline::log::embedded
