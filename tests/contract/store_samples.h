#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "store/store.h"

/// Rows for tests of the store and of what uses it.
namespace tapeline::store {

inline model::EventTime at_ms(int64_t ms) {
  return model::EventTime(std::chrono::milliseconds(ms));
}
inline model::IngestTime at_us(int64_t us) {
  return model::IngestTime(std::chrono::microseconds(us));
}

inline constexpr model::Interval kSecond{1'000};
inline constexpr model::Interval kMinute{60'000};

/// A bar with a different value in every member.
inline BarRow sample_row(const std::string& symbol, model::Interval interval, int64_t start_ms,
                         uint64_t through) {
  BarRow row;
  model::Bar& bar = row.bar;
  bar.key = {symbol, interval, at_ms(start_ms), model::Basis::all};
  bar.end = bar.key.start + std::chrono::milliseconds(interval.ms());
  bar.priced_by = model::PricedBy::trades;
  bar.open = model::Decimal{18'995, 2};
  bar.high = model::Decimal{1'901, 1};
  bar.low = model::Decimal{1, 10};
  bar.close = model::Decimal{190, 0};
  bar.volume.add(model::Decimal{12'345'678, 8});
  bar.notional.add_product(model::Decimal{18'995, 2}, model::Decimal{12'345'678, 8});
  bar.trade_count = 318;
  bar.price_update_count = 41;
  bar.excluded_count = 7;
  bar.excluded_by = {{4, 6}, {12, 2}};
  bar.suspect_duplicate_count = 2;
  bar.coverage_kind = model::CoverageKind::confirmed;
  bar.coverage_ms = 987;
  bar.gap = true;
  bar.first_id = {"finnhub", 3, 1'021};
  bar.last_id = {"finnhub", 3, 1'400};
  bar.revision = 5;
  bar.final = true;
  bar.through = Position(1, through);
  row.state = std::string("state\0of ", 9) + symbol;
  return row;
}

inline model::Gap sample_gap(uint64_t ordinal, std::optional<std::string> symbol, int64_t from_us,
                             int64_t to_us) {
  return {.source = "finnhub",
          .symbol = std::move(symbol),
          .from = at_us(from_us),
          .to = at_us(to_us),
          .cause = "disconnect",
          .position = Position(1, ordinal)};
}

inline void expect_equal(const BarRow& got, const BarRow& want) {
  EXPECT_EQ(got.bar.key, want.bar.key);
  EXPECT_EQ(got.bar.end, want.bar.end);
  EXPECT_EQ(got.bar.priced_by, want.bar.priced_by);
  EXPECT_EQ(got.bar.open, want.bar.open);
  EXPECT_EQ(got.bar.high, want.bar.high);
  EXPECT_EQ(got.bar.low, want.bar.low);
  EXPECT_EQ(got.bar.close, want.bar.close);
  EXPECT_EQ(got.bar.volume, want.bar.volume);
  EXPECT_EQ(got.bar.notional, want.bar.notional);
  EXPECT_EQ(got.bar.trade_count, want.bar.trade_count);
  EXPECT_EQ(got.bar.price_update_count, want.bar.price_update_count);
  EXPECT_EQ(got.bar.excluded_count, want.bar.excluded_count);
  EXPECT_EQ(got.bar.excluded_by, want.bar.excluded_by);
  EXPECT_EQ(got.bar.suspect_duplicate_count, want.bar.suspect_duplicate_count);
  EXPECT_EQ(got.bar.coverage_kind, want.bar.coverage_kind);
  EXPECT_EQ(got.bar.coverage_ms, want.bar.coverage_ms);
  EXPECT_EQ(got.bar.gap, want.bar.gap);
  EXPECT_EQ(got.bar.first_id, want.bar.first_id);
  EXPECT_EQ(got.bar.last_id, want.bar.last_id);
  EXPECT_EQ(got.bar.revision, want.bar.revision);
  EXPECT_EQ(got.bar.final, want.bar.final);
  EXPECT_EQ(got.bar.through, want.bar.through);
  EXPECT_EQ(got.state, want.state);
}

}  // namespace tapeline::store
