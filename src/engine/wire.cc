#include "engine/wire.h"

#include "base/crc32c.h"

namespace tapeline::engine {
namespace {

__extension__ using UInt128 = unsigned __int128;

constexpr size_t kChecksumBytes = 4;
constexpr int32_t kScaleMax = 18;

void append_checksum(std::string& out) {
  const uint32_t crc = crc32c(out);
  for (size_t i = 0; i < kChecksumBytes; ++i) out.push_back(static_cast<char>(crc >> (8 * i)));
}

bool checksum_fits(std::string_view sealed) {
  const std::string_view body = sealed.substr(0, sealed.size() - kChecksumBytes);
  const std::string_view tail = sealed.substr(body.size());
  uint32_t crc = 0;
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    crc |= static_cast<uint32_t>(static_cast<unsigned char>(tail[i])) << (8 * i);
  }
  return crc32c(body) == crc;
}

}  // namespace

void StateWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) byte(static_cast<uint8_t>(value | 0x80));
  byte(static_cast<uint8_t>(value));
}

void StateWriter::zigzag(int64_t value) {
  varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void StateWriter::text(std::string_view value) {
  varint(value.size());
  out_.append(value);
}

void StateWriter::decimal(const model::Decimal& value) {
  zigzag(value.mantissa);
  byte(static_cast<uint8_t>(value.scale));
}

void StateWriter::sum(const model::Sum& value) {
  const auto units = value.units();
  flag(units.has_value());
  if (!units) return;
  UInt128 rest = (static_cast<UInt128>(*units) << 1) ^ static_cast<UInt128>(*units >> 127);
  for (; rest >= 0x80; rest >>= 7) byte(static_cast<uint8_t>(rest) | 0x80);
  byte(static_cast<uint8_t>(rest));
}

uint8_t StateReader::byte() {
  if (rest_.empty()) {
    fail();
    return 0;
  }
  const auto value = static_cast<uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

uint64_t StateReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t part = byte();
    value |= static_cast<uint64_t>(part & 0x7F) << shift;
    if ((part & 0x80) == 0) return ok_ ? value : 0;
  }
  fail();
  return 0;
}

int64_t StateReader::zigzag() {
  const uint64_t value = varint();
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

std::string_view StateReader::text() {
  const size_t size = count(1);
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

model::Decimal StateReader::decimal() {
  model::Decimal value;
  value.mantissa = zigzag();
  value.scale = byte();
  if (value.scale > kScaleMax) fail();
  return ok_ ? value : model::Decimal{};
}

model::Sum StateReader::sum() {
  if (!flag()) return model::Sum::from_units(std::nullopt);
  UInt128 value = 0;
  for (int shift = 0; shift < 128; shift += 7) {
    const uint8_t part = byte();
    value |= static_cast<UInt128>(part & 0x7F) << shift;
    if ((part & 0x80) != 0) continue;
    const auto units = static_cast<model::Int128>((value >> 1) ^ (~(value & 1) + 1));
    return ok_ ? model::Sum::from_units(units) : model::Sum{};
  }
  fail();
  return {};
}

size_t StateReader::count(size_t element_bytes_min) {
  const uint64_t value = varint();
  if (value > rest_.size() / element_bytes_min) {
    fail();
    return 0;
  }
  return static_cast<size_t>(value);
}

std::string seal(std::string_view magic, uint8_t version, std::string_view payload) {
  std::string out;
  out.reserve(magic.size() + 1 + payload.size() + kChecksumBytes);
  out.append(magic);
  out.push_back(static_cast<char>(version));
  out.append(payload);
  append_checksum(out);
  return out;
}

Opened unseal(std::string_view magic, uint8_t version, std::string_view sealed,
              std::string_view& payload) {
  const size_t frame = magic.size() + 1 + kChecksumBytes;
  if (!sealed.starts_with(magic)) return Opened::foreign;
  if (sealed.size() < frame || !checksum_fits(sealed)) return Opened::damaged;
  if (static_cast<uint8_t>(sealed[magic.size()]) != version) return Opened::other_version;
  payload = sealed.substr(magic.size() + 1, sealed.size() - frame);
  return Opened::fine;
}

}  // namespace tapeline::engine
