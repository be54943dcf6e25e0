#include "serve/json.h"

#include <gtest/gtest.h>

namespace tapeline::serve {
namespace {

std::string member(std::string_view text, const std::string& name) {
  const auto parsed = parse_flat_object(text);
  if (!parsed) return "error: " + parsed.error().message();
  const auto at = parsed.value().find(name);
  return at == parsed.value().end() ? "absent" : at->second;
}

TEST(JsonWriter, PutsCommasAndEscapes) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("a").number(-5).key("b").begin_array().text("x").null().boolean(true).end_array();
  json.key("c").begin_object().end_object().key("d").real(1.5).raw("{}");
  json.key("quote\"\\\n\x01").text("\xc3\xa4").key("bad").text("\xff!");
  json.end_object();
  EXPECT_EQ(out,
            "{\"a\":-5,\"b\":[\"x\",null,true],\"c\":{},\"d\":1.500,{},"
            "\"quote\\\"\\\\\\n\\u0001\":\"\xc3\xa4\",\"bad\":\"?!\"}");
}

TEST(JsonWriter, HasNoInfinities) {
  std::string out;
  JsonWriter(out).real(1.0 / 0.0);
  EXPECT_EQ(out, "null");
}

TEST(FlatObject, ReadsTextNumbersAndWords) {
  EXPECT_EQ(member(" { } ", "a"), "absent");
  EXPECT_EQ(member(R"({"a":"b"})", "a"), "b");
  EXPECT_EQ(member(R"({ "x" : -1.5e3 , "a" : true })", "x"), "-1.5e3");
  EXPECT_EQ(member(R"({"a":null})", "a"), "null");
  EXPECT_EQ(member(R"({"a":"\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00"})", "a"),
            "\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(FlatObject, SaysWhatIsWrong) {
  EXPECT_EQ(member("", "a"), "error: the text is not a JSON object (at byte 0)");
  EXPECT_EQ(member("{\"a\":1}x", "a"), "error: the text goes on after its end (at byte 7)");
  for (const char* text :
       {"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\u12\"}", "{\"a\":{}}",
        "{\"a\":[1]}", "{\"a\":1 \"b\":2}", "{\"a\":\"", "{\"a\":1,\"a\":2}", "null", "\xff"})
    EXPECT_EQ(member(text, "a").substr(0, 6), "error:") << text;
}

}  // namespace
}  // namespace tapeline::serve
