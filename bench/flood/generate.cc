#include "generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "simulate/market.h"

namespace tapeline::bench {
namespace {

__extension__ using Int128 = __int128;

constexpr std::array<int64_t, 3> kIntervalsMs = {1'000, 60'000, 300'000};
/// 2023-11-14T22:13:20Z: a fixed time in the past.
constexpr WallTime kStart{std::chrono::seconds{1'700'000'000}};
constexpr int kPriceDecimals = 4;

/// The trades of one window, in units of 10^-4.
struct Bar {
  int64_t open_ms = 0;
  int64_t close_ms = 0;
  int64_t open = 0, high = 0, low = 0, close = 0;
  int64_t volume = 0;
  Int128 notional = 0;
  int64_t count = 0;
};

struct Key {
  uint32_t instrument;
  uint32_t interval;
  int64_t start_ms;

  friend auto operator<=>(const Key&, const Key&) = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    return (static_cast<size_t>(key.start_ms) * 4'093 + key.instrument) * 7 + key.interval;
  }
};

/// Adds up trades in the order of the file, in which their identities grow.
class Tally {
 public:
  void add(const simulate::GeneratedTrade& trade) {
    for (uint32_t i = 0; i < kIntervalsMs.size(); ++i) {
      const int64_t start_ms = trade.event_time_ms / kIntervalsMs[i] * kIntervalsMs[i];
      add(bars_[{trade.instrument, i, start_ms}], trade);
    }
  }

  void write(const std::string& path, const std::vector<simulate::Instrument>& instruments) const {
    std::vector<std::pair<Key, const Bar*>> sorted;
    for (const auto& [key, bar] : bars_) sorted.emplace_back(key, &bar);
    std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
      const std::string& left = instruments[a.first.instrument].symbol;
      const std::string& right = instruments[b.first.instrument].symbol;
      return left != right ? left < right : a.first < b.first;
    });
    std::FILE* const file = std::fopen(path.c_str(), "w");
    CHECK(file != nullptr, "cannot write {}", path);
    fmt::print(file,
               "symbol,interval_ms,start_ms,open,high,low,close,volume,notional,count,"
               "price_update_count,priced_by\n");
    for (const auto& [key, bar] : sorted)
      fmt::print(file, "{},{},{},{},{},{},{},{},{},{},0,trades\n",
                 instruments[key.instrument].symbol, kIntervalsMs[key.interval], key.start_ms,
                 text(bar->open), text(bar->high), text(bar->low), text(bar->close), bar->volume,
                 text(bar->notional), bar->count);
    CHECK(std::fclose(file) == 0, "cannot write {}", path);
  }

 private:
  static void add(Bar& bar, const simulate::GeneratedTrade& trade) {
    if (bar.count == 0) {
      bar.open_ms = bar.close_ms = trade.event_time_ms;
      bar.open = bar.high = bar.low = bar.close = trade.price;
    }
    if (trade.event_time_ms < bar.open_ms) {
      bar.open_ms = trade.event_time_ms;
      bar.open = trade.price;
    }
    if (trade.event_time_ms >= bar.close_ms) {
      bar.close_ms = trade.event_time_ms;
      bar.close = trade.price;
    }
    bar.high = std::max(bar.high, trade.price);
    bar.low = std::min(bar.low, trade.price);
    bar.volume += trade.volume;
    bar.notional += static_cast<Int128>(trade.price) * trade.volume;
    ++bar.count;
  }

  /// Plain decimal without trailing zeros.
  static std::string text(Int128 value) {
    std::string digits = fmt::format("{}", static_cast<int64_t>(value / 10'000));
    const auto fraction = static_cast<int>(value % 10'000);
    if (fraction == 0) return digits;
    digits += fmt::format(".{:04}", fraction);
    while (digits.back() == '0') digits.pop_back();
    return digits;
  }

  std::unordered_map<Key, Bar, KeyHash> bars_;
};

}  // namespace

FloodFiles files_of(const std::string& folder, const FloodSpec& spec) {
  // The number behind "v" changes when the generated market does.
  const std::string stem =
      fmt::format("{}/flood-v1-{}-{}-{}", folder, spec.trades, spec.symbols, spec.seed);
  return {stem + ".jsonl", stem + ".bars.csv"};
}

void generate(const FloodFiles& files, const FloodSpec& spec) {
  if (std::filesystem::exists(files.recording) && std::filesystem::exists(files.bars)) return;
  simulate::MarketOptions options;
  options.seed = spec.seed;
  options.start = kStart;
  options.instruments = simulate::numbered_instruments(spec.symbols);
  options.arrivals = simulate::Arrivals::steady;
  options.trades_per_s = 20'000;  // 20 in every millisecond.
  options.trades_per_frame_max = static_cast<uint32_t>(kTradesPerFrame);
  simulate::Market market(options);
  for (const simulate::Instrument& instrument : market.instruments())
    CHECK(instrument.price_decimals == kPriceDecimals && instrument.volume_decimals == 0);

  // Under another name until it is whole, so that an interrupted run leaves nothing half.
  const std::string unfinished = files.recording + ".unfinished";
  std::FILE* const file = std::fopen(unfinished.c_str(), "w");
  CHECK(file != nullptr, "cannot write {}", unfinished);
  Tally tally;
  simulate::Batch batch;
  for (int64_t trades = 0; trades < spec.trades;) {
    CHECK(market.next(batch).value());
    batch.text += '\n';
    CHECK(std::fwrite(batch.text.data(), 1, batch.text.size(), file) == batch.text.size(),
          "cannot write {}: is the disk full?", unfinished);
    for (const simulate::GeneratedTrade& trade : market.trades()) tally.add(trade);
    trades += static_cast<int64_t>(batch.elements.size());
  }
  CHECK(std::fclose(file) == 0, "cannot write {}: is the disk full?", unfinished);
  tally.write(files.bars, market.instruments());
  std::filesystem::rename(unfinished, files.recording);
}

}  // namespace tapeline::bench
