#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tapeline {

/// The tables of a reflected CRC-32 of the given polynomial, for slicing by `slices`: tables[k][b]
/// is the effect of byte b followed by k zero bytes, so that as many bytes cost independent
/// look-ups instead of a chain of them.
template <size_t slices>
constexpr std::array<std::array<uint32_t, 256>, slices> make_crc_tables(uint32_t polynomial) {
  std::array<std::array<uint32_t, 256>, slices> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t slice = 1; slice < slices; ++slice)
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  return tables;
}

}  // namespace tapeline
