#include "codec/csv.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tapeline::codec {
namespace {

constexpr model::EventTime kLatest(std::chrono::milliseconds(1'800'000'000'000));

std::string parsed(std::string_view line) {
  static CsvRowParser parser;
  const Element element = parser.parse(line, kLatest);
  EXPECT_EQ(element.raw, line);
  if (element.reject) return fmt::format("-{}", to_string(*element.reject));
  const TradeView& trade = element.trade;
  std::string words =
      fmt::format("{} {} {} @{}", trade.symbol, to_text(trade.price), to_text(trade.volume),
                  trade.event_time.time_since_epoch().count());
  trade.conditions.for_each([&](std::string_view name) { words += fmt::format(" {}", name); });
  return words;
}

TEST(Csv, ReadsRows) {
  EXPECT_EQ(parsed("AAPL,243.71,100,1273239000000,"), "AAPL 243.71 100 @1273239000000");
  EXPECT_EQ(parsed("BITFLYER:BTCJPY,1450000,0.00000001,1516460405797,\r"),
            "BITFLYER:BTCJPY 1450000 0.00000001 @1516460405797");
  EXPECT_EQ(parsed("IC MARKETS:1,1.06618,0,1,"), "IC MARKETS:1 1.06618 0 @1");
  EXPECT_EQ(parsed("A,1.05e2,2,1699999980011,"), "A 105 2 @1699999980011");
  EXPECT_EQ(parsed("\xc3\xa9,1,2,3,"), "\xc3\xa9 1 2 @3");
}

TEST(Csv, ReadsQuotedFields) {
  EXPECT_EQ(parsed(R"("A,B","1","2","3","@;F")"), "A,B 1 2 @3 1 8");
  EXPECT_EQ(parsed(R"("A""B",1,2,3,"")"), "A\"B 1 2 @3");
  EXPECT_EQ(parsed("\"A\",1,2,3,\r"), "A 1 2 @3");
  EXPECT_EQ(parsed(R"("A,1,2,3,)"), "-malformed_row");
  EXPECT_EQ(parsed(R"("A"B,1,2,3,)"), "-malformed_row");
  EXPECT_EQ(parsed(R"(A"B,1,2,3,)"), "-malformed_row");
  EXPECT_EQ(parsed(R"("A",1,2,3)"), "-malformed_row");
  EXPECT_EQ(parsed(R"("A",1,2,3,@,)"), "-malformed_row");
}

TEST(Csv, MapsTheTapesLettersToFinnhubsCodes) {
  EXPECT_EQ(parsed("A,1,2,3,@;F;T;I"), "A 1 2 @3 1 8 24 12");
  EXPECT_EQ(parsed("A,1,2,3,4"), "A 1 2 @3 32");
  EXPECT_EQ(parsed("A,1,2,3,X;@;XY;f"), "A 1 2 @3 tape:X 1 tape:XY tape:f");
  EXPECT_EQ(parsed("A,1,2,3,;@;;F;"), "A 1 2 @3 1 8");
  // data/README.md of the recordings, in its order. A change of these raises kTapeLettersVersion.
  EXPECT_EQ(parsed("A,1,2,3,@;F;I;T;U;M;O;Q;4;7;V;B;N;C;Z;R"),
            "A 1 2 @3 1 8 12 24 25 16 19 20 32 37 26 3 17 5 30 22");
  EXPECT_EQ(parsed("A,1,2,3,A;D;E;G;H;J;K;L;P;S;W;X;Y;0;1;2;3;5;6;8;9"),
            "A 1 2 @3 tape:A tape:D tape:E tape:G tape:H tape:J tape:K tape:L tape:P tape:S tape:W "
            "tape:X tape:Y tape:0 tape:1 tape:2 tape:3 tape:5 tape:6 tape:8 tape:9");
}

TEST(Csv, TakesConditionsWithoutALetter) {
  EXPECT_EQ(parsed("A,1,2,3,code:2;I;code:99"), "A 1 2 @3 2 12 99");
  EXPECT_EQ(parsed("A,1,2,3,code:a%3Bb%25%0A;code:%;code:%zz;code:%3b"),
            "A 1 2 @3 a;b%\n % %zz %3b");
  EXPECT_EQ(parsed("A,1,2,3,code:;co"), "A 1 2 @3  tape:co");
}

std::string written(const std::vector<std::string_view>& conditions) {
  std::string out;
  append_conditions(out, ConditionsView(conditions));
  return out;
}

TEST(Csv, WritesConditionsAsARecordingHasThem) {
  EXPECT_EQ(written({}), "");
  EXPECT_EQ(written({"1", "8", "24", "12", "32"}), "@;F;T;I;4");
  EXPECT_EQ(written({"2", "4", "99", ""}), "code:2;code:4;code:99;code:");
  EXPECT_EQ(written({"tape:X", "tape:XY", "tape:@", "tape:code:1", "tape:"}),
            "X;XY;code:tape:@;code:tape:code:1;code:tape:");
  EXPECT_EQ(written({"a;b", "a%b", "a\nb", "tape:;"}),
            "code:a%3Bb;code:a%25b;code:a%0Ab;code:tape:%3B");
}

/// A recording written by us is read as what it was.
RC_GTEST_PROP(CsvProperty, WrittenConditionsAreReadAsTheSame, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange(0, 60), [](int code) { return std::to_string(code); }),
      rc::gen::map(
          rc::gen::container<std::string>(rc::gen::elementOf(std::string("tape:cod%;3B@,\"\r\n"))),
          [](std::string text) { return text; }),
      rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)),
                   [](const std::string& text) { return "tape:" + text; })));
  const std::vector<std::string_view> conditions(pieces.begin(), pieces.end());
  std::string line = "A,1,2,3,\"";
  for (const char c : written(conditions)) line.append(c == '"' ? 2 : 1, c);
  CsvRowParser parser;
  const auto row = parser.fields(line + "\"");
  RC_ASSERT(row);
  std::vector<std::string> read;
  row->conditions.for_each([&](std::string_view condition) { read.emplace_back(condition); });
  RC_ASSERT(read == pieces);
}

TEST(Csv, HandsOutTextsUnjudged) {
  CsvRowParser parser;
  const auto fields = parser.fields("A,01.50,x,,@;F\r");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->symbol, "A");
  EXPECT_EQ(fields->price, "01.50");
  EXPECT_EQ(fields->volume, "x");
  EXPECT_EQ(fields->time, "");
  EXPECT_EQ(fields->conditions.size(), 2u);
  EXPECT_FALSE(parser.fields("A,1,2,3"));
  EXPECT_FALSE(parser.fields("A,1,2,3,\xff"));
}

TEST(Csv, RejectsARowAlone) {
  EXPECT_EQ(parsed("AAPL,100"), "-malformed_row");
  EXPECT_EQ(parsed("AAPL,100,1,3"), "-malformed_row");
  EXPECT_EQ(parsed("AAPL,100,1,3,,"), "-malformed_row");
  EXPECT_EQ(parsed(""), "-malformed_row");
  EXPECT_EQ(parsed("A\xff,1,2,3,"), "-not_utf8");
  EXPECT_EQ(parsed(",100,1,1699999980009,"), "-bad_symbol");
  EXPECT_EQ(parsed("AAPL,-100,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL,0,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL,NaN,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL,,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL, 1,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL,0.00000000004,1,1,"), "-bad_price");
  EXPECT_EQ(parsed("AAPL,100,-1,1,"), "-bad_volume");
  EXPECT_EQ(parsed("AAPL,100,many,1,"), "-bad_volume");
  EXPECT_EQ(parsed("AAPL,12345678901.23456789,1,1,"), "-price_out_of_range");
  EXPECT_EQ(parsed("AAPL,100,1e19,1,"), "-volume_out_of_range");
  EXPECT_EQ(parsed("AAPL,100,1,1516799999999999,"), "-time_in_future");
  EXPECT_EQ(parsed("AAPL,100,1,soon,"), "-bad_time");
  EXPECT_EQ(parsed("AAPL,100,1,,"), "-bad_time");
  EXPECT_EQ(parsed("AAPL,100,1,1699999980008.5,"), "-bad_time");
  EXPECT_EQ(parsed("AAPL,100,1,-1,"), "-bad_time");
  EXPECT_EQ(parsed("AAPL,100,1,01,"), "-bad_time");
}

TEST(Csv, MarksWhatItRounds) {
  CsvRowParser parser;
  EXPECT_EQ(parser.parse("A,0.12345678905,1,1,", kLatest).trade.flags, model::kPriceRounded);
  EXPECT_EQ(parser.parse("A,1,1.000000005,1,", kLatest).trade.flags, model::kVolumeRounded);
  EXPECT_EQ(parser.parse("A,1,1,1,", kLatest).trade.flags, 0);
}

RC_GTEST_PROP(CsvProperty, QuotingEveryFieldChangesNothing, ()) {
  std::string line = "AAPL,243.71,100,1273239000000,@;F";
  const int changes = *rc::gen::inRange(0, 4);
  for (int i = 0; i < changes; ++i)
    line[*rc::gen::inRange<size_t>(0, line.size())] = *rc::gen::inRange(' ', '~');
  RC_PRE(line.find('"') == std::string::npos);
  std::string quoted = "\"";
  for (const char c : line) quoted += c == ',' ? std::string("\",\"") : std::string(1, c);
  quoted += "\"";
  RC_ASSERT(parsed(quoted) == parsed(line));
}

}  // namespace
}  // namespace tapeline::codec
