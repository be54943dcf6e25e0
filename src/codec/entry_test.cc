#include "codec/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "avro/golden.h"
#include "avro/libavro.h"

namespace tapeline::codec {
namespace {

using model::Control;
using model::ControlKind;
using model::Decimal;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::array<std::string_view, 4> kConditions = {"1", "8", "24", "12"};

TradeView tesla() {
  return {
      .symbol = "TSLA",
      .price = {12209, 2},
      .volume = {4, 0},
      .event_time = model::EventTime(milliseconds(1'672'348'887'196)),
      .ingest_time = model::IngestTime(microseconds(1'672'348'887'301'456)),
      .conditions = ConditionsView(kConditions),
      .source = "finnhub",
      .epoch = 3,
      .sequence = 2,
      .frame = 1,
      .flags = 0,
  };
}

TradeView euro() {
  return {
      .symbol = "IC MARKETS:1",
      .price = {106618, 5},
      .volume = {},
      .event_time = model::EventTime(milliseconds(1'713'756'721'306)),
      .ingest_time = model::IngestTime(microseconds(1'713'756'721'400'000)),
      .conditions = {},
      .source = "recording:00112233445566778899aabbccddeeff",
      .epoch = 0,
      .sequence = 8'589'934'592,
      .frame = 8'589'934'592,
      .flags = model::kPriceRounded | model::kRepeated,
  };
}

Control gap() {
  Control control;
  control.kind = ControlKind::gap;
  control.source = "finnhub";
  control.epoch = 3;
  control.ingest_time = model::IngestTime(microseconds(1'672'348'890'000'000));
  control.symbol = "TSLA";
  control.from = model::IngestTime(microseconds(1'672'348'887'000'000));
  control.to = model::IngestTime(microseconds(1'672'348'889'000'000));
  control.lag_ms = -5;
  control.detail = "disconnect";
  return control;
}

Control opened() {
  Control control;
  control.kind = ControlKind::epoch_opened;
  control.source = "simulated";
  control.epoch = 1;
  control.ingest_time = model::IngestTime(microseconds(1));
  control.detail = "wall";
  return control;
}

constexpr std::string_view kState("\0state\xff", 7);

template <typename Value>
std::string encoded(const Value& value) {
  EntryWriter writer;
  writer.add(value);
  EXPECT_EQ(writer.count(), 1u);
  EXPECT_FALSE(writer.empty());
  const size_t bytes = writer.bytes();
  std::string taken = writer.take();
  EXPECT_EQ(bytes, taken.size());
  EXPECT_TRUE(writer.empty());
  return taken;
}

EntryView decoded(std::string_view bytes) {
  EntryReader reader(bytes);
  EntryView entry;
  EXPECT_EQ(reader.next(entry), EntryReader::Outcome::progressed);
  EXPECT_EQ(reader.offset(), bytes.size());
  EntryView other;
  EXPECT_EQ(reader.next(other), EntryReader::Outcome::finished);
  return entry;
}

bool equal(const TradeView& a, const TradeView& b) {
  const model::Trade left = a.to_trade();
  const model::Trade right = b.to_trade();
  return left.symbol == right.symbol && left.price == right.price && left.volume == right.volume &&
         left.event_time == right.event_time && left.ingest_time == right.ingest_time &&
         left.conditions == right.conditions && left.id == right.id && left.frame == right.frame &&
         left.flags == right.flags;
}

bool equal(const Control& a, const Control& b) {
  return a.kind == b.kind && a.source == b.source && a.epoch == b.epoch &&
         a.ingest_time == b.ingest_time && a.symbol == b.symbol && a.from == b.from &&
         a.to == b.to && a.lag_ms == b.lag_ms && a.detail == b.detail;
}

TEST(Entry, OfATradeReadsAsItWasWritten) {
  for (const TradeView& trade : {tesla(), euro()}) {
    const std::string bytes = encoded(trade);
    const EntryView entry = decoded(bytes);
    EXPECT_EQ(entry.kind, EntryKind::trade);
    EXPECT_TRUE(equal(entry.trade, trade));
    EXPECT_EQ(entry.trade.is_price_update(), trade.volume.mantissa == 0);
  }
}

TEST(Entry, OfAControlReadsAsItWasWritten) {
  for (const Control& control : {gap(), opened()}) {
    const EntryView entry = decoded(encoded(control));
    EXPECT_EQ(entry.kind, EntryKind::control);
    EXPECT_TRUE(equal(entry.control, control));
  }
}

TEST(Entry, OfASnapshotReadsAsItWasWritten) {
  const std::string bytes = encoded(SnapshotView{(int64_t{1} << 48) | 17, kState});
  const EntryView entry = decoded(bytes);
  EXPECT_EQ(entry.kind, EntryKind::snapshot);
  EXPECT_EQ(entry.snapshot.as_of, (int64_t{1} << 48) | 17);
  EXPECT_EQ(entry.snapshot.state, kState);
}

TEST(Entry, OfOneControlLeavesNothingInTheNext) {
  EntryWriter writer;
  writer.add(gap());
  writer.add(opened());
  const std::string bytes = writer.take();
  EntryReader reader(bytes);
  EntryView entry;
  ASSERT_EQ(reader.next(entry), EntryReader::Outcome::progressed);
  ASSERT_EQ(reader.next(entry), EntryReader::Outcome::progressed);
  EXPECT_TRUE(equal(entry.control, opened()));
}

TEST(Entry, WithVeryLongTextsIsWrittenWhole) {
  TradeView trade = tesla();
  const std::string symbol(5'000, 'S');
  trade.symbol = symbol;
  const std::string bytes = encoded(trade);
  EXPECT_TRUE(equal(decoded(bytes).trade, trade));
}

TEST(Entry, OfAVendorBarIsReadOver) {
  std::string bytes;
  avro::Appender to(bytes);
  to.present(false);
  to.present(false);
  to.present(true);
  to.text("AAPL");
  to.number(60'000);
  to.number(1'699'999'980'000);
  for (const double number : {1.0, 2.0, 0.5, 1.5, 100.0}) to.real(number);
  to.text("finnhub");
  to.number(1'699'999'980'000'000);
  to.present(false);
  EXPECT_EQ(decoded(bytes).kind, EntryKind::vendor_bar);
  testing::Libavro libavro(entry_schema());
  EXPECT_EQ(libavro.rewritten(bytes), bytes);
}

TEST(Entry, IsWhatLibavroReadsFromIt) {
  testing::Libavro libavro(entry_schema());
  // Versions of libavro differ in whether they name the member of a union with its namespace.
  const auto json = [&](const std::string& datum) {
    std::string text = libavro.json(datum);
    const std::string_view name_space = "tapeline.";
    if (const size_t at = text.find(name_space); at != std::string::npos)
      text.erase(at, name_space.size());
    return text;
  };
  EXPECT_EQ(json(encoded(tesla())),
            R"({"trade": {"Trade": {"symbol": "TSLA", "price": 122.09, "volume": 4.0, )"
            R"("event_time": 1672348887196, "ingest_time": 1672348887301456, )"
            R"("conditions": ["1", "8", "24", "12"], "source": "finnhub", "epoch": 3, )"
            R"("sequence": 2, "frame": 1, "flags": 0}}, )"
            R"("control": null, "vendor_bar": null, "snapshot": null})");
  EXPECT_EQ(json(encoded(gap())),
            R"({"trade": null, "control": {"Control": {"kind": "gap", )"
            R"("source": "finnhub", "epoch": 3, "ingest_time": 1672348890000000, )"
            R"("symbol": {"string": "TSLA"}, "from": {"long": 1672348887000000}, )"
            R"("to": {"long": 1672348889000000}, "lag_ms": {"long": -5}, )"
            R"("detail": "disconnect"}}, "vendor_bar": null, "snapshot": null})");
}

/// Any value that ingest lets through.
struct AnyTrade {
  model::Trade trade;
  std::vector<std::string_view> conditions;

  TradeView view() {
    conditions.assign(trade.conditions.begin(), trade.conditions.end());
    return {
        .symbol = trade.symbol,
        .price = trade.price,
        .volume = trade.volume,
        .event_time = trade.event_time,
        .ingest_time = trade.ingest_time,
        .conditions = ConditionsView(conditions),
        .source = trade.id.source,
        .epoch = trade.id.epoch,
        .sequence = trade.id.sequence,
        .frame = trade.frame,
        .flags = trade.flags,
    };
  }
};

AnyTrade any_trade() {
  const auto text = [](size_t least) {
    auto value = *rc::gen::container<std::string>(rc::gen::inRange(' ', '~'));
    if (value.size() < least) value.resize(least, 'x');
    return value;
  };
  const auto bits = [](int count) {
    return *rc::gen::inRange<int64_t>(0, int64_t{1} << *rc::gen::inRange(1, count));
  };
  AnyTrade any;
  any.trade.symbol = text(1);
  any.trade.price = model::internal::normalised(1 + bits(49), *rc::gen::inRange(0, 11));
  any.trade.volume = model::internal::normalised(bits(49), *rc::gen::inRange(0, 9));
  any.trade.event_time = model::EventTime(milliseconds(bits(47)));
  any.trade.ingest_time = model::IngestTime(microseconds(bits(57)));
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) any.trade.conditions.push_back(text(0));
  any.trade.id = {text(0), bits(62), bits(62)};
  any.trade.frame = bits(62);
  any.trade.flags = static_cast<int32_t>(bits(31));
  return any;
}

RC_GTEST_PROP(EntryProperty, AnyTradeSurvivesOurWayAndLibavros, ()) {
  static const testing::Libavro libavro(entry_schema());
  AnyTrade any = any_trade();
  const std::string bytes = encoded(any.view());
  RC_ASSERT(equal(decoded(bytes).trade, any.view()));
  RC_ASSERT(libavro.rewritten(bytes) == bytes);
}

RC_GTEST_PROP(EntryProperty, ManyTradesAreReadOneAfterTheOther, ()) {
  EntryWriter writer;
  std::vector<AnyTrade> trades(*rc::gen::inRange<size_t>(0, 20));
  for (AnyTrade& any : trades) {
    any = any_trade();
    writer.add(any.view());
  }
  RC_ASSERT(writer.count() == trades.size());
  const std::string bytes = writer.take();
  EntryReader reader(bytes);
  EntryView entry;
  for (AnyTrade& any : trades) {
    RC_ASSERT(reader.next(entry) == EntryReader::Outcome::progressed);
    RC_ASSERT(equal(entry.trade, any.view()));
  }
  RC_ASSERT(reader.next(entry) == EntryReader::Outcome::finished);
}

// -------------------------------------------------------------------------------------------------
// Hostile bytes

TEST(HostileEntry, CutShortIsCorruptAtItsBegin) {
  const std::string good = encoded(euro());
  for (const std::string& bad :
       {encoded(tesla()), encoded(gap()), encoded(opened()), encoded(SnapshotView{17, kState})}) {
    for (size_t size = 1; size < bad.size(); ++size) {
      const std::string bytes = good + bad.substr(0, size);
      EntryReader reader(bytes);
      EntryView entry;
      ASSERT_EQ(reader.next(entry), EntryReader::Outcome::progressed);
      ASSERT_EQ(reader.next(entry), EntryReader::Outcome::corrupt) << size;
      ASSERT_EQ(reader.offset(), good.size());
      ASSERT_EQ(reader.next(entry), EntryReader::Outcome::corrupt) << "corrupt is for ever";
    }
  }
}

RC_GTEST_PROP(HostileEntry, AnyBytesEndInOneOfTheOutcomes, ()) {
  std::string bytes = encoded(any_trade().view()) + encoded(gap());
  const int changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i)
    bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  EntryReader reader(bytes);
  EntryView entry;
  size_t records = 0;
  while (reader.next(entry) == EntryReader::Outcome::progressed) {
    RC_ASSERT(++records <= bytes.size());
    if (entry.kind == EntryKind::trade) entry.trade.to_trade();
  }
}

TEST(HostileEntry, WithValuesThatIngestNeverLetsThroughIsCorrupt) {
  const auto corrupt = [](TradeView trade) {
    const std::string bytes = encoded(trade);
    EntryReader reader(bytes);
    EntryView entry;
    return reader.next(entry) == EntryReader::Outcome::corrupt;
  };
  EXPECT_FALSE(corrupt(tesla()));
  for (const auto& spoil : std::vector<void (*)(TradeView&)>{
           [](TradeView& trade) { trade.price.mantissa = 0; },
           [](TradeView& trade) { trade.price.mantissa = -1; },
           [](TradeView& trade) { trade.volume.mantissa = -1; },
           [](TradeView& trade) {
             trade.volume = {1, 9};
           },
           [](TradeView& trade) {
             trade.price = {1, 11};
           },
           [](TradeView& trade) { trade.symbol = ""; },
           [](TradeView& trade) { trade.event_time = model::EventTime(milliseconds(-1)); },
           [](TradeView& trade) { trade.event_time = model::EventTime::max(); },
           [](TradeView& trade) { trade.ingest_time = model::IngestTime::max(); },
           [](TradeView& trade) { trade.epoch = -1; },
           [](TradeView& trade) { trade.sequence = INT64_MIN; },
           [](TradeView& trade) { trade.flags = -1; },
       }) {
    TradeView trade = tesla();
    spoil(trade);
    EXPECT_TRUE(corrupt(trade));
  }
}

TEST(HostileEntry, OfNoMemberOrTwoIsCorrupt) {
  EntryView entry;
  EXPECT_EQ(EntryReader(std::string_view("\0\0\0\0", 4)).next(entry),
            EntryReader::Outcome::corrupt);
  std::string two = encoded(tesla());
  two.resize(two.size() - 3);
  two += encoded(gap()).substr(1);
  EXPECT_EQ(EntryReader(two).next(entry), EntryReader::Outcome::corrupt);
  EXPECT_EQ(EntryReader("\x04").next(entry), EntryReader::Outcome::corrupt);
}

// -------------------------------------------------------------------------------------------------

TEST(EntryGolden, BytesAreThoseThatFastavroKnows) {
  testing::expect_golden("entries.txt", {{"trade", encoded(tesla())},
                                         {"price_update", encoded(euro())},
                                         {"gap", encoded(gap())},
                                         {"epoch_opened", encoded(opened())},
                                         {"snapshot", encoded(SnapshotView{17, kState})}});
}

TEST(EntrySchema, HasNoSpaceBetweenTokens) {
  EXPECT_TRUE(entry_schema().starts_with(R"({"type":"record","name":"Entry","namespace":)"));
  EXPECT_EQ(entry_schema().find('\n'), std::string_view::npos);
  EXPECT_NE(entry_schema().find(R"("doc":"One element of a trade frame)"), std::string_view::npos);
}

}  // namespace
}  // namespace tapeline::codec
