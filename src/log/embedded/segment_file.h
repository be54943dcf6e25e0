#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "log/embedded/format.h"

namespace tapeline::log::embedded {

/// A place in a segment whose record is known: from the time index, or the segment's end.
struct Anchor {
  uint64_t offset = 0;
  uint64_t ordinal = 0;
};

/// A block found behind damage. `ordinal` is known when an anchor lies behind it with no further
/// damage between.
struct Found {
  uint64_t offset = 0;
  std::optional<uint64_t> ordinal;
};

/// Reads blocks of one segment through a window on the file. Bytes at and beyond `limit` do not
/// exist for it, so that it can read beside the writer. One owner thread.
class SegmentFile {
 public:
  SegmentFile(std::unique_ptr<File> file, uint64_t limit) : file_(std::move(file)), limit_(limit) {}

  bool is_open() const { return file_ != nullptr; }
  /// Goes on with another file that holds the same bytes.
  void replace(std::unique_ptr<File> file) { file_ = std::move(file); }

  uint64_t limit() const { return limit_; }
  void set_limit(uint64_t limit) { limit_ = limit; }

  /// Reads the header. When it is damaged, `header.marker` is taken from the last bytes of the
  /// file and `header.bytes` is 0: blocks can then be looked for.
  Result<Parse> read_header(Header& header);

  const Marker& marker() const { return marker_; }

  /// Head of the block at `offset`; `whole` when the marker stands at its end, or its records are
  /// right without. `incomplete` when the block reaches beyond the limit.
  Result<Parse> head_at(uint64_t offset, BlockHead& head);

  /// A whole block as stored, and its payload alone; its head is known. Valid until the next call.
  Result<std::string_view> stored_at(uint64_t offset, const BlockHead& head);
  Result<std::string_view> payload_at(uint64_t offset, const BlockHead& head);

  /// Whether a block ends, or the header does, at `offset`, judged by the marker alone.
  Result<bool> marker_before(uint64_t offset);

  /// The first readable block behind `from`, judged by its checksum. Anchors are by offset.
  Result<std::optional<Found>> find_block(uint64_t from, const std::vector<Anchor>& anchors);

 private:
  /// Bytes [offset, offset + size), fewer at the limit; valid until the next call.
  Result<std::string_view> window(uint64_t offset, uint64_t size);
  Result<bool> readable_at(uint64_t offset);
  Result<std::optional<uint64_t>> find_marker(uint64_t from);
  Result<std::optional<uint64_t>> count_to_anchor(uint64_t offset,
                                                  const std::vector<Anchor>& anchors);

  std::unique_ptr<File> file_;
  uint64_t limit_;
  Marker marker_{};
  std::string buffer_;
  uint64_t buffer_offset_ = 0;
  uint64_t buffer_size_ = 0;
};

}  // namespace tapeline::log::embedded
