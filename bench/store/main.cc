// How many bars a second does the embedded store take, and how many bytes does each need?
//
//   bench_store [BARS] [FOLDER]     (1,000,000 in a new folder below the temporary one)
//
// Bars of one second of 1,000 symbols, in commits of 50,000, each with a state of 100 bytes; then a
// fifth of them once more, as revisions. The answer is checked: every bar is read back in its
// newest form, and the sums are right.
#include <fmt/format.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "cpu_time.h"
#include "store/embedded/store.h"

namespace tapeline {
namespace {

using bench::cpu_seconds;

constexpr int64_t kSymbols = 1'000;
constexpr int64_t kCommitBars = 50'000;
constexpr int64_t kReviseEvery = 5;
constexpr int64_t kFirstMs = 1'704'292'200'000;  // 2024-01-03 14:30 UTC
constexpr model::Interval kSecond{1'000};

/// Bar number `n`: of symbol n mod 1,000 in second n / 1,000.
store::BarRow bar(int64_t n, int64_t trades, uint64_t through) {
  store::BarRow row;
  model::Bar& made = row.bar;
  made.key = {fmt::format("SYM{:04}", n % kSymbols), kSecond,
              model::EventTime(std::chrono::milliseconds(kFirstMs + n / kSymbols * 1'000)),
              model::Basis::all};
  made.end = made.key.start + std::chrono::milliseconds(kSecond.ms());
  made.priced_by = model::PricedBy::trades;
  made.open = made.low = model::Decimal{18'990 + n % 97, 2};
  made.high = made.close = model::Decimal{19'090 + n % 97, 2};
  made.volume.add(model::Decimal{100 * trades, 0});
  made.notional.add_product(*made.close, model::Decimal{100 * trades, 0});
  made.trade_count = trades;
  made.coverage_kind = model::CoverageKind::confirmed;
  made.coverage_ms = 1'000;
  made.first_id = made.last_id = {"simulated", 1, n + 1};
  made.last_id.sequence += trades;
  made.through = Position(1, through);
  row.state.assign(100, 'x');
  return row;
}

struct Timed {
  double seconds = 0;
  double cpu = 0;
};

/// Writes bars 0, step, 2 step, ... below `count`; only the commits are timed.
Timed write(store::Writer& writer, int64_t count, int64_t step, int64_t trades, uint64_t through) {
  Timed timed;
  for (int64_t n = 0; n < count;) {
    store::Commit commit;
    for (; n < count && static_cast<int64_t>(commit.bars.size()) < kCommitBars; n += step)
      commit.bars.push_back(bar(n, trades, through));
    const double cpu = cpu_seconds();
    const auto begun = std::chrono::steady_clock::now();
    const auto written = writer.write(commit);
    CHECK(written.ok(), "{}", written.error().message());
    timed.seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    timed.cpu += cpu_seconds() - cpu;
  }
  return timed;
}

void print(const char* what, int64_t bars, const Timed& timed) {
  fmt::print("{}: {} bars, {:.0f} bars/s, {:.2f} CPU-us a bar\n", what, bars,
             static_cast<double>(bars) / timed.seconds,
             timed.cpu * 1e6 / static_cast<double>(bars));
}

void run(int64_t count, const std::string& path) {
  const auto store = store::open_embedded_store(path, "bench", system_clock(), {}).value();
  const auto writer = store->open_writer().value();
  print("new", count, write(*writer, count, 1, 1, 1));
  const int64_t revised = (count + kReviseEvery - 1) / kReviseEvery;
  print("revised", revised, write(*writer, count, kReviseEvery, 3, 2));
  write(*writer, std::min<int64_t>(count, kCommitBars), 1, 9, 1);  // Stale: must change nothing.

  int64_t bars = 0;
  int64_t trades = 0;
  const auto begun = std::chrono::steady_clock::now();
  const auto read = store->open_reader().value()->bars({}, [&](const model::Bar& found) {
    ++bars;
    trades += found.trade_count;
    return true;
  });
  CHECK(read.ok(), "{}", read.error().message());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  CHECK(bars == count, "{} bars of {}", bars, count);
  CHECK(trades == count + 2 * revised, "{} trades", trades);
  fmt::print("read: {} bars, {:.0f} bars/s\n", bars, static_cast<double>(bars) / seconds);
  fmt::print("size: {:.0f} bytes a bar, write-ahead file included\n",
             static_cast<double>(store->bytes()) / static_cast<double>(count));
}

}  // namespace
}  // namespace tapeline

int main(int argc, char** argv) {
  const int64_t count = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  CHECK(count > 0, "give a number of bars");
  std::string pattern =
      (argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path()) /
      "bench_store_XXXXXX";
  const std::string folder = ::mkdtemp(pattern.data());
  tapeline::run(count, folder + "/bars.sqlite");
  std::filesystem::remove_all(folder);
}
