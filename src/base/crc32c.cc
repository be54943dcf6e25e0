#include "base/crc32c.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "base/crc_tables.h"

namespace tapeline {
namespace {

constexpr size_t kSlices = 8;
constexpr auto kTables = make_crc_tables<kSlices>(0x82F63B78);

uint32_t fold(uint32_t crc, unsigned char byte) {
  return (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xFF];
}

uint64_t load_little(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (; bytes.size() >= kSlices; bytes.remove_prefix(kSlices)) {
    const uint64_t word = load_little(bytes.data()) ^ crc;
    crc = 0;
    for (size_t i = 0; i < kSlices; ++i) crc ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xFF];
  }
  for (const char byte : bytes) crc = fold(crc, static_cast<unsigned char>(byte));
  return ~crc;
}

}  // namespace tapeline
