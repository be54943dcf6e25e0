#include "model/digest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace tapeline::model {
namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (size_t at = 0; at <= line.size();) {
    const size_t comma = std::min(line.find(',', at), line.size());
    cells.push_back(line.substr(at, comma - at));
    at = comma + 1;
  }
  return cells;
}

std::optional<Decimal> price(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return parse_decimal(text, kPriceDecimalsMax).value;
}

Sum sum(const std::string& text) {
  if (text.empty()) return Sum::from_units(std::nullopt);
  Sum out;
  out.add(parse_decimal(text, kScaleMax).value);
  return out;
}

/// symbol,interval_ms,start_ms,open,high,low,close,volume,notional,count,price_update_count,
/// priced_by,basis,digest; no cell of the file is quoted.
Bar bar_of(const std::vector<std::string>& cells) {
  Bar bar;
  bar.key = {cells[0], Interval(std::stoll(cells[1])),
             EventTime(std::chrono::milliseconds(std::stoll(cells[2]))), *parse_basis(cells[12])};
  bar.open = price(cells[3]);
  bar.high = price(cells[4]);
  bar.low = price(cells[5]);
  bar.close = price(cells[6]);
  bar.volume = sum(cells[7]);
  bar.notional = sum(cells[8]);
  bar.trade_count = std::stoll(cells[9]);
  bar.price_update_count = std::stoll(cells[10]);
  bar.priced_by = *parse_priced_by(cells[11]);
  return bar;
}

/// Law 4. The oracle is held against the same file (tests/oracle/test_oracle_digest.py).
TEST(Digest, Law4IsThatOfTheExamplesSharedWithTheOracle) {
  std::ifstream file(std::string(TAPELINE_SOURCE_DIR) + "/tests/golden/digests.csv");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  int examples = 0;
  for (; std::getline(file, line); ++examples) {
    const std::vector<std::string> cells = cells_of(line);
    ASSERT_EQ(cells.size(), 14u) << line;
    EXPECT_EQ(digest(bar_of(cells)), cells[13]) << line;
  }
  EXPECT_GE(examples, 8);
}

TEST(Digest, Law4IsOfTheContentAlone) {
  Bar bar;
  bar.key = {"X:A", Interval(1'000), EventTime{}, Basis::all};
  const std::string before = digest(bar);
  bar.revision = 7;
  bar.final = true;
  bar.gap = true;
  bar.coverage_ms = 5;
  bar.excluded_count = 1;
  bar.last_id = {"feed", 1, 2};
  bar.through = Position(0, 9);
  EXPECT_EQ(digest(bar), before);
  bar.trade_count = 1;
  EXPECT_NE(digest(bar), before);
}

TEST(Digest, ASymbolWithLineFeedsIsNoOtherBar) {
  Bar one, other;
  one.key.symbol = "0\nA";
  other.key.symbol = "A";
  EXPECT_NE(content_text(one), content_text(other));
  EXPECT_EQ(content_text(one).substr(content_text(one).size() - 3), "0\nA");
}

}  // namespace
}  // namespace tapeline::model
