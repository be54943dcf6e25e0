#include "log/embedded/segment_file.h"

#include <algorithm>
#include <cstring>

#include "base/units.h"

namespace tapeline::log::embedded {
namespace {

constexpr uint64_t kWindowBytes = 256_KiB;

}  // namespace

Result<std::string_view> SegmentFile::window(uint64_t offset, uint64_t size) {
  if (offset >= limit_) return std::string_view();
  size = std::min(size, limit_ - offset);
  const bool inside = offset >= buffer_offset_ && offset + size <= buffer_offset_ + buffer_size_;
  if (!inside) {
    const uint64_t wanted = std::min(std::max(size, kWindowBytes), limit_ - offset);
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    buffer_size_ = 0;
    auto got = file_->read_at(offset, std::as_writable_bytes(std::span(buffer_.data(), wanted)));
    if (!got) return got.error();
    buffer_offset_ = offset;
    buffer_size_ = got.value();
    size = std::min<uint64_t>(size, buffer_size_);
  }
  return std::string_view(buffer_).substr(offset - buffer_offset_, size);
}

Result<Parse> SegmentFile::read_header(Header& header) {
  auto bytes = window(0, std::min<uint64_t>(limit_, kWindowBytes));
  if (!bytes) return bytes.error();
  Parse parse = parse_header(bytes.value(), header);
  if (parse == Parse::incomplete && limit_ > bytes.value().size()) {
    bytes = window(0, kHeaderBytesMax);
    if (!bytes) return bytes.error();
    parse = parse_header(bytes.value(), header);
  }
  if (parse != Parse::whole) {
    header = Header{};
    if (limit_ >= kMarkerBytes) {
      auto last = window(limit_ - kMarkerBytes, kMarkerBytes);
      if (!last) return last.error();
      if (last.value().size() == kMarkerBytes)
        std::memcpy(header.marker.data(), last.value().data(), kMarkerBytes);
    }
  }
  marker_ = header.marker;
  return parse;
}

Result<Parse> SegmentFile::head_at(uint64_t offset, BlockHead& head) {
  auto bytes = window(offset, kBlockHeadBytesMax);
  if (!bytes) return bytes.error();
  if (const Parse parse = parse_block_head(bytes.value(), head); parse != Parse::whole)
    return parse;
  if (offset + head.bytes() > limit_) return Parse::incomplete;
  auto marker = window(offset + head.head + head.payload, kMarkerBytes);
  if (!marker) return marker.error();
  if (marker.value().size() < kMarkerBytes) return Parse::incomplete;
  if (std::memcmp(marker.value().data(), marker_.data(), kMarkerBytes) == 0) return Parse::whole;
  // A marker that is damaged alone costs nothing: the checksum tells that the block is here, and so
  // that the next one begins behind it.
  auto payload = payload_at(offset, head);
  if (!payload) return payload.error();
  head.marker_damaged = decode_payload(payload.value()).has_value();
  return head.marker_damaged ? Parse::whole : Parse::damaged;
}

Result<std::string_view> SegmentFile::stored_at(uint64_t offset, const BlockHead& head) {
  return window(offset, head.bytes());
}

Result<std::string_view> SegmentFile::payload_at(uint64_t offset, const BlockHead& head) {
  return window(offset + head.head, head.payload);
}

Result<std::optional<uint64_t>> SegmentFile::find_marker(uint64_t from) {
  const std::string_view marker(marker_.data(), kMarkerBytes);
  while (from + kMarkerBytes <= limit_) {
    auto bytes = window(from, kWindowBytes);
    if (!bytes) return bytes.error();
    if (bytes.value().size() < kMarkerBytes) break;
    if (const size_t at = bytes.value().find(marker); at != std::string_view::npos)
      return std::optional(from + at);
    from += bytes.value().size() - (kMarkerBytes - 1);
  }
  return std::optional<uint64_t>();
}

Result<bool> SegmentFile::marker_before(uint64_t offset) {
  if (offset < kMarkerBytes || offset > limit_) return false;
  auto bytes = window(offset - kMarkerBytes, kMarkerBytes);
  if (!bytes) return bytes.error();
  return bytes.value() == std::string_view(marker_.data(), kMarkerBytes);
}

Result<bool> SegmentFile::readable_at(uint64_t offset) {
  BlockHead head;
  auto parse = head_at(offset, head);
  if (!parse) return parse.error();
  if (parse.value() != Parse::whole) return false;
  auto payload = payload_at(offset, head);
  if (!payload) return payload.error();
  return decode_payload(payload.value()).has_value();
}

Result<std::optional<Found>> SegmentFile::find_block(uint64_t from,
                                                     const std::vector<Anchor>& anchors) {
  auto anchor = std::partition_point(anchors.begin(), anchors.end(),
                                     [&](const Anchor& some) { return some.offset <= from; });
  while (true) {
    // A block begins behind a marker, or where an anchor says when the marker is damaged.
    auto marker = find_marker(from);
    if (!marker) return marker.error();
    uint64_t offset = marker.value() ? *marker.value() + kMarkerBytes : limit_;
    if (anchor != anchors.end() && anchor->offset < offset)
      offset = anchor++->offset;
    else if (marker.value())
      from = *marker.value() + 1;
    else
      return std::optional<Found>();
    auto readable = readable_at(offset);
    if (!readable) return readable.error();
    if (!readable.value()) continue;
    auto ordinal = count_to_anchor(offset, anchors);
    if (!ordinal) return ordinal.error();
    return std::optional(Found{offset, ordinal.value()});
  }
}

Result<std::optional<uint64_t>> SegmentFile::count_to_anchor(uint64_t offset,
                                                             const std::vector<Anchor>& anchors) {
  uint64_t records = 0;
  for (const Anchor& anchor : anchors) {
    if (anchor.offset < offset) continue;
    BlockHead head;
    while (offset < anchor.offset) {
      auto parse = head_at(offset, head);
      if (!parse) return parse.error();
      if (parse.value() != Parse::whole) return std::optional<uint64_t>();
      offset += head.bytes();
      records += head.count;
    }
    if (offset == anchor.offset && anchor.ordinal > records)
      return std::optional(anchor.ordinal - records);
  }
  return std::optional<uint64_t>();
}

}  // namespace tapeline::log::embedded
