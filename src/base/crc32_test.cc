#include "base/crc32.h"

#include <gtest/gtest.h>

#include <string>

namespace tapeline {
namespace {

TEST(Crc32, AgreesWithPublishedVectors) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414FA339U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A55ADU);
  EXPECT_EQ(crc32(std::string(32, '\xFF')), 0xFF6CAB0BU);
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
