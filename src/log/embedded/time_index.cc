#include "log/embedded/time_index.h"

#include <bit>
#include <cstring>

#include "base/crc32.h"

namespace tapeline::log::embedded {
namespace {

constexpr std::string_view kHead = "tapeline index 1";
static_assert(kHead.size() == 16);

/// A span as stored, little-endian.
struct Stored {
  uint64_t offset;
  uint64_t end_offset;
  uint64_t ordinal;
  uint64_t end_ordinal;
  int64_t ingest_max;
  int64_t event_min;
  int64_t event_max;
  uint64_t checksum;  // CRC-32 of the members above.
};
static_assert(sizeof(Stored) == 64 && std::endian::native == std::endian::little);

uint64_t checksum_of(const Stored& stored) {
  return crc32({reinterpret_cast<const char*>(&stored), offsetof(Stored, checksum)});
}

}  // namespace

std::string index_path(std::string_view segment_path) {
  return std::string(segment_path.substr(0, segment_path.rfind('.'))) + ".index";
}

std::string encode_index_head() {
  return std::string(kHead);
}

std::string encode_span(const Span& span) {
  Stored stored{span.offset,           span.end_offset,      span.ordinal,         span.end_ordinal,
                span.times.ingest_max, span.times.event_min, span.times.event_max, 0};
  stored.checksum = checksum_of(stored);
  return std::string(reinterpret_cast<const char*>(&stored), sizeof stored);
}

std::vector<Span> parse_index(std::string_view bytes, uint64_t first_ordinal, uint64_t bytes_max) {
  std::vector<Span> spans;
  if (!bytes.starts_with(kHead)) return spans;
  uint64_t offset = 1;
  uint64_t ordinal = first_ordinal;
  for (bytes.remove_prefix(kHead.size()); bytes.size() >= sizeof(Stored);
       bytes.remove_prefix(sizeof(Stored))) {
    Stored stored;
    std::memcpy(&stored, bytes.data(), sizeof stored);
    if (stored.checksum != checksum_of(stored) || stored.offset < offset ||
        stored.ordinal < ordinal || stored.end_offset <= stored.offset ||
        stored.end_offset > bytes_max || stored.end_ordinal <= stored.ordinal)
      break;
    spans.push_back({stored.offset,
                     stored.end_offset,
                     stored.ordinal,
                     stored.end_ordinal,
                     {stored.ingest_max, stored.event_min, stored.event_max}});
    offset = stored.end_offset;
    ordinal = stored.end_ordinal;
  }
  return spans;
}

std::vector<Anchor> anchors_of(const std::vector<Span>& spans) {
  std::vector<Anchor> anchors;
  for (const Span& span : spans) {
    anchors.push_back({span.offset, span.ordinal});
    anchors.push_back({span.end_offset, span.end_ordinal});
  }
  return anchors;
}

bool TimeIndex::add(uint64_t offset, uint64_t bytes, uint64_t ordinal, uint64_t count,
                    const Times& times) {
  if (!open_) {
    current_ = Span{offset, offset, ordinal, ordinal, {}};
    open_ = true;
  }
  current_.end_offset = offset + bytes;
  current_.end_ordinal = ordinal + count;
  current_.times.merge(times);
  return current_.end_offset - current_.offset >= kSpanBytes && finish();
}

bool TimeIndex::finish() {
  if (!open_) return false;
  spans_.push_back(current_);
  open_ = false;
  return true;
}

std::vector<Span> TimeIndex::all() const {
  std::vector<Span> spans = spans_;
  if (open_) spans.push_back(current_);
  return spans;
}

Times TimeIndex::times() const {
  Times times;
  for (const Span& span : spans_) times.merge(span.times);
  if (open_) times.merge(current_.times);
  return times;
}

}  // namespace tapeline::log::embedded
