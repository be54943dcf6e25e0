#include "simulate/json.h"

#include <gtest/gtest.h>

#include <vector>

namespace tapeline::simulate::json {
namespace {

std::vector<std::string> members(std::string_view text) {
  std::vector<std::string> found;
  const bool whole = for_each_member(text, [&](std::string_view name, std::string_view value) {
    found.push_back(std::string(name) + "=" + std::string(value));
    return true;
  });
  found.push_back(whole ? "whole" : "broken");
  return found;
}

TEST(Json, CutsAnObjectIntoItsMembers) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(members(R"({"a":1,"b":[1,{"c":"}"}],"d":"x\"y"})"),
            (Texts{"a=1", R"(b=[1,{"c":"}"}])", R"(d="x\"y")", "whole"}));
  EXPECT_EQ(members(" { \"a\" : -1.5e3 } \n"), (Texts{"a=-1.5e3", "whole"}));
  EXPECT_EQ(members("{}"), (Texts{"whole"}));
}

TEST(Json, TellsWhatIsNoObject) {
  for (const char* text :
       {"", "[1]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1}x", "{a:1}",
        "{\"a\":[1}", "{\"a\":\"x", "{\"a\":\"\\", "{,}", "\"a\""})
    EXPECT_EQ(members(text).back(), "broken") << text;
}

TEST(Json, CutsAnArrayIntoItsElements) {
  std::vector<std::string> found;
  EXPECT_TRUE(for_each_element(R"([1, "]", [2,3]])", [&](std::string_view value) {
    found.emplace_back(value);
    return true;
  }));
  EXPECT_EQ(found, (std::vector<std::string>{"1", "\"]\"", "[2,3]"}));
  EXPECT_FALSE(for_each_element("[1,", [](std::string_view) { return true; }));
}

TEST(Json, ReadsStrings) {
  EXPECT_EQ(to_string(R"("IC MARKETS:1")"), "IC MARKETS:1");
  EXPECT_EQ(to_string(R"("a\"\\\/\n\u00e9\ud83d\ude00")"), "a\"\\/\n\u00e9\U0001F600");
  for (const char* text : {"1", "\"", R"("\x")", R"("\u12")", R"("\ud800")", R"("\ud800A")"})
    EXPECT_EQ(to_string(text), std::nullopt) << text;
}

TEST(Json, WritesStringsThatItReads) {
  const std::string text = "quote \" slash \\ newline \n null \x01 \u00e9";
  std::string written;
  append_string(written, text);
  EXPECT_EQ(to_string(written), text);
}

TEST(Json, WritesBase64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

}  // namespace
}  // namespace tapeline::simulate::json
