#include "model/dead_letter.h"

#include <gtest/gtest.h>

namespace tapeline::model {
namespace {

DeadLetter letter(int64_t sequence, int64_t frame, std::string detail = {}) {
  DeadLetter made;
  made.epoch = 3;
  made.sequence = sequence;
  made.frame = frame;
  made.detail = std::move(detail);
  return made;
}

using Range = ReplayedSet::Range;

TEST(DeadLetter, AnElementKeepsItsNumber) {
  EXPECT_EQ(replayed_as(letter(42, 17)), (Range{3, 42, 42}));
}

TEST(DeadLetter, AFrameWithoutNumbersTakesSomeOfItsOwn) {
  EXPECT_EQ(replayed_as(letter(0, 17)), (Range{3, 4'000'000'017'000'001, 4'000'000'017'999'999}));
  EXPECT_LT(replayed_as(letter(0, 17))->last, replayed_as(letter(0, 18))->first);
  EXPECT_LT(replayed_as(letter(0, 4'999'999'999))->last, int64_t{1} << 53);
}

TEST(DeadLetter, AFrameWhoseElementsWereNumberedKeepsThem) {
  EXPECT_EQ(replayed_as(letter(0, 17, detail_of_elements(10, 12))), (Range{3, 10, 12}));
}

TEST(DeadLetter, NumbersThatNoLetterHasAreNone) {
  EXPECT_FALSE(replayed_as(letter(-1, 17)));
  EXPECT_FALSE(replayed_as(letter(0, -1)));
  EXPECT_FALSE(replayed_as(letter(0, 5'000'000'000)));
  EXPECT_FALSE(replayed_as(letter(42, -1)));
  const auto plain = replayed_as(letter(0, 17));
  for (const char* detail : {"elements 12 to 10", "elements 0 to 3", "elements 1 to 3 ",
                             "elements 1 to 9223372036854775807", "elements", "elements x to 3"})
    EXPECT_EQ(replayed_as(letter(0, 17, detail)), plain) << detail;
}

}  // namespace
}  // namespace tapeline::model
