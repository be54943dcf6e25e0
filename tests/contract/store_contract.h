#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contract/store_samples.h"
#include "store/store.h"

/// What every store promises; src/store/contract_test.cc runs it, with a line for each
/// implementation:
///
///   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(StoreFactory{...}));
namespace tapeline::store {

/// Makes stores over one place, so that a store can be closed and opened again.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  virtual std::unique_ptr<Store> open() = 0;
  /// False when content does not outlive the store.
  virtual bool durable() const = 0;
};
using StoreFactory = std::function<std::unique_ptr<StorePlace>()>;

class StoreContract : public testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    place_ = GetParam()();
    store_ = place_->open();
    connect();
  }

  void connect() {
    writer_ = store_->open_writer().value();
    reader_ = store_->open_reader().value();
  }

  void reopen() {
    reader_.reset();
    writer_.reset();
    store_.reset();
    store_ = place_->open();
    connect();
  }

  void write(std::vector<BarRow> bars) {
    Commit commit;
    commit.bars = std::move(bars);
    const auto written = writer_->write(commit);
    ASSERT_TRUE(written.ok()) << written.error().message();
  }

  std::optional<BarRow> row(const BarRow& like) { return reader_->row(like.bar.key).value(); }

  /// "AAPL 1s 0" for each bar of the answer.
  std::vector<std::string> found(const BarQuery& query) {
    std::vector<std::string> names;
    const auto read = reader_->bars(query, [&](const model::Bar& bar) {
      names.push_back(bar.key.symbol + " " + std::string(model::to_text(bar.key.interval)) + " " +
                      std::to_string(bar.key.start.time_since_epoch().count()));
      return true;
    });
    EXPECT_TRUE(read.ok());
    return names;
  }

  std::vector<uint64_t> gap_ordinals(const std::string& symbol, int64_t from_us, int64_t to_us,
                                     size_t limit) {
    std::vector<uint64_t> ordinals;
    for (const auto& gap : reader_->gaps(symbol, at_us(from_us), at_us(to_us), limit).value())
      ordinals.push_back(gap.position.ordinal());
    return ordinals;
  }

  std::unique_ptr<StorePlace> place_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
};

using Names = std::vector<std::string>;
using Ordinals = std::vector<uint64_t>;

TEST_P(StoreContract, EmptyStoreAnswersWithNothing) {
  EXPECT_FALSE(row(sample_row("AAPL", kSecond, 0, 1)));
  EXPECT_TRUE(found({}).empty());
  EXPECT_TRUE(reader_->gaps("", at_us(INT64_MIN), at_us(INT64_MAX), 0).value().empty());
  EXPECT_TRUE(reader_->symbols().value().empty());
  EXPECT_FALSE(reader_->checkpoint().value());
}

TEST_P(StoreContract, ARowComesBackInEveryMember) {
  const BarRow want = sample_row("BINANCE:BTCUSDT", kMinute, -60'000, 9);
  write({want});
  expect_equal(row(want).value(), want);
}

TEST_P(StoreContract, EligibleIsAllWhereItHasNoRowOfItsOwn) {
  BarRow own = sample_row("AAPL", kSecond, 2'000, 9);
  own.bar.key.basis = model::Basis::eligible;
  own.bar.excluded_count = 77;
  own.state.clear();
  write({sample_row("AAPL", kSecond, 1'000, 9), sample_row("AAPL", kSecond, 2'000, 9), own,
         sample_row("AAPL", kMinute, 0, 9), sample_row("B", kSecond, 0, 9)});
  const auto excluded = [&](BarQuery query) {
    query.basis = model::Basis::eligible;
    std::string out;
    EXPECT_TRUE(reader_
                    ->bars(query,
                           [&](const model::Bar& bar) {
                             EXPECT_EQ(bar.key.basis, model::Basis::eligible);
                             out += bar.key.symbol + " " + std::to_string(bar.excluded_count) + " ";
                             return true;
                           })
                    .ok());
    return out;
  };
  EXPECT_EQ(excluded({}), "AAPL 7 AAPL 77 AAPL 7 B 7 ");
  EXPECT_EQ(excluded({.symbol = "AAPL", .interval = kSecond, .limit = 1, .newest = true}),
            "AAPL 77 ");
  EXPECT_EQ(excluded({.symbol = "AAPL", .limit = 2}), "AAPL 7 AAPL 77 ");
  std::vector<model::BarKey> keys;
  ASSERT_TRUE(reader_
                  ->keys({.basis = model::Basis::eligible},
                         [&](const model::BarKey& key) { keys.push_back(key); })
                  .ok());
  EXPECT_EQ(keys, std::vector{own.bar.key});
  EXPECT_EQ(found({}).size(), 4u) << "rows of another basis are not among them";
}

TEST_P(StoreContract, AbsentValuesComeBackAbsent) {
  BarRow want = sample_row("OANDA:EUR_USD", kSecond, 5'000, 9);
  want.bar.priced_by = model::PricedBy::none;
  want.bar.open = want.bar.high = want.bar.low = want.bar.close = std::nullopt;
  want.bar.volume = model::Sum::from_units(std::nullopt);
  want.bar.notional = model::Sum();
  want.bar.coverage_kind = model::CoverageKind::unknown;
  want.bar.coverage_ms = std::nullopt;
  want.bar.gap = want.bar.final = false;
  want.state.clear();
  write({want});
  expect_equal(row(want).value(), want);
}

TEST_P(StoreContract, ExtremeNumbersComeBackExactly) {
  BarRow want = sample_row("X", kSecond, 0, 9);
  want.bar.open = model::Decimal{INT64_MAX, 0};
  want.bar.high = model::Decimal{INT64_MAX, 18};
  want.bar.low = model::Decimal{1, 18};
  want.bar.close = model::Decimal{-1, 18};
  model::Int128 largest = 1;
  for (int i = 0; i < 38; ++i) largest *= 10;
  want.bar.volume = model::Sum::from_units(largest - 1);
  want.bar.notional = model::Sum::from_units(1);
  write({want});
  expect_equal(row(want).value(), want);
}

TEST_P(StoreContract, IdsOfOneOrTwoSourcesComeBack) {
  BarRow single = sample_row("A", kSecond, 0, 1);
  single.bar.last_id = single.bar.first_id;
  BarRow two = sample_row("B", kSecond, 0, 1);
  two.bar.first_id = {"recording:0123456789abcdef0123456789abcdef", 0, 1};
  two.bar.last_id = {"a/b", 7, INT64_MAX};
  write({single, two});
  expect_equal(row(single).value(), single);
  expect_equal(row(two).value(), two);
}

TEST_P(StoreContract, AGreaterPositionWinsInWhateverOrderItComes) {
  BarRow older = sample_row("AAPL", kSecond, 0, 4);
  BarRow newer = sample_row("AAPL", kSecond, 0, 5);
  newer.bar.trade_count = 999;
  newer.state = "newer";
  write({older});
  write({newer});
  expect_equal(row(newer).value(), newer);
  write({older});
  expect_equal(row(newer).value(), newer);
}

TEST_P(StoreContract, AnEqualPositionChangesNothing) {
  const BarRow first = sample_row("AAPL", kSecond, 0, 4);
  BarRow second = first;
  second.bar.trade_count = 999;
  write({first});
  write({second});
  expect_equal(row(first).value(), first);
}

TEST_P(StoreContract, AGreaterGenerationBeatsAnyOrdinal) {
  BarRow older = sample_row("AAPL", kSecond, 0, 0);
  older.bar.through = Position(1, Position::kOrdinalMax);
  BarRow newer = sample_row("AAPL", kSecond, 0, 0);
  newer.bar.through = Position(2, 1);
  write({older});
  write({newer});
  expect_equal(row(newer).value(), newer);
}

TEST_P(StoreContract, BasisIsPartOfTheKey) {
  BarRow all = sample_row("AAPL", kSecond, 0, 1);
  BarRow vendor = all;
  vendor.bar.key.basis = model::Basis::vendor;
  vendor.bar.trade_count = 1;
  write({all, vendor});
  expect_equal(row(all).value(), all);
  expect_equal(row(vendor).value(), vendor);
  EXPECT_EQ(found({}), Names{"AAPL 1s 0"});
}

TEST_P(StoreContract, BarsComeInOrderOfSymbolBytesIntervalAndStart) {
  write({sample_row("b", kSecond, 0, 1), sample_row("B", kMinute, 0, 1),
         sample_row("B", kSecond, 2'000, 1), sample_row("B", kSecond, -1'000, 1),
         sample_row("\xc3\x84", kSecond, 0, 1)});
  EXPECT_EQ(found({}), (Names{"B 1s -1000", "B 1s 2000", "B 1m 0", "b 1s 0", "\xc3\x84 1s 0"}));
}

TEST_P(StoreContract, QueriesChooseSymbolIntervalAndRange) {
  std::vector<BarRow> rows;
  for (const char* symbol : {"A", "B"}) {
    for (int64_t start = 0; start < 5'000; start += 1'000)
      rows.push_back(sample_row(symbol, kSecond, start, 1));
    rows.push_back(sample_row(symbol, kMinute, 0, 1));
  }
  write(rows);
  EXPECT_EQ(found({.symbol = "A", .interval = kMinute}), Names{"A 1m 0"});
  EXPECT_EQ(found({.symbol = "B", .interval = kSecond, .from = at_ms(1'000), .to = at_ms(3'000)}),
            (Names{"B 1s 1000", "B 1s 2000"}));
  EXPECT_EQ(found({.interval = kSecond, .from = at_ms(4'000)}), (Names{"A 1s 4000", "B 1s 4000"}));
  EXPECT_TRUE(found({.symbol = "C"}).empty());
  EXPECT_TRUE(found({.basis = model::Basis::vendor}).empty());
  EXPECT_EQ(found({.symbol = "A"}).size(), 6u);
}

TEST_P(StoreContract, LimitGivesTheOldestOrTheNewestAscending) {
  std::vector<BarRow> rows;
  for (int64_t start = 0; start < 5'000; start += 1'000)
    rows.push_back(sample_row("A", kSecond, start, 1));
  rows.push_back(sample_row("B", kSecond, 0, 1));
  write(rows);
  EXPECT_EQ(found({.limit = 2}), (Names{"A 1s 0", "A 1s 1000"}));
  EXPECT_EQ(found({.from = at_ms(4'000), .limit = 2}), Names{"A 1s 4000"});
  EXPECT_EQ(found({.from = at_ms(0), .limit = 6}).size(), 6u);
  EXPECT_EQ(found({.symbol = "A", .interval = kSecond, .limit = 2, .newest = true}),
            (Names{"A 1s 3000", "A 1s 4000"}));
  EXPECT_EQ(
      found({.symbol = "A", .interval = kSecond, .to = at_ms(3'000), .limit = 2, .newest = true}),
      (Names{"A 1s 1000", "A 1s 2000"}));
  const auto refused =
      reader_->bars({.limit = 2, .newest = true}, [](const model::Bar&) { return true; });
  EXPECT_EQ(refused.error().code(), ErrorCode::invalid);
}

TEST_P(StoreContract, AReadMayStopEarlyAndBeginAgain) {
  write({sample_row("A", kSecond, 0, 1), sample_row("A", kSecond, 1'000, 1),
         sample_row("B", kSecond, 0, 1)});
  int seen = 0;
  ASSERT_TRUE(reader_->bars({}, [&](const model::Bar&) { return ++seen < 1; }).ok());
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(found({}).size(), 3u);
}

TEST_P(StoreContract, RowsOverlappingAreOfAllIntervalsAndBasisAll) {
  BarRow eligible = sample_row("A", kSecond, 59'000, 1);
  eligible.bar.key.basis = model::Basis::eligible;
  BarRow long_day = sample_row("A", model::Interval(86'400'000), 0, 1);
  long_day.bar.end = at_ms(90'000'000);
  write({sample_row("A", kSecond, 58'000, 1), sample_row("A", kSecond, 59'000, 1), eligible,
         sample_row("A", kSecond, 60'000, 1), sample_row("A", kMinute, 0, 1),
         sample_row("A", kMinute, 60'000, 1), sample_row("B", kMinute, 0, 1), long_day});
  std::vector<std::string> names;
  for (const auto& row : reader_->rows_overlapping("A", at_ms(59'000), at_ms(60'000)).value())
    names.push_back(std::string(model::to_text(row.bar.key.interval)) + " " +
                    std::to_string(row.bar.key.start.time_since_epoch().count()));
  EXPECT_EQ(names, (Names{"1s 59000", "1m 0", "1d 0"}));
  EXPECT_EQ(reader_->rows_overlapping("A", at_ms(89'999'999), at_ms(90'000'000)).value().size(),
            1u);
  EXPECT_EQ(reader_->rows_overlapping("A", model::EventTime::min(), model::EventTime::max())
                .value()
                .size(),
            6u);
}

TEST_P(StoreContract, GapsAreThoseOfTheSymbolAndOfItsWholeSource) {
  Commit commit;
  commit.gaps = {sample_gap(3, "A", 50, 60), sample_gap(1, std::nullopt, 10, 20),
                 sample_gap(2, "B", 15, 70), sample_gap(4, "A", 80, 80)};
  ASSERT_TRUE(writer_->write(commit).ok());
  EXPECT_EQ(gap_ordinals("", 0, 100, 0), (Ordinals{1, 2, 3, 4}));
  EXPECT_EQ(gap_ordinals("A", 0, 100, 0), (Ordinals{1, 3, 4}));
  EXPECT_EQ(gap_ordinals("C", 0, 100, 0), Ordinals{1});
  EXPECT_EQ(gap_ordinals("", 20, 50, 0), Ordinals{2});
  EXPECT_EQ(gap_ordinals("A", 80, 81, 0), Ordinals{4});
  EXPECT_EQ(gap_ordinals("", 0, 100, 2), (Ordinals{1, 2}));

  Ordinals newest;
  for (const auto& gap : reader_->newest_gaps("A", at_us(0), at_us(100), 2).value())
    newest.push_back(gap.position.ordinal());
  EXPECT_EQ(newest, (Ordinals{3, 4}));

  const model::Gap gap = reader_->gaps("A", at_us(50), at_us(60), 1).value().at(0);
  EXPECT_EQ(gap.source, "finnhub");
  EXPECT_EQ(gap.symbol, "A");
  EXPECT_EQ(gap.from, at_us(50));
  EXPECT_EQ(gap.to, at_us(60));
  EXPECT_EQ(gap.cause, "disconnect");
  EXPECT_FALSE(reader_->gaps("C", at_us(0), at_us(100), 1).value().at(0).symbol);
}

TEST_P(StoreContract, AGapWrittenAgainIsStillOne) {
  Commit commit;
  commit.gaps = {sample_gap(1, "A", 50, 60)};
  ASSERT_TRUE(writer_->write(commit).ok());
  ASSERT_TRUE(writer_->write(commit).ok());
  EXPECT_EQ(gap_ordinals("", 0, 100, 0), Ordinals{1});
}

TEST_P(StoreContract, ASymbolKeepsItsNewestState) {
  const auto symbol = [](std::string state, uint64_t ordinal) {
    Commit commit;
    commit.symbols = {{.symbol = "AAPL",
                       .venue_class = "stock",
                       .state = std::move(state),
                       .detail = "why",
                       .since = at_us(static_cast<int64_t>(ordinal)),
                       .position = Position(1, ordinal)},
                      {.symbol = "A",
                       .venue_class = "other",
                       .state = "seen",
                       .detail = "",
                       .since = at_us(0),
                       .position = Position(1, 1)}};
    return commit;
  };
  ASSERT_TRUE(writer_->write(symbol("subscribed", 5)).ok());
  ASSERT_TRUE(writer_->write(symbol("refused", 6)).ok());
  ASSERT_TRUE(writer_->write(symbol("seen", 4)).ok());
  const auto rows = reader_->symbols().value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].symbol, "A");
  EXPECT_EQ(rows[1].symbol, "AAPL");
  EXPECT_EQ(rows[1].venue_class, "stock");
  EXPECT_EQ(rows[1].state, "refused");
  EXPECT_EQ(rows[1].detail, "why");
  EXPECT_EQ(rows[1].since, at_us(6));
  EXPECT_EQ(rows[1].position, Position(1, 6));
}

TEST_P(StoreContract, TheCheckpointNeverGoesBack) {
  const auto checkpoint = [](uint64_t ordinal, std::string state) {
    Commit commit;
    commit.checkpoint = Checkpoint{Position(1, ordinal), std::move(state)};
    return commit;
  };
  ASSERT_TRUE(writer_->write(checkpoint(5, std::string("\0five", 5))).ok());
  ASSERT_TRUE(writer_->write(checkpoint(4, "four")).ok());
  const auto kept = reader_->checkpoint().value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->position, Position(1, 5));
  EXPECT_EQ(kept->state, std::string("\0five", 5));
}

TEST_P(StoreContract, RemovedBarsAreGoneAndMayComeAgain) {
  const BarRow kept = sample_row("AAPL", kMinute, 0, 9);
  const BarRow gone = sample_row("AAPL", kMinute, 60'000, 9);
  const BarRow replaced = sample_row("MSFT", kMinute, 0, 9);
  write({kept, gone, replaced});
  BarRow older = replaced;
  older.bar.through = Position(0, 1);
  Commit commit;
  commit.removed = {gone.bar.key, replaced.bar.key};
  commit.bars = {older};
  ASSERT_TRUE(writer_->write(commit).ok());
  EXPECT_TRUE(row(kept));
  EXPECT_FALSE(row(gone));
  expect_equal(row(replaced).value(), older);
  std::vector<std::string> symbols;
  ASSERT_TRUE(
      reader_->keys({}, [&](const model::BarKey& key) { symbols.push_back(key.symbol); }).ok());
  EXPECT_EQ(symbols, (std::vector<std::string>{"AAPL", "MSFT"}));
}

TEST_P(StoreContract, BelongsToOneLogOnceItHoldsSomething) {
  EXPECT_EQ(store_->log().value(), "");
  ASSERT_TRUE(store_->bind_to_log("first").ok());
  ASSERT_TRUE(store_->bind_to_log("second").ok()) << "nothing of the first is in it";
  write({sample_row("AAPL", kMinute, 0, 9)});
  EXPECT_TRUE(store_->bind_to_log("second").ok());
  EXPECT_TRUE(store_->bind_to_log("").ok()) << "a log that does not tell is not told apart";
  const auto refused = store_->bind_to_log("third");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::invalid);
  EXPECT_NE(refused.error().message().find("another log (second)"), std::string::npos);
  EXPECT_EQ(store_->log().value(), "second");
}

TEST_P(StoreContract, ContentOutlivesTheStore) {
  if (!place_->durable()) GTEST_SKIP() << "this store keeps nothing beyond its life";
  const BarRow want = sample_row("AAPL", kMinute, 0, 9);
  Commit commit;
  commit.bars = {want};
  commit.gaps = {sample_gap(1, "A", 50, 60)};
  commit.checkpoint = Checkpoint{Position(1, 9), "state"};
  ASSERT_TRUE(writer_->write(commit).ok());
  reopen();
  expect_equal(row(want).value(), want);
  EXPECT_EQ(gap_ordinals("", 0, 100, 0), Ordinals{1});
  EXPECT_EQ(reader_->checkpoint().value()->position, Position(1, 9));
}

TEST_P(StoreContract, SeveralReadersSeeWhatIsCommitted) {
  const auto other = store_->open_reader().value();
  const BarRow want = sample_row("AAPL", kMinute, 0, 9);
  write({want});
  expect_equal(other->row(want.bar.key).value().value(), want);
  EXPECT_GT(store_->bytes(), 0u);
}

}  // namespace tapeline::store
