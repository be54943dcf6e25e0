#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace tapeline {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return make_error(ErrorCode::invalid, "cannot halve {}: it is odd", number);
  return number / 2;
}

Result<std::string> quarter_of(int number) {
  auto half = half_of(number);
  if (!half) return half.error();
  TAPELINE_TRY(half_of(half.value()));
  return std::to_string(half.value() / 2);
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(half_of(8).value(), 4);
  const auto odd = half_of(7);
  EXPECT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().code(), ErrorCode::invalid);
  EXPECT_EQ(odd.error().message(), "cannot halve 7: it is odd");
}

TEST(Result, TryHandsTheErrorOn) {
  EXPECT_EQ(quarter_of(8).value(), "2");
  EXPECT_EQ(quarter_of(6).error().message(), "cannot halve 3: it is odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  EXPECT_EQ(*std::move(result).value(), 3);
}

TEST(Result, AValueOfItsOwnErrorIsNoError) {
  // A Result<std::string> made from a string is a value, however it reads.
  EXPECT_TRUE(Result<std::string>(std::string("failed")).ok());
}

TEST(ResultDeath, ReadingTheOtherSideSaysWhatTheErrorWas) {
  EXPECT_DEATH(half_of(7).value(), "cannot halve 7: it is odd");
  EXPECT_DEATH((void)half_of(8).error(), "expected !ok\\(\\)");
  EXPECT_DEATH(Result<>(Error(ErrorCode::full, "no room")).value(), "no room");
}

TEST(CheckDeath, NamesConditionPlaceAndValues) {
  EXPECT_DEATH(CHECK(1 + 1 == 3, "sum is {}", 1 + 1),
               "result_test.cc:[0-9]+: expected 1 \\+ 1 == 3; sum is 2");
}

}  // namespace
}  // namespace tapeline
