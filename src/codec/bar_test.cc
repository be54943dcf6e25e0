#include "codec/bar.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "avro/golden.h"
#include "avro/libavro.h"
#include "codec/dead_letter.h"

namespace tapeline::codec {
namespace {

using model::Bar;
using model::Decimal;
using model::Int128;
using model::Sum;
using std::chrono::milliseconds;

Bar bitcoin() {
  Bar bar;
  bar.key = {"BINANCE:BTCUSDT", model::Interval(60'000),
             model::EventTime(milliseconds(1'699'999'980'000)), model::Basis::all};
  bar.end = model::EventTime(milliseconds(1'700'000'040'000));
  bar.priced_by = model::PricedBy::trades;
  bar.open = Decimal{570001, 1};
  bar.high = Decimal{570002, 1};
  bar.low = Decimal{570001, 1};
  bar.close = Decimal{570002, 1};
  bar.volume.add({15, 1});
  bar.notional.add({8550025, 2});
  bar.trade_count = 2;
  bar.price_update_count = 1;
  bar.suspect_duplicate_count = 1;
  bar.coverage_kind = model::CoverageKind::confirmed;
  bar.coverage_ms = 60'000;
  bar.gap = true;
  bar.first_id = {"finnhub", 3, 1};
  bar.last_id = {"finnhub", 3, 9};
  bar.revision = 2;
  bar.final = true;
  bar.through = Position(0, 12);
  return bar;
}

Bar priced_by_nothing() {
  Bar bar;
  bar.key = {"AAPL", model::Interval(1'000), model::EventTime(milliseconds(1'699'999'980'000)),
             model::Basis::eligible};
  bar.end = model::EventTime(milliseconds(1'699'999'981'000));
  bar.volume = Sum::from_units(std::nullopt);
  bar.excluded_count = 4;
  bar.excluded_by = {{12, 4}};
  return bar;
}

std::string encoded(const Bar& bar) {
  std::string bytes;
  append(bytes, bar);
  return bytes;
}

TEST(BarCodec, ReadsWhatItWrote) {
  for (const Bar& bar : {bitcoin(), priced_by_nothing()}) {
    const std::string bytes = encoded(bar);
    std::string_view rest = bytes;
    const auto read = take_bar(rest);
    ASSERT_TRUE(read);
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(encoded(*read), bytes);
    EXPECT_EQ(read->key, bar.key);
    EXPECT_EQ(read->end, bar.end);
    EXPECT_EQ(read->open, bar.open);
    EXPECT_EQ(read->volume, bar.volume);
    EXPECT_EQ(read->notional, bar.notional);
    EXPECT_EQ(read->excluded_by, bar.excluded_by);
    EXPECT_EQ(read->coverage_ms, bar.coverage_ms);
    EXPECT_EQ(read->last_id, bar.last_id);
    EXPECT_EQ(read->through, bar.through);
  }
}

TEST(BarCodec, IsWhatLibavroReads) {
  testing::Libavro libavro(bar_schema());
  EXPECT_EQ(libavro.rewritten(encoded(bitcoin())), encoded(bitcoin()));
  EXPECT_EQ(libavro.rewritten(encoded(priced_by_nothing())), encoded(priced_by_nothing()));
}

RC_GTEST_PROP(BarCodecProperty, AnySumSurvives, ()) {
  const auto high = static_cast<Int128>(
      *rc::gen::inRange<int64_t>(-9'000'000'000'000'000'000, 9'000'000'000'000'000'000));
  const int shift = *rc::gen::inRange(0, 64);
  Bar bar = bitcoin();
  bar.volume = Sum::from_units((high << shift) + *rc::gen::inRange<int64_t>(0, 256));
  const std::string bytes = encoded(bar);
  std::string_view rest = bytes;
  const auto read = take_bar(rest);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->volume == bar.volume);
}

TEST(BarCodec, CutShortIsNothing) {
  const std::string bytes = encoded(bitcoin());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view cut(bytes.data(), size);
    EXPECT_FALSE(take_bar(cut)) << size;
    EXPECT_EQ(cut.size(), size) << "nothing is taken";
  }
}

// -------------------------------------------------------------------------------------------------

model::DeadLetter letter() {
  return {
      .reason = model::RejectReason::time_in_future,
      .source = "finnhub",
      .epoch = 3,
      .sequence = 17,
      .frame = 5,
      .ingest_time = model::IngestTime(std::chrono::microseconds(1'672'348'887'301'456)),
      .raw = std::string("{\"p\":\xff\0}", 8),
      .detail = "2516584-01-01 is ahead",
  };
}

std::string encoded(const model::DeadLetter& value) {
  std::string bytes;
  append(bytes, value);
  return bytes;
}

TEST(DeadLetterCodec, ReadsWhatItWroteAndLibavroAgrees) {
  const std::string bytes = encoded(letter()) + encoded(letter());
  std::string_view rest = bytes;
  EXPECT_EQ(take_dead_letter(rest), letter());
  EXPECT_EQ(take_dead_letter(rest), letter());
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(take_dead_letter(rest));
  EXPECT_EQ(testing::Libavro(dead_letter_schema()).rewritten(encoded(letter())), encoded(letter()));
}

TEST(DeadLetterCodec, OnlyPlainTextIsPrintedAsItIs) {
  for (const std::string_view text : {"", "{\"p\":1}", "caf\u00e9 \u20ac \u00a0"})
    EXPECT_TRUE(is_plain_text(text)) << text;
  for (const std::string_view text : {"a\nb", "\x1b[2J", "\x7f", "\xff", "caf\xc3",
                                      "\xc2\x9b"
                                      "2J",
                                      "\xc2\x80"})
    EXPECT_FALSE(is_plain_text(text));
}

TEST(DeadLetterCodec, CutShortIsNothing) {
  const std::string bytes = encoded(letter());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view cut(bytes.data(), size);
    EXPECT_FALSE(take_dead_letter(cut)) << size;
  }
}

TEST(Golden, BytesAreThoseThatFastavroKnows) {
  testing::expect_golden("bars.txt",
                         {{"trades", encoded(bitcoin())}, {"none", encoded(priced_by_nothing())}});
  testing::expect_golden("dead_letters.txt", {{"future", encoded(letter())}});
}

}  // namespace
}  // namespace tapeline::codec
