#include "base/nearest.h"

#include <gtest/gtest.h>

namespace tapeline {
namespace {

TEST(NearestWord, IsTheOneWithTheFewestEdits) {
  const std::vector<std::string> commands = {"run", "replay", "bars", "gaps", "config"};
  EXPECT_EQ(nearest_word("runn", commands), "run");
  EXPECT_EQ(nearest_word("repaly", commands), "replay");
  EXPECT_EQ(nearest_word("gap", commands), "gaps");
  EXPECT_EQ(nearest_word("", commands), "");
  EXPECT_EQ(nearest_word("xyz", commands), "");
  EXPECT_EQ(nearest_word("something else entirely", commands), "");
}

}  // namespace
}  // namespace tapeline
