#include "base/crc32.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace tapeline {
namespace {

TEST(Crc32, AgreesWithPublishedVectors) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414FA339U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A55ADU);
  EXPECT_EQ(crc32(std::string(32, '\xFF')), 0xFF6CAB0BU);
}

/// The definition, a bit at a time.
uint32_t plain_crc32(std::string_view bytes, uint32_t seed) {
  uint32_t crc = ~seed;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

TEST(Crc32, AgreesWithTheDefinitionAtEveryLength) {
  Random random(1);
  std::string bytes;
  for (int length = 0; length < 700; ++length) {
    const auto seed = static_cast<uint32_t>(random.next());
    EXPECT_EQ(crc32(bytes, seed), plain_crc32(bytes, seed)) << length;
    bytes += static_cast<char>(random.next());
  }
  for (size_t from = 0; from < 32; ++from)
    EXPECT_EQ(crc32(std::string_view(bytes).substr(from)), plain_crc32(bytes.substr(from), 0));
}

TEST(Crc32, GoesOnWhereItStopped) {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += static_cast<char>(i * 37 + 11);
  const uint32_t whole = crc32(bytes);
  for (size_t at = 0; at <= bytes.size(); ++at)
    EXPECT_EQ(crc32(bytes.substr(at), crc32(bytes.substr(0, at))), whole) << at;
}

TEST(Crc32, SeesEveryFlippedBit) {
  std::string bytes(100, 'x');
  const uint32_t right = crc32(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(crc32(bytes), right);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

}  // namespace
}  // namespace tapeline
