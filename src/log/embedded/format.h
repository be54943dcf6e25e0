#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/position.h"

/// The bytes of a segment file: an Avro object container with the snappy codec. README.md has the
/// grammar. Pure functions; hostile bytes give an outcome, never harm.
namespace tapeline::log::embedded {

inline constexpr int kFormatVersion = 1;
inline constexpr size_t kMarkerBytes = 16;
inline constexpr size_t kIdentityBytes = 32;
/// Of a segment's head; a longer one is damage.
inline constexpr size_t kHeaderBytesMax = 1 << 20;
/// Of a block's bytes as stored, and uncompressed; a longer one is damage.
inline constexpr uint64_t kPayloadBytesMax = uint64_t{5} << 30;
/// Two variable-length numbers of 64 bits.
inline constexpr size_t kBlockHeadBytesMax = 20;

using Marker = std::array<char, kMarkerBytes>;

enum class Parse {
  whole,
  incomplete,  ///< The bytes end too early; nothing so far is wrong.
  damaged,
};

/// What stands at the beginning of a segment.
struct Header {
  std::string schema;
  Position first;      ///< Of the segment's first record.
  Marker marker{};     ///< Ends the header and each block.
  uint64_t bytes = 0;  ///< Set by parse_header: where the first block begins.
  std::string log;     ///< The log's identity; a segment may be without.
};

std::string encode_header(const Header& header);
Parse parse_header(std::string_view bytes, Header& header);

/// The numbers in front of a block.
struct BlockHead {
  uint64_t count = 0;           ///< Records.
  uint64_t payload = 0;         ///< Stored bytes between head and marker, the checksum included.
  uint64_t head = 0;            ///< Bytes of these numbers themselves.
  bool marker_damaged = false;  ///< Set by who looks for it.

  uint64_t bytes() const { return head + payload + kMarkerBytes; }
};

/// Looks at the first bytes of a block only.
Parse parse_block_head(std::string_view bytes, BlockHead& head);

/// The records inside a payload, or nothing when it is not what was written.
std::optional<std::string> decode_payload(std::string_view payload);

/// Makes blocks. Keeps its buffer; one owner thread.
class BlockEncoder {
 public:
  /// A whole block with `records`, valid until the next call.
  std::string_view encode(std::string_view records, uint32_t count, const Marker& marker);

 private:
  std::string buffer_;
};

/// "<generation, 5 digits>-<first ordinal, 15 digits>.avro"
std::string segment_name(Position first);
std::optional<Position> parse_segment_name(std::string_view name);

}  // namespace tapeline::log::embedded
