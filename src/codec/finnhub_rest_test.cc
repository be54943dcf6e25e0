#include "codec/finnhub_rest.h"

#include <gtest/gtest.h>

namespace tapeline::codec {
namespace {

TEST(FinnhubRest, ReadsMatchesWithWhatTheyHave) {
  const auto matches = read_finnhub_matches(
      R"({"count":2,"result":[{"symbol":"AAPL","displaySymbol":"A","description":"APPLE","type":"S"},
      {"symbol":"IC MARKETS:1","type":null,"new":[1]},5]})");
  ASSERT_TRUE(matches);
  ASSERT_EQ(matches->size(), 3U);
  EXPECT_EQ((*matches)[0].symbol, "AAPL");
  EXPECT_EQ((*matches)[0].display, "A");
  EXPECT_EQ((*matches)[0].description, "APPLE");
  EXPECT_EQ((*matches)[0].type, "S");
  EXPECT_EQ((*matches)[1].symbol, "IC MARKETS:1");
  EXPECT_EQ((*matches)[1].type, "");
  EXPECT_EQ((*matches)[2].symbol, "");
}

TEST(FinnhubRest, ReadsAListOfSymbols) {
  const auto symbols =
      read_finnhub_symbols(R"([{"symbol":"B:X"},{"symbol":"B:Y","description":"y"},{},5,null])");
  ASSERT_TRUE(symbols);
  EXPECT_EQ(*symbols, (std::set<std::string, std::less<>>{"B:X", "B:Y"}));
  EXPECT_TRUE(read_finnhub_symbols("[]")->empty());
}

TEST(FinnhubRest, WhatIsNoAnswerIsNothing) {
  for (const char* text : {"", "<html>", "5", "\"x\"", "null", "[{", "{\"result\":1}", "\xff\xfe"})
    EXPECT_FALSE(read_finnhub_matches(text)) << text;
  for (const char* text : {"", "<html>", "5", "{}", "null", "[{", "[\"\xff\"]"})
    EXPECT_FALSE(read_finnhub_symbols(text)) << text;
}

}  // namespace
}  // namespace tapeline::codec
