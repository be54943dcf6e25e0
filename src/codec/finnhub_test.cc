#include "codec/finnhub.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "codec/usual_frame.h"

namespace tapeline::codec {
namespace {

using std::chrono::milliseconds;

constexpr model::EventTime kLatest(milliseconds(1'800'000'000'000));

/// What a frame became, in words that fit on a line: "AAPL 190 3 @1699999980000 [1 12] |
/// -bad_price".
std::string in_words(const Element& element) {
  if (element.reject) return fmt::format("-{}", to_string(*element.reject));
  const TradeView& trade = element.trade;
  std::string words =
      fmt::format("{} {} {} @{}", trade.symbol, to_text(trade.price), to_text(trade.volume),
                  trade.event_time.time_since_epoch().count());
  if (!trade.conditions.empty()) {
    std::string names;
    trade.conditions.for_each([&](std::string_view name) {
      names += fmt::format("{}{}", names.empty() ? "" : " ", name);
    });
    words += fmt::format(" [{}]", names);
  }
  if (trade.flags & model::kPriceRounded) words += " ~price";
  if (trade.flags & model::kVolumeRounded) words += " ~volume";
  return words;
}

std::string in_words(const Frame& frame) {
  if (frame.kind == FrameKind::rejected) return fmt::format("rejected {}", to_string(frame.reason));
  if (frame.kind != FrameKind::trades)
    return fmt::format("{}{}{}", to_string(frame.kind), frame.text.empty() ? "" : " ", frame.text);
  std::string words;
  for (const Element& element : frame.elements)
    words += (words.empty() ? "" : " | ") + in_words(element);
  return words;
}

std::string parsed(std::string_view frame) {
  static FinnhubParser parser;
  return in_words(parser.parse(frame, kLatest));
}

/// The outcome of one element in a frame beside a good one, which must stay good.
std::string element(std::string_view text) {
  const std::string words =
      parsed(fmt::format(R"({{"data":[{},{{"p":2,"s":"B","t":2,"v":2}}],"type":"trade"}})", text));
  const std::string_view neighbour = " | B 2 2 @2";
  if (!words.ends_with(neighbour)) return words;
  return words.substr(0, words.size() - neighbour.size());
}

TEST(Finnhub, ReadsATradeFrame) {
  EXPECT_EQ(
      parsed(R"({"data":[{"c":["1","8","24","12"],"p":122.1,"s":"TSLA","t":1672348887195,"v":1},)"
             R"({"c":null,"p":66972.77,"s":"BINANCE:BTCUSDT","t":1721555886208,"v":0.00008},)"
             R"({"c":[],"p":222457,"s":"X","t":1,"v":2},)"
             R"({"p":1.06618,"s":"IC MARKETS:1","t":1713756721306,"v":0}],"type":"trade"})"),
      "TSLA 122.1 1 @1672348887195 [1 8 24 12] | "
      "BINANCE:BTCUSDT 66972.77 0.00008 @1721555886208 | X 222457 2 @1 | "
      "IC MARKETS:1 1.06618 0 @1713756721306");
}

TEST(Finnhub, TakesKeysInAnyOrderAndSpaceAnywhere) {
  EXPECT_EQ(
      parsed(R"( { "type" : "trade" , "data" : [ { "v" : 3 , "t" : 5 , "s" : "A" , "p" : 1.50 ,)"
             R"( "c" : [ "1" , "2" ] } , { "p":1 , "s":"B" , "t":6 , "v":1.0 } ] } )"),
      "A 1.5 3 @5 [1 2] | B 1 1 @6");
  EXPECT_EQ(parsed(R"({"data":[],"type":"trade"})"), "");
}

TEST(Finnhub, TellsTheOtherFrames) {
  EXPECT_EQ(parsed(R"({"type":"ping"})"), "ping");
  EXPECT_EQ(parsed(R"({"msg":"Subscribing to too many symbols","type":"error"})"),
            "error Subscribing to too many symbols");
  EXPECT_EQ(parsed(R"({"type":"error"})"), "error");
  EXPECT_EQ(parsed(R"({"type":"error","msg":5})"), "error");
  EXPECT_EQ(parsed(R"({"type":"error","msg":"a \"quoted\" word"})"), "error a \"quoted\" word");
  EXPECT_EQ(parsed(R"({"type":"news","data":[{"category":"x","datetime":1,"id":2,"related":""}]})"),
            "news");
  EXPECT_EQ(parsed(R"({"data":[{"datetime":1,"headline":"x"}],"type":"pr"})"), "press_releases");
  EXPECT_EQ(parsed(R"({"type":"weather","data":[{"p":1,"s":"A","t":1,"v":1}]})"),
            "unknown weather");
  EXPECT_EQ(parsed(R"({"data":[{"p":1,"s":"A","t":1,"v":1}]})"), "unknown");
  EXPECT_EQ(parsed(R"({"type":null})"), "unknown");
  EXPECT_EQ(parsed("{}"), "unknown");
}

TEST(Finnhub, RejectsAFrameThatIsNotWhatItSays) {
  EXPECT_EQ(parsed(R"({"type":"trade"})"), "rejected missing_field");
  EXPECT_EQ(parsed(R"({"type":"trade","data":null})"), "rejected mistyped_field");
  EXPECT_EQ(parsed(R"({"type":"trade","data":{}})"), "rejected mistyped_field");
  EXPECT_EQ(parsed(R"({"type":"trade","data":[],"data":[]})"), "rejected mistyped_field");
  EXPECT_EQ(parsed(R"({"type":"trade","data":[],"type":"trade"})"), "rejected mistyped_field");
  EXPECT_EQ(parsed("[]"), "rejected malformed_json");
  EXPECT_EQ(parsed("5"), "rejected malformed_json");
  EXPECT_EQ(parsed(""), "rejected malformed_json");
  EXPECT_EQ(parsed("   "), "rejected malformed_json");
}

TEST(Finnhub, RejectsTheWholeFrameWhenItsJsonIsBrokenAnywhere) {
  const std::string good =
      R"({"data":[{"c":["1"],"p":1.5,"s":"A","t":5,"v":3},{"p":1,"s":"B","t":6,"v":1}],"type":"trade"})";
  ASSERT_EQ(parsed(good), "A 1.5 3 @5 [1] | B 1 1 @6");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(parsed(good.substr(0, size)), "rejected malformed_json") << size;
  for (const char* broken : {
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade"}})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade"}{})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade"} x)",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1},],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1,}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1 "v":1}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":01}],"type":"trade"})",
           R"({"data":[{"p":1.,"s":"A","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":.5,"s":"A","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":NaN,"s":"A","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":nul}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1,"x":tru}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1,"x":[1,2}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A\q","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A\u12","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade","x":{"y":1e}})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade","x":"\q"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade":{}})",
           R"({"data":[{"p":1,"s":"A" :5,"t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"c":["1":"2"],"p":1,"s":"A","t":1,"v":1}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade","\q":1})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade",5:1})",
           R"({"data":[{"p":1,"s":"A","t":1,"v":1}],"type":"trade" "x":1})",
           "{\"data\":[{\"p\":1,\"s\":\"A\nB\",\"t\":1,\"v\":1}],\"type\":\"trade\"}",
       })
    EXPECT_EQ(parsed(broken), "rejected malformed_json") << broken;
}

TEST(Finnhub, RejectsWhatIsNotUtf8) {
  EXPECT_EQ(parsed("{\"data\":[{\"p\":1,\"s\":\"A\xff\",\"t\":1,\"v\":1}],\"type\":\"trade\"}"),
            "rejected not_utf8");
  EXPECT_EQ(parsed("{\"data\":[{\"p\":1,\"s\":\"\xc3\xa9\",\"t\":1,\"v\":1}],\"type\":\"trade\"}"),
            "\xc3\xa9 1 1 @1");
}

TEST(Finnhub, RejectsWhatIsTooLarge) {
  FinnhubParser parser({.frame_bytes_max = 100, .symbol_bytes_max = 4});
  const std::string frame = R"({"type":"ping"})";
  EXPECT_EQ(in_words(parser.parse(frame + std::string(100 - frame.size(), ' '), kLatest)), "ping");
  EXPECT_EQ(in_words(parser.parse(frame + std::string(101 - frame.size(), ' '), kLatest)),
            "rejected oversized_frame");
  EXPECT_EQ(
      in_words(parser.parse(
          R"({"type":"trade","data":[{"p":1,"s":"ABCDE","t":1,"v":1},{"p":1,"s":"ABCD","t":1,"v":1}]})",
          kLatest)),
      "-bad_symbol | ABCD 1 1 @1");
}

TEST(Finnhub, RejectsDeepNestingWithoutFallingOver) {
  const auto nested = [](size_t depth) {
    return R"({"type":"ping","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(parsed(nested(20)), "ping");
  EXPECT_EQ(parsed(nested(100'000)), "rejected malformed_json");
}

TEST(FinnhubElement, OfMissingOrMistypedFieldsIsRejectedAlone) {
  EXPECT_EQ(element(R"({"p":1,"s":"A","t":1})"), "-missing_field");
  EXPECT_EQ(element(R"({"s":"A","t":1,"v":1})"), "-missing_field");
  EXPECT_EQ(element(R"({"p":1,"t":1,"v":1})"), "-missing_field");
  EXPECT_EQ(element(R"({"p":1,"s":"A","v":1})"), "-missing_field");
  EXPECT_EQ(element("{}"), "-missing_field");
  EXPECT_EQ(element(R"({"p":"1","s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":1,"s":5,"t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":1,"s":"A","t":"1","v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":1,"s":"A","t":1,"v":null})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":1,"s":"A","t":1,"v":true})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":[1],"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":{"x":1},"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"p":1,"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  for (const char* other : {"null", "5", "\"text\"", "[]", "[{\"p\":1}]", "true"})
    EXPECT_EQ(element(other), "-mistyped_field") << other;
}

TEST(FinnhubElement, TakesConditionsOfStringsOnly) {
  EXPECT_EQ(element(R"({"c":null,"p":1,"s":"A","t":1,"v":1})"), "A 1 1 @1");
  EXPECT_EQ(element(R"({"c":["1","tape:X"],"p":1,"s":"A","t":1,"v":1})"), "A 1 1 @1 [1 tape:X]");
  EXPECT_EQ(element(R"({"c":"1","p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"c":[1],"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"c":["1",null],"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"c":[["1"]],"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"c":{},"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
  EXPECT_EQ(element(R"({"c":[],"c":[],"p":1,"s":"A","t":1,"v":1})"), "-mistyped_field");
}

TEST(FinnhubElement, IgnoresFieldsItDoesNotKnow) {
  EXPECT_EQ(element(R"({"p":1,"x":{"y":[1,"\ud800",null,-0.5e-7]},"s":"A","t":1,"v":1,"price":9})"),
            "A 1 1 @1");
}

TEST(FinnhubElement, UnescapesTexts) {
  EXPECT_EQ(element(R"({"\u0070":1,"s":"A\/B\u00e9\ud83d\ude00","t":1,"v":1})"),
            "A/B\xc3\xa9\xf0\x9f\x98\x80 1 1 @1");
  EXPECT_EQ(element(R"({"p":1,"s":"A\"\\","t":1,"v":1,"c":["\u0031"]})"), "A\"\\ 1 1 @1 [1]");
}

TEST(FinnhubElement, OfABadSymbolIsRejected) {
  EXPECT_EQ(element(R"({"p":1,"s":"","t":1,"v":1})"), "-bad_symbol");
  EXPECT_EQ(element(R"({"p":1,"s":"A\n","t":1,"v":1})"), "-bad_symbol");
  EXPECT_EQ(element(R"({"p":1,"s":"\ud800","t":1,"v":1})"), "-bad_symbol");
  EXPECT_EQ(element(fmt::format(R"({{"p":1,"s":"{}","t":1,"v":1}})", std::string(65, 'A'))),
            "-bad_symbol");
}

TEST(FinnhubElement, ReadsNumbersFromTheirText) {
  const auto number = [](std::string_view price, std::string_view volume) {
    return element(fmt::format(R"({{"p":{},"s":"A","t":1,"v":{}}})", price, volume));
  };
  EXPECT_EQ(number("1e5", "1E-7"), "A 100000 0.0000001 @1");
  EXPECT_EQ(number("1", "-0"), "A 1 0 @1");
  EXPECT_EQ(number("0.30000000000000004", "0.000000005"), "A 0.3 0 @1 ~price ~volume");
  EXPECT_EQ(number("129.5750", "0.100000000000000005551115123125782702"),
            "A 129.575 0.1 @1 ~volume");
  EXPECT_EQ(number("0", "1"), "-bad_price");
  EXPECT_EQ(number("-1", "1"), "-bad_price");
  EXPECT_EQ(number("0.00000000004", "1"), "-bad_price");
  EXPECT_EQ(number("1", "-1"), "-bad_volume");
  EXPECT_EQ(number("12345678901.23456789", "1"), "-price_out_of_range");
  EXPECT_EQ(number("1e300", "1"), "-price_out_of_range");
  EXPECT_EQ(number("1", "1e19"), "-volume_out_of_range");
}

TEST(FinnhubElement, OfABadTimeIsRejected) {
  const auto time = [](std::string_view text) {
    return element(fmt::format(R"({{"p":1,"s":"A","t":{},"v":1}})", text));
  };
  EXPECT_EQ(time("1800000000000"), "A 1 1 @1800000000000");
  EXPECT_EQ(time("1800000000001"), "-time_in_future");
  EXPECT_EQ(time("1516799999999999"), "-time_in_future");
  EXPECT_EQ(time("99999999999999999999999"), "-time_in_future");
  EXPECT_EQ(time("0"), "A 1 1 @0");
  EXPECT_EQ(time("-1"), "-bad_time");
  EXPECT_EQ(time("1.5"), "-bad_time");
  EXPECT_EQ(time("1e3"), "-bad_time");
}

TEST(FinnhubElement, KeepsItsBytes) {
  FinnhubParser parser;
  const Frame frame = parser.parse(
      R"({"data":[ {"p":0,"s":"A","t":1,"v":1} , 5 ,"x" ,[1, [2]] ,{"p":{"y": [3]}}  ],"type":"trade"})",
      kLatest);
  std::vector<std::string_view> raw;
  for (const Element& element : frame.elements) raw.push_back(element.raw);
  EXPECT_EQ(raw, (std::vector<std::string_view>{R"({"p":0,"s":"A","t":1,"v":1})", "5", R"("x")",
                                                "[1, [2]]", R"({"p":{"y": [3]}})"}));
}

RC_GTEST_PROP(FinnhubProperty, AnyChangeOfBytesHasAnOutcome, ()) {
  std::string frame = *rc::gen::element<std::string>(
      R"({"data":[{"c":["1","8"],"p":122.1,"s":"TSLA","t":1672348887195,"v":1},{"c":null,"p":1e-5,)"
      R"("s":"B\u00e9","t":5,"v":0.00008,"x":[{}]}],"type":"trade"})",
      R"({"data":[{"c":["1","8"],"p":122.1,"s":"IC MARKETS:1","t":1672348887195,"v":1},{"c":null,)"
      R"("p":-0.5,"s":"B","t":5,"v":0},{"p":10,"s":"C","t":6,"v":0.00008}],"type":"trade"})");
  const int changes = *rc::gen::inRange(0, 4);
  for (int i = 0; i < changes; ++i)
    frame[*rc::gen::inRange<size_t>(0, frame.size())] =
        *rc::gen::oneOf(rc::gen::element<char>('"', '{', '}', '[', ']', ',', ':', '\\', '0', ' '),
                        rc::gen::arbitrary<char>());
  FinnhubParser parser;
  FinnhubParser general({}, FrameReading::general);
  const Frame result = parser.parse(frame, kLatest);
  const Frame expected = general.parse(frame, kLatest);
  RC_ASSERT(in_words(result) == in_words(expected));
  for (size_t i = 0; i < result.elements.size(); ++i) {
    const Element& element = result.elements[i];
    RC_ASSERT(element.raw == expected.elements[i].raw);
    RC_ASSERT(frame.find(element.raw) != std::string::npos);
    if (!element.reject) RC_ASSERT(element.trade.price.mantissa > 0);
  }
}

TEST(UsualFrame, IsCutIntoItsTexts) {
  std::vector<UsualElement> elements;
  std::vector<std::string_view> conditions;
  ASSERT_TRUE(cut_usual_frame(
      R"({"data":[{"c":["1","8"],"p":1.50,"s":"A","t":17,"v":0},{"c":[],"p":0,"s":"","t":-1,"v":2},)"
      R"({"c":null,"p":3,"s":"C","t":4,"v":5},{"p":6,"s":"D","t":7,"v":8}],"type":"trade"})",
      elements, conditions));
  ASSERT_EQ(elements.size(), 4u);
  EXPECT_EQ(elements[0].price, "1.50");
  EXPECT_EQ(elements[1].raw, R"({"c":[],"p":0,"s":"","t":-1,"v":2})");
  EXPECT_EQ(elements[3].volume, "8");
  EXPECT_EQ(conditions, (std::vector<std::string_view>{"1", "8"}));
  EXPECT_EQ(elements[1].conditions_begin, 2u);
}

TEST(UsualFrame, IsLeftAloneWhenAnythingIsDifferent) {
  std::vector<UsualElement> elements;
  std::vector<std::string_view> conditions;
  for (const char* frame : {
           "",
           R"({"type":"ping"})",
           R"({"data":[],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":2,"v":3}],"type":"trade"} )",
           R"({"data":[{"p":1,"s":"A","t":2,"v":3}],"type":"trade")",
           R"({"data":[{"p":1,"s":"A","t":2,"v":3},],"type":"trade"})",
           R"({"data":[{"p":1, "s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"s":"A","p":1,"t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"A","t":2,"v":3,"x":4}],"type":"trade"})",
           R"({"data":[{"p":1e5,"s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":01,"s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":1.,"s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":-,"s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":"1","s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"p":1,"s":"\u0041","t":2,"v":3}],"type":"trade"})",
           "{\"data\":[{\"p\":1,\"s\":\"\xc3\xa9\",\"t\":2,\"v\":3}],\"type\":\"trade\"}",
           "{\"data\":[{\"p\":1,\"s\":\"\t\",\"t\":2,\"v\":3}],\"type\":\"trade\"}",
           R"({"data":[{"c":["1",],"p":1,"s":"A","t":2,"v":3}],"type":"trade"})",
           R"({"data":[{"c":[1],"p":1,"s":"A","t":2,"v":3}],"type":"trade"})",
       })
    EXPECT_FALSE(cut_usual_frame(frame, elements, conditions)) << frame;
}

// -------------------------------------------------------------------------------------------------

std::filesystem::path recordings() {
  const char* chosen = std::getenv("TAPELINE_RECORDINGS");
  if (chosen && *chosen) return chosen;
  return std::filesystem::path(TAPELINE_SOURCE_DIR).parent_path() / "shared" / "data";
}

TEST(FinnhubCaptured, EveryFrameIsRead) {
  const std::filesystem::path path = recordings() / "finnhub_ws_samples.jsonl";
  std::ifstream lines(path);
  if (!lines) GTEST_SKIP() << "no captured frames at " << path << "; set TAPELINE_RECORDINGS";
  FinnhubParser parser;
  std::vector<std::string> kinds;
  size_t trades = 0;
  size_t rejected = 0;
  std::string line;
  std::vector<std::string> words;
  std::vector<UsualElement> cut;
  std::vector<std::string_view> conditions;
  int usual = 0;
  while (std::getline(lines, line)) {
    usual += cut_usual_frame(line, cut, conditions);
    const Frame frame = parser.parse(line, kLatest);
    kinds.emplace_back(to_string(frame.kind));
    words.push_back(in_words(frame));
    for (const Element& element : frame.elements) ++(element.reject ? rejected : trades);
  }
  ASSERT_EQ(kinds.size(), 20u);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "trades"), 18);
  EXPECT_EQ(usual, 18) << "the quick reading is for what the feed sends";
  EXPECT_EQ(kinds[18], "ping");
  EXPECT_EQ(words[19], "error Subscribing to too many symbols");
  EXPECT_EQ(rejected, 0u);
  // By `grep -o '"p":' | wc -l`.
  EXPECT_EQ(trades, 109u);
  EXPECT_EQ(words[13],
            "AAPL 171.465 1 @1696250801554 [1 24 12] | "
            "BINANCE:ETHUSDT 1731.1 0.014 @1696250801782 | "
            "BINANCE:ETHUSDT 1731.1 0.0129 @1696250801997 | "
            "BINANCE:ETHUSDT 1731.09 1.001 @1696250802070");
  EXPECT_EQ(words[14],
            "IC MARKETS:1 1.06618 0 @1713756721306 | IC MARKETS:1 1.06619 0 @1713756721732");
  EXPECT_EQ(words[15], "AAPL 284.45 300 @1586876152227");
}

}  // namespace
}  // namespace tapeline::codec
