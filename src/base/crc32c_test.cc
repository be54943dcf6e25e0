#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace tapeline {
namespace {

// Vectors of RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
TEST(Crc32c, AgreesWithPublishedVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising;
  for (char byte = 0; byte < 32; ++byte) rising.push_back(byte);
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
}

TEST(Crc32c, SeesEveryFlippedBit) {
  const std::string text = "a bar with proof";
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(crc32c(damaged), crc32c(text)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace tapeline
