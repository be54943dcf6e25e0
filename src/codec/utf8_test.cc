#include "codec/utf8.h"

#include <gtest/gtest.h>

namespace tapeline::codec {
namespace {

TEST(Utf8, KnowsWhatIsWellFormed) {
  for (const char* good : {"", "a", "eight or more", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xf4\x8f\xbf\xbf", "behind eight \xe2\x82\xac"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\x80", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xff", "a\xe2\x82", "behind eight \xe2\x82"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

TEST(Utf8, WritesEachLength) {
  std::string text;
  for (const uint32_t code_point : {0x41u, 0xe4u, 0x20acu, 0x1f600u, 0x10ffffu})
    append_utf8(text, code_point);
  EXPECT_EQ(text, "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
}

}  // namespace
}  // namespace tapeline::codec
