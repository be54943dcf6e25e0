#include "log/embedded/format.h"

#include <fmt/format.h>
#include <snappy.h>

#include <charconv>
#include <cstring>
#include <map>
#include <vector>

#include "base/crc32.h"

namespace tapeline::log::embedded {
namespace {

constexpr std::string_view kMagic("Obj\x01", 4);
constexpr size_t kChecksumBytes = 4;
constexpr size_t kOrdinalDigits = 15;
constexpr size_t kGenerationDigits = 5;

/// Avro's long: zig-zag, then seven bits a byte, least first. Returns the bytes used.
size_t put_long(char* out, int64_t value) {
  auto rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  size_t bytes = 0;
  for (; rest >= 0x80; rest >>= 7) out[bytes++] = static_cast<char>(rest | 0x80);
  out[bytes++] = static_cast<char>(rest);
  return bytes;
}

void add_long(std::string& out, int64_t value) {
  char bytes[10];
  out.append(bytes, put_long(bytes, value));
}

void add_bytes(std::string& out, std::string_view bytes) {
  add_long(out, static_cast<int64_t>(bytes.size()));
  out += bytes;
}

/// Takes values off the front of some bytes. After an outcome other than `whole` it is spent.
class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : bytes_(bytes) {}

  Parse get_long(int64_t& value) {
    uint64_t raw = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == bytes_.size()) return Parse::incomplete;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      if (shift == 63 && byte > 1) return Parse::damaged;
      raw |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        value = static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
        return Parse::whole;
      }
    }
    return Parse::damaged;
  }

  Parse get_fixed(size_t size, std::string_view& out) {
    if (size > kHeaderBytesMax) return Parse::damaged;
    if (bytes_.size() - at_ < size) return Parse::incomplete;
    out = bytes_.substr(at_, size);
    at_ += size;
    return Parse::whole;
  }

  Parse get_bytes(std::string_view& out) {
    int64_t size = 0;
    if (const Parse parse = get_long(size); parse != Parse::whole) return parse;
    if (size < 0) return Parse::damaged;
    return get_fixed(static_cast<size_t>(size), out);
  }

  size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

using Metadata = std::map<std::string, std::string, std::less<>>;

Parse get_metadata(Scanner& scanner, Metadata& metadata) {
  while (true) {
    int64_t entries = 0;
    if (const Parse parse = scanner.get_long(entries); parse != Parse::whole) return parse;
    if (entries == 0) return Parse::whole;
    if (entries < 0 || entries > 64) return Parse::damaged;
    for (; entries > 0; --entries) {
      std::string_view key, value;
      if (const Parse parse = scanner.get_bytes(key); parse != Parse::whole) return parse;
      if (const Parse parse = scanner.get_bytes(value); parse != Parse::whole) return parse;
      metadata.emplace(key, value);
    }
  }
}

/// Of everything in the header that the format itself does not protect.
std::string header_checksum(std::string_view schema, std::string_view position,
                            std::string_view version, std::string_view log,
                            std::string_view marker) {
  uint32_t crc = crc32(schema);
  for (const std::string_view part : {position, version, log, marker}) crc = crc32(part, crc);
  return fmt::format("{:08x}", crc);
}

std::string_view as_view(const Marker& marker) {
  return {marker.data(), marker.size()};
}

void store_big_endian(char* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<char>(value >> shift);
}

uint32_t load_big_endian(const char* in) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}

}  // namespace

std::string encode_header(const Header& header) {
  const std::string position = std::to_string(header.first.raw());
  const std::string version = std::to_string(kFormatVersion);
  std::vector<std::pair<std::string_view, std::string>> metadata{
      {"avro.schema", header.schema},
      {"avro.codec", "snappy"},
      {"tapeline.format_version", version},
      {"tapeline.first_position", position},
      {"tapeline.header_crc32",
       header_checksum(header.schema, position, version, header.log, as_view(header.marker))}};
  if (!header.log.empty()) metadata.emplace_back("tapeline.log", header.log);
  std::string out(kMagic);
  add_long(out, static_cast<int64_t>(metadata.size()));
  for (const auto& [key, value] : metadata) {
    add_bytes(out, key);
    add_bytes(out, value);
  }
  add_long(out, 0);
  out += as_view(header.marker);
  return out;
}

Parse parse_header(std::string_view bytes, Header& header) {
  Scanner scanner(bytes);
  std::string_view magic, marker;
  if (const Parse parse = scanner.get_fixed(kMagic.size(), magic); parse != Parse::whole)
    return kMagic.starts_with(bytes) ? parse : Parse::damaged;
  if (magic != kMagic) return Parse::damaged;
  Metadata metadata;
  if (const Parse parse = get_metadata(scanner, metadata); parse != Parse::whole) return parse;
  if (const Parse parse = scanner.get_fixed(kMarkerBytes, marker); parse != Parse::whole)
    return parse;
  const std::string& position = metadata["tapeline.first_position"];
  const std::string& version = metadata["tapeline.format_version"];
  header.schema = metadata["avro.schema"];
  header.log = metadata["tapeline.log"];
  if (metadata["avro.codec"] != "snappy" || version != std::to_string(kFormatVersion) ||
      metadata["tapeline.header_crc32"] !=
          header_checksum(header.schema, position, version, header.log, marker))
    return Parse::damaged;
  int64_t raw = 0;
  std::from_chars(position.data(), position.data() + position.size(), raw);
  header.first = Position::from_raw(raw);
  std::memcpy(header.marker.data(), marker.data(), kMarkerBytes);
  header.bytes = scanner.at();
  return Parse::whole;
}

Parse parse_block_head(std::string_view bytes, BlockHead& head) {
  Scanner scanner(bytes);
  int64_t count = 0;
  int64_t payload = 0;
  if (const Parse parse = scanner.get_long(count); parse != Parse::whole) return parse;
  if (count <= 0 || count > UINT32_MAX) return Parse::damaged;
  if (const Parse parse = scanner.get_long(payload); parse != Parse::whole) return parse;
  if (payload <= static_cast<int64_t>(kChecksumBytes) ||
      payload > static_cast<int64_t>(kPayloadBytesMax))
    return Parse::damaged;
  head = {static_cast<uint64_t>(count), static_cast<uint64_t>(payload), scanner.at(), false};
  return Parse::whole;
}

std::optional<std::string> decode_payload(std::string_view payload) {
  if (payload.size() <= kChecksumBytes) return std::nullopt;
  const std::string_view packed = payload.substr(0, payload.size() - kChecksumBytes);
  size_t length = 0;
  // Snappy packs at most some twenty to one; more is a length that was not written by it.
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &length) ||
      length / 64 > packed.size())
    return std::nullopt;
  std::string records(length, '\0');
  if (!snappy::RawUncompress(packed.data(), packed.size(), records.data())) return std::nullopt;
  if (crc32(records) != load_big_endian(packed.data() + packed.size())) return std::nullopt;
  return records;
}

std::string_view BlockEncoder::encode(std::string_view records, uint32_t count,
                                      const Marker& marker) {
  // The head is written last, backwards from where the payload begins: its length depends on what
  // snappy made of the records.
  const size_t room = kBlockHeadBytesMax + snappy::MaxCompressedLength(records.size()) +
                      kChecksumBytes + kMarkerBytes;
  if (buffer_.size() < room) buffer_.resize(room);
  char* const payload = buffer_.data() + kBlockHeadBytesMax;
  size_t packed = 0;
  snappy::RawCompress(records.data(), records.size(), payload, &packed);
  store_big_endian(payload + packed, crc32(records));
  std::memcpy(payload + packed + kChecksumBytes, marker.data(), kMarkerBytes);

  char head[kBlockHeadBytesMax];
  size_t head_bytes = put_long(head, count);
  head_bytes += put_long(head + head_bytes, static_cast<int64_t>(packed + kChecksumBytes));
  std::memcpy(payload - head_bytes, head, head_bytes);
  return {payload - head_bytes, head_bytes + packed + kChecksumBytes + kMarkerBytes};
}

std::string segment_name(Position first) {
  return fmt::format("{:0{}}-{:0{}}.avro", first.generation(), kGenerationDigits, first.ordinal(),
                     kOrdinalDigits);
}

std::optional<Position> parse_segment_name(std::string_view name) {
  uint64_t generation = 0;
  uint64_t ordinal = 0;
  constexpr size_t kDash = kGenerationDigits;
  constexpr size_t kDot = kDash + 1 + kOrdinalDigits;
  if (name.size() != kDot + 5 || name[kDash] != '-' || name.substr(kDot) != ".avro")
    return std::nullopt;
  const char* const text = name.data();
  if (std::from_chars(text, text + kDash, generation).ptr != text + kDash ||
      std::from_chars(text + kDash + 1, text + kDot, ordinal).ptr != text + kDot ||
      generation > Position::kGenerationMax || ordinal == 0 || ordinal > Position::kOrdinalMax)
    return std::nullopt;
  return Position(generation, ordinal);
}

}  // namespace tapeline::log::embedded
