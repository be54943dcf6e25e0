#include "simulate/recording.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.h"

namespace tapeline::simulate {
namespace {

constexpr std::string_view kHeader = "symbol,price,volume,trade_timestamp_ms,conditions\n";

class RecordingTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, std::string_view content) {
    const std::string path = folder_.file(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::string csv(std::string_view rows) {
    return file("rows.csv", std::string(kHeader) + std::string(rows));
  }

  std::unique_ptr<Recording> open(std::vector<std::string> paths, uint32_t trades_per_frame = 1) {
    auto opened = Recording::open(posix_file_system(), std::move(paths),
                                  {.trades_per_frame_max = trades_per_frame});
    EXPECT_TRUE(opened.ok()) << opened.error().message();
    return std::move(opened).value();
  }

  static std::vector<std::string> frames(Recording& recording) {
    std::vector<std::string> texts;
    Batch batch;
    while (recording.next(batch).value()) texts.push_back(batch.text);
    return texts;
  }

  const test::TemporaryFolder folder_;
};

using Texts = std::vector<std::string>;

TEST_F(RecordingTest, KeepsTheTextsOfNumbers) {
  const auto recording = open({csv("BINANCE:BTCUSDT,61837.63000000001,1e-8,1723161255342,\n")});
  EXPECT_EQ(
      frames(*recording),
      (Texts{
          R"({"data":[{"c":null,"p":61837.63000000001,"s":"BINANCE:BTCUSDT","t":1723161255342,"v":1e-8}],"type":"trade"})"}));
}

TEST_F(RecordingTest, GivesConditionsAsFinnhubsCodes) {
  const auto recording =
      open({csv("AAPL,243.71,100,1273239000000,\n"
                "AAPL,243.71,100,1273239000000,@;F;T;I\n"
                "AAPL,243.71,100,1273239000000,Q;~\n"
                "OANDA:EUR_USD,1.3,0,1273239000000,\n")});
  EXPECT_EQ(
      frames(*recording),
      (Texts{
          R"({"data":[{"c":["1"],"p":243.71,"s":"AAPL","t":1273239000000,"v":100}],"type":"trade"})",
          R"({"data":[{"c":["1","8","24","12"],"p":243.71,"s":"AAPL","t":1273239000000,"v":100}],"type":"trade"})",
          R"({"data":[{"c":["20","tape:~"],"p":243.71,"s":"AAPL","t":1273239000000,"v":100}],"type":"trade"})",
          R"({"data":[{"c":null,"p":1.3,"s":"OANDA:EUR_USD","t":1273239000000,"v":0}],"type":"trade"})"}));
}

TEST_F(RecordingTest, LosesOnlyTheBadElement) {
  const auto recording = open({csv("A,abc,1,1000,\nA,,1,1000,\nA,1,2\nA,1,01,x,\n")});
  EXPECT_EQ(frames(*recording),
            (Texts{R"({"data":[{"c":["1"],"p":"abc","s":"A","t":1000,"v":1}],"type":"trade"})",
                   R"({"data":[{"c":["1"],"s":"A","t":1000,"v":1}],"type":"trade"})",
                   R"({"data":[{"c":["1"],"p":1,"s":"A","t":"x","v":"01"}],"type":"trade"})"}));
  EXPECT_EQ(recording->rows_skipped(), 1u);
}

TEST_F(RecordingTest, PutsAdjacentRowsIntoFrames) {
  std::string rows;
  for (int i = 0; i < 1'000; ++i)
    rows += "S" + std::to_string(i % 3) + ",1," + std::to_string(i) + ",1000,\n";
  const auto recording = open({csv(rows)}, 5);
  std::vector<int> sizes(6);
  std::string volumes;
  Batch batch;
  while (recording->next(batch).value()) {
    ASSERT_LE(batch.elements.size(), 5u);
    ++sizes[batch.elements.size()];
    for (const Batch::Element& element : batch.elements) {
      const std::string text = batch.text.substr(element.begin, element.end - element.begin);
      EXPECT_EQ(recording->instruments()[element.instrument].symbol,
                text.substr(text.find("\"s\":") + 5, 2));
      volumes += text.substr(text.find("\"v\":") + 4);
    }
  }
  EXPECT_EQ(sizes[0], 0);
  for (size_t size = 1; size <= 5; ++size) EXPECT_GT(sizes[size], 20) << size;
  std::string expected;
  for (int i = 0; i < 1'000; ++i) expected += std::to_string(i) + "}";
  EXPECT_EQ(volumes, expected) << "every row once, in order";
}

TEST_F(RecordingTest, NeverHoldsARowBackForALaterOne) {
  const auto recording = open({csv("A,1,1,1000,\nA,1,1,1050,\nA,1,1,1200,\nA,1,1,900,\n")}, 10);
  Batch batch;
  std::vector<int64_t> due;
  while (recording->next(batch).value())
    due.push_back(batch.due.time_since_epoch().count() / 1'000);
  ASSERT_GE(due.size(), 2u);
  EXPECT_LE(due.front(), 1'050);
  EXPECT_EQ(due.back(), 1'200) << "an old row arrives when it stands in the file";
}

TEST_F(RecordingTest, PassesRecordedFramesUnchanged) {
  const std::string mixed =
      R"({"data":[{"c":["1"],"p":171.465,"s":"AAPL","t":1696250801554,"v":1},{"c":null,"p":1731.1,"s":"BINANCE:ETHUSDT","t":1696250801782,"v":0.014}],"type":"trade"})";
  const std::string spaced =
      R"({ "type" : "trade", "data" : [ { "s" : "AAPL" , "p" : 1.50, "t" : 2, "v" : 3, "x" : {"y":"}"} } ] })";
  const std::string cut = R"({"data":[{"c":null,"p":57001,)";
  const auto recording = open({file(
      "frames.jsonl", mixed + "\n" + spaced + "\n{\"type\":\"ping\"}\n" +
                          "{\"msg\":\"Invalid symbol X\",\"type\":\"error\"}\n" + cut + "\n")});
  EXPECT_EQ(frames(*recording), (Texts{mixed, spaced, R"({"type":"ping"})", cut}));
  ASSERT_EQ(recording->instruments().size(), 2u);
  EXPECT_EQ(recording->instruments()[1].kind, InstrumentClass::crypto);
}

TEST_F(RecordingTest, CutsRecordedFramesIntoElements) {
  const auto recording = open({file(
      "frames.jsonl",
      R"({"data":[{"s":"A","p":1,"t":2,"v":3},{"s":"B","p":1,"t":2,"v":3}],"type":"trade"})")});
  Batch batch;
  ASSERT_TRUE(recording->next(batch).value());
  ASSERT_EQ(batch.elements.size(), 2u);
  const Batch::Element& second = batch.elements[1];
  EXPECT_EQ(batch.text.substr(second.begin, second.end - second.begin),
            R"({"s":"B","p":1,"t":2,"v":3})");
}

TEST_F(RecordingTest, MovesTimes) {
  const auto recording =
      open({csv("A,1,1,1000,\nA,1,1,x,\n"),
            file("frames.jsonl", R"({"data":[{"s":"A","t":1500,"p":1,"v":3}],"type":"trade"})")});
  EXPECT_EQ(recording->first(), WallTime(std::chrono::milliseconds(1'000)));
  recording->shift_by(std::chrono::seconds(10));
  EXPECT_EQ(frames(*recording),
            (Texts{R"({"data":[{"c":["1"],"p":1,"s":"A","t":11000,"v":1}],"type":"trade"})",
                   R"({"data":[{"c":["1"],"p":1,"s":"A","t":"x","v":1}],"type":"trade"})",
                   R"({"data":[{"s":"A","t":11500,"p":1,"v":3}],"type":"trade"})"}));
}

TEST_F(RecordingTest, QuotesWhatItHasServed) {
  const auto recording = open({csv("A,2.5,1,1000,\nA,2,1,1000,\nA,3,1,4000,\n")});
  EXPECT_EQ(recording->quote(0).time_s, 0);
  frames(*recording);
  EXPECT_EQ(recording->quote(0).open, 2.5);
  EXPECT_EQ(recording->quote(0).high, 3);
  EXPECT_EQ(recording->quote(0).low, 2);
  EXPECT_EQ(recording->quote(0).time_s, 4);
}

TEST_F(RecordingTest, SaysWhatIsWrongWithAFile) {
  const auto missing = Recording::open(posix_file_system(), {folder_.file("none.csv")}, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  const auto empty = Recording::open(posix_file_system(), {csv("")}, {});
  ASSERT_FALSE(empty.ok());
  EXPECT_NE(empty.error().message().find("there is no trade in "), std::string::npos)
      << empty.error().message();
}

}  // namespace
}  // namespace tapeline::simulate
