#include "engine/wire.h"

#include <gtest/gtest.h>

#include <limits>

namespace tapeline::engine {
namespace {

constexpr int64_t kIntegers[] = {0, 1, -1, 63, 64, -64, -65, 1'000, INT64_MAX, INT64_MIN};

TEST(Wire, GivesBackWhatWasWritten) {
  StateWriter out;
  for (const int64_t value : kIntegers) out.zigzag(value), out.varint(static_cast<uint64_t>(value));
  out.text("");
  out.text(std::string_view("a\0b", 3));
  out.decimal({-12'345, 4});
  model::Sum sum;
  sum.add_product({INT64_MAX, 10}, {99, 0});
  out.sum(sum);
  out.sum(model::Sum::from_units(std::nullopt));
  StateReader in(out.bytes());
  for (const int64_t value : kIntegers) {
    EXPECT_EQ(in.zigzag(), value);
    EXPECT_EQ(in.varint(), static_cast<uint64_t>(value));
  }
  EXPECT_EQ(in.text(), "");
  EXPECT_EQ(in.text(), std::string_view("a\0b", 3));
  EXPECT_EQ(in.decimal(), (model::Decimal{-12'345, 4}));
  EXPECT_EQ(in.sum(), sum);
  EXPECT_EQ(in.sum().units(), std::nullopt);
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(Wire, FailsForGoodAtTheFirstThingThatDoesNotFit) {
  StateReader short_text(
      "\x05"
      "abc");
  EXPECT_EQ(short_text.text(), "");
  EXPECT_FALSE(short_text.ok());
  EXPECT_EQ(short_text.varint(), 0u);
  StateReader endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
  endless.varint();
  EXPECT_FALSE(endless.ok());
  StateReader many("\x7f");
  EXPECT_EQ(many.count(1), 0u);
  EXPECT_FALSE(many.ok());
}

TEST(Wire, ASealTellsDamageFromForeign) {
  const std::string sealed = seal("TLX", 3, "payload");
  std::string_view payload;
  EXPECT_EQ(unseal("TLX", 3, sealed, payload), Opened::fine);
  EXPECT_EQ(payload, "payload");
  EXPECT_EQ(unseal("TLX", 4, sealed, payload), Opened::other_version);
  EXPECT_EQ(unseal("TLY", 3, sealed, payload), Opened::foreign);
  EXPECT_EQ(unseal("TLX", 3, "TLX", payload), Opened::damaged);
  for (size_t i = 3; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_EQ(unseal("TLX", 3, damaged, payload), Opened::damaged) << i;
  }
}

}  // namespace
}  // namespace tapeline::engine
