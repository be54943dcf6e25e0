#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "log/embedded/segment_file.h"
#include "log/log.h"

/// The sparse index beside a segment: what lies where, and of which times.
namespace tapeline::log::embedded {

/// Consecutive blocks of one segment.
struct Span {
  uint64_t offset = 0;  ///< Of its first block.
  uint64_t end_offset = 0;
  uint64_t ordinal = 0;  ///< Of its first record.
  uint64_t end_ordinal = 0;
  Times times;
};

/// Stored bytes after which a span ends.
inline constexpr uint64_t kSpanBytes = 1 << 20;

/// "….avro" -> "….index"
std::string index_path(std::string_view segment_path);

/// What stands at the beginning of an index file; its spans follow, each with a checksum.
std::string encode_index_head();
std::string encode_span(const Span& span);

/// The spans of an index file, up to the first that is damaged or does not lie behind the one
/// before. Between two there is a hole where the segment is damaged.
/// `first_ordinal` is the segment's, `bytes_max` its size.
std::vector<Span> parse_index(std::string_view bytes, uint64_t first_ordinal, uint64_t bytes_max);

std::vector<Anchor> anchors_of(const std::vector<Span>& spans);

/// Grows by blocks. A plain value; guarded by whoever shares it.
class TimeIndex {
 public:
  /// Adds a block behind the last one. Returns whether a span is complete by it.
  bool add(uint64_t offset, uint64_t bytes, uint64_t ordinal, uint64_t count, const Times& times);
  /// Takes over spans that are complete.
  void set(std::vector<Span> spans) { spans_ = std::move(spans); }
  /// Ends the span under way. False if there is none.
  bool finish();

  /// Complete ones, and the one under way.
  std::vector<Span> all() const;
  const std::vector<Span>& complete() const { return spans_; }
  Times times() const;
  bool empty() const { return spans_.empty() && !open_; }

 private:
  std::vector<Span> spans_;
  Span current_;
  bool open_ = false;
};

}  // namespace tapeline::log::embedded
