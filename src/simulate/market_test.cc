#include "simulate/market.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace tapeline::simulate {
namespace {

constexpr WallTime kStart{std::chrono::seconds{1'700'000'000}};

/// What is counted in these tests, over a number of generated trades.
struct Counted {
  int64_t trades = 0;
  int64_t frames = 0;
  int64_t sharing_a_millisecond = 0;  ///< With another trade of the same symbol.
  int64_t late = 0;
  int64_t greatest_lag_ms = 0;
  std::map<std::string, int64_t> by_symbol;
  std::map<std::string, int64_t> conditions;
  std::map<int64_t, int64_t> by_second;
  uint64_t digest = 0xcbf29ce484222325;
};

/// The hash by Fowler, Noll and Vo, continued.
uint64_t fnv1a(uint64_t digest, std::string_view bytes) {
  for (const char byte : bytes)
    digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return digest;
}

std::string_view conditions_in(std::string_view element) {
  const size_t begin = element.find("\"c\":") + 4;
  return element.substr(begin, element.find(",\"p\":") - begin);
}

Counted count(MarketOptions options, int64_t trades) {
  options.start = kStart;
  Market market(options);
  Counted counted;
  std::map<std::pair<uint32_t, int64_t>, int64_t> together;
  std::map<uint32_t, int64_t> newest;
  Batch batch;
  while (counted.trades < trades) {
    EXPECT_TRUE(market.next(batch).value());
    counted.digest = fnv1a(counted.digest, batch.text);
    ++counted.frames;
    for (size_t i = 0; i < batch.elements.size(); ++i) {
      const GeneratedTrade& trade = market.trades()[i];
      const Batch::Element& element = batch.elements[i];
      ++counted.trades;
      ++counted.by_symbol[market.instruments()[trade.instrument].symbol];
      const std::string_view text(batch.text.data() + element.begin, element.end - element.begin);
      ++counted.conditions[std::string(conditions_in(text))];
      ++counted.by_second[trade.event_time_ms / 1'000];
      ++together[{trade.instrument, trade.event_time_ms}];
      auto [at, first] = newest.try_emplace(trade.instrument, trade.event_time_ms);
      if (trade.event_time_ms < at->second) {
        ++counted.late;
        counted.greatest_lag_ms =
            std::max(counted.greatest_lag_ms, at->second - trade.event_time_ms);
      }
      at->second = std::max(at->second, trade.event_time_ms);
    }
  }
  for (const auto& [key, number] : together)
    if (number > 1) counted.sharing_a_millisecond += number;
  return counted;
}

TEST(Market, GivesTheSameBytesForASeedOnEveryMachine) {
  EXPECT_EQ(count({}, 200'000).digest, 13438131137243409467u);
  MarketOptions load;
  load.instruments = numbered_instruments(1'000);
  load.trades_per_s = 20'000;
  load.arrivals = Arrivals::steady;
  load.trades_per_frame_max = 5;
  EXPECT_EQ(count(load, 200'000).digest, 3297205338273251895u);
}

TEST(Market, GivesOtherBytesForAnotherSeed) {
  MarketOptions other;
  other.seed = 2;
  EXPECT_NE(count({}, 1'000).digest, count(other, 1'000).digest);
}

TEST(Market, KeepsTheChosenRate) {
  MarketOptions options;
  options.trades_per_s = 500;
  const Counted counted = count(options, 1'000'000);
  const auto seconds = counted.by_second.rbegin()->first - counted.by_second.begin()->first + 1;
  EXPECT_NEAR(static_cast<double>(counted.trades) / static_cast<double>(seconds), 500, 75);
}

TEST(Market, HasTenfoldBursts) {
  MarketOptions options;
  options.trades_per_s = 500;
  const Counted counted = count(options, 1'000'000);
  std::vector<int64_t> rates;
  for (const auto& [second, trades] : counted.by_second) rates.push_back(trades);
  std::sort(rates.begin(), rates.end());
  const auto calm = static_cast<double>(rates[rates.size() / 2]);
  const auto busiest = static_cast<double>(rates[rates.size() * 995 / 1'000]);
  EXPECT_NEAR(busiest / calm, 10, 2);
}

TEST(Market, SharesMillisecondsAndComesLateNowAndThen) {
  const Counted counted = count({}, 300'000);
  const auto share = [&](int64_t part) {
    return static_cast<double>(part) / static_cast<double>(counted.trades);
  };
  EXPECT_GE(share(counted.sharing_a_millisecond), 0.20);
  EXPECT_NEAR(share(counted.late), 0.01, 0.002);
  EXPECT_LE(counted.greatest_lag_ms, 2'000);
  EXPECT_GE(counted.greatest_lag_ms, 1'500);
}

TEST(Market, FollowsZipf) {
  MarketOptions options;
  options.instruments = numbered_instruments(1'000);
  const Counted counted = count(options, 500'000);
  const auto trades = [&](const char* symbol) {
    return static_cast<double>(counted.by_symbol.at(symbol));
  };
  EXPECT_EQ(counted.by_symbol.size(), 1'000u);
  EXPECT_NEAR(trades("SYM0001") / trades("SYM0002"), std::pow(2, 1.1), 0.15);
  EXPECT_NEAR(trades("SYM0001") / trades("SYM0010"), std::pow(10, 1.1), 1.5);
}

TEST(Market, HasTheConditionsOfTheRecordedDay) {
  MarketOptions options;
  options.instruments = numbered_instruments(10);
  const Counted counted = count(options, 335'691);
  EXPECT_NEAR(static_cast<double>(counted.conditions.at(R"(["1","8"])")), 173'562, 1'500);
  EXPECT_NEAR(static_cast<double>(counted.conditions.at(R"(["1"])")), 162'098, 1'500);
  EXPECT_NEAR(static_cast<double>(counted.conditions.at(R"(["1","32"])")), 27, 20);
}

TEST(Market, SendsCryptoWithoutConditionsAndForexWithoutVolume) {
  MarketOptions options;
  options.start = kStart;
  Market market(options);
  std::set<InstrumentClass> seen;
  size_t volume_decimals = 0;
  Batch batch;
  for (int frame = 0; frame < 5'000; ++frame) {
    ASSERT_TRUE(market.next(batch).value());
    for (const Batch::Element& element : batch.elements) {
      const std::string_view text(batch.text.data() + element.begin, element.end - element.begin);
      const Instrument& instrument = market.instruments()[element.instrument];
      seen.insert(instrument.kind);
      EXPECT_EQ(conditions_in(text) == "null", instrument.kind != InstrumentClass::stock) << text;
      const std::string volume(text.substr(text.find("\"v\":") + 4));
      EXPECT_EQ(volume == "0}", instrument.kind == InstrumentClass::forex) << text;
      if (const size_t point = volume.find('.'); point != std::string::npos)
        volume_decimals = std::max(volume_decimals, volume.size() - point - 2);
    }
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(volume_decimals, 8u);
}

TEST(Market, WritesFramesAsFinnhubDoes) {
  MarketOptions options;
  options.start = kStart;
  options.instruments = numbered_instruments(1);
  options.arrivals = Arrivals::steady;
  options.trades_per_s = 1'000;
  options.trades_per_frame_max = 2;
  options.late_share = 0;
  Market market(options);
  Batch batch;
  ASSERT_TRUE(market.next(batch).value());
  EXPECT_EQ(
      batch.text,
      R"({"data":[{"c":["1"],"p":89.19,"s":"SYM0001","t":1700000000001,"v":200},)"
      R"({"c":["1","8"],"p":89.19,"s":"SYM0001","t":1700000000002,"v":300}],"type":"trade"})");
  EXPECT_EQ(batch.due, kStart + std::chrono::milliseconds(2));
}

TEST(Market, PricesStayNearWhereTheyBegan) {
  MarketOptions options;
  options.start = kStart;
  options.instruments = numbered_instruments(3);
  Market market(options);
  Batch batch;
  for (int frame = 0; frame < 1'000'000; ++frame) ASSERT_TRUE(market.next(batch).value());
  for (uint32_t i = 0; i < 3; ++i) {
    const double start = static_cast<double>(market.instruments()[i].price_start) / 1e4;
    EXPECT_GT(market.quote(i).low, start * 0.85);
    EXPECT_LT(market.quote(i).high, start * 1.15);
    EXPECT_GT(market.quote(i).high, market.quote(i).low * 1.01) << "a market that does not move";
  }
}

TEST(Market, MakesUpNothingForSkippedTime) {
  MarketOptions options;
  options.start = kStart;
  Market market(options);
  Batch batch;
  ASSERT_TRUE(market.next(batch).value());
  market.skip_to(kStart + std::chrono::hours(1));
  ASSERT_TRUE(market.next(batch).value());
  EXPECT_GE(batch.due, kStart + std::chrono::hours(1));
  EXPECT_LE(batch.due, kStart + std::chrono::hours(1) + std::chrono::seconds(5));
}

TEST(Market, WithoutARateOnlySkippingMovesTime) {
  MarketOptions options;
  options.start = kStart;
  options.trades_per_s = std::numeric_limits<double>::infinity();
  Market market(options);
  Batch batch;
  for (int frame = 0; frame < 100; ++frame) {
    ASSERT_TRUE(market.next(batch).value());
    EXPECT_EQ(batch.due, kStart);
    EXPECT_EQ(batch.elements.size(), options.trades_per_frame_max);
  }
}

TEST(WriteNumber, IsWhatGoWrites) {
  const auto text = [](int64_t value, int decimals) {
    char buffer[64];
    return std::string(buffer, write_number(buffer, value, decimals));
  };
  EXPECT_EQ(text(0, 8), "0");
  EXPECT_EQ(text(222'457, 0), "222457");
  EXPECT_EQ(text(2'224'570'000, 4), "222457");
  EXPECT_EQ(text(1'295'750, 4), "129.575");
  EXPECT_EQ(text(8'000, 8), "0.00008");
  EXPECT_EQ(text(176, 8), "0.00000176");
  EXPECT_EQ(text(100, 8), "0.000001");
  EXPECT_EQ(text(99, 8), "9.9e-7");
  EXPECT_EQ(text(10, 8), "1e-7");
  EXPECT_EQ(text(1, 8), "1e-8");
  EXPECT_EQ(text(1, 10), "1e-10");
  EXPECT_EQ(text(123, 10), "1.23e-8");
  EXPECT_EQ(text(-150, 2), "-1.5");
  EXPECT_EQ(text(std::numeric_limits<int64_t>::max(), 0), "9223372036854775807");
}

TEST(Fixed, AgreesWithTheMathematicalFunctions) {
  for (uint64_t p = 1; p <= (uint64_t{1} << 32); p = p * 3 + 1)
    EXPECT_NEAR(minus_ln(p) / 65'536.0, -std::log(static_cast<double>(p) / 0x1p32), 2e-5) << p;
  for (uint64_t x = 0; x < (uint64_t{20} << 32); x += 0x3456789a)
    EXPECT_NEAR(static_cast<double>(exp2_minus(x)) * 0x1p-62,
                std::exp2(-static_cast<double>(x) * 0x1p-32), 1e-12)
        << x;
  const std::vector<uint64_t> weights = zipf_weights(1'000, 110);
  for (size_t rank = 1; rank <= weights.size(); ++rank)
    EXPECT_NEAR(static_cast<double>(weights[rank - 1]) * 0x1p-40,
                std::pow(static_cast<double>(rank), -1.1), 1e-8);
}

TEST(Fixed, DrawsByWeight) {
  const std::vector<uint64_t> weights = {1, 2, 3, 94};
  const WeightedDraw draw(weights);
  Random random(1);
  std::vector<int> drawn(weights.size());
  for (int i = 0; i < 1'000'000; ++i) ++drawn[draw(random.next())];
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_NEAR(drawn[i], static_cast<double>(weights[i]) * 1e4, 700);
}

}  // namespace
}  // namespace tapeline::simulate
