// What does a trade cost in the engine, decoding included, and what a bar?
//
//   bench_engine [TRADES]     (2,000,000 unless said otherwise)
//
// A generated market: 1,000 symbols of skewed popularity, five trades a frame, a fifth of them in
// one millisecond with the one before, 1 % out of order by up to two seconds; default intervals.
// The answer is checked: every trade is in exactly one bar of each interval, volumes add up.
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "codec/entry.h"
#include "cpu_time.h"
#include "engine/engine.h"
#include "store/memory/store.h"

namespace tapeline {
namespace {

using bench::cpu_seconds;

constexpr uint64_t kSeed = 20'240'103;
constexpr size_t kSymbols = 1'000;
constexpr uint32_t kBatchRecords = 5'000;
constexpr int64_t kCommitTrades = 500'000;
constexpr int64_t kFirstMs = 1'704'292'200'000;  // 2024-01-03 14:30 UTC
constexpr size_t kIntervals = 5;

struct Market {
  std::vector<log::Batch> batches;
  int64_t trades = 0;
  int64_t volume = 0;  ///< In thousandths.
};

Market generate(int64_t trades) {
  Market market;
  Random random(kSeed);  // The same on every machine.
  std::vector<std::string> symbols;
  for (size_t i = 0; i < kSymbols; ++i) symbols.push_back(fmt::format("BINANCE:S{:03}USDT", i));
  codec::EntryWriter writer;
  uint64_t ordinal = 1;
  int64_t now_us = kFirstMs * 1'000;
  const auto cut = [&] {
    const uint32_t count = writer.count();
    market.batches.push_back(
        {Position(0, ordinal), count, std::make_shared<const std::string>(writer.take())});
    ordinal += count;
  };
  for (int64_t i = 0; i < trades; ++i) {
    // 20,000 trades a second of event time.
    if (random.below(5) != 0) now_us += 62;
    // Each once at first, so that the store's answer to what it holds is not in the measure.
    const bool first = i < static_cast<int64_t>(kSymbols);
    const uint64_t popular = random.below(random.below(kSymbols) + 1);
    const uint64_t b = first ? static_cast<uint64_t>(i) : popular;
    const int64_t back_ms = random.below(100) == 0 ? static_cast<int64_t>(random.below(2'000)) : 0;
    codec::TradeView trade;
    trade.symbol = symbols[b];
    trade.price = {static_cast<int64_t>(10'000 + random.below(999)), 2};
    while (trade.price.mantissa % 10 == 0 && trade.price.scale > 0) {
      trade.price = {trade.price.mantissa / 10, trade.price.scale - 1};
    }
    const auto volume = static_cast<int64_t>(1 + 10 * random.below(900));  // Never ends with 0.
    trade.volume = {volume, 3};
    trade.event_time = model::EventTime(std::chrono::milliseconds(now_us / 1'000 - back_ms));
    trade.ingest_time = model::IngestTime(std::chrono::microseconds(now_us));
    trade.source = "simulated";
    trade.epoch = 1;
    trade.sequence = i + 1;
    trade.frame = i / 5 + 1;
    writer.add(trade);
    market.volume += volume;
    if (writer.count() == kBatchRecords) cut();
  }
  if (!writer.empty()) cut();
  market.trades = trades;
  return market;
}

double decode_seconds(const Market& market) {
  const double begin = cpu_seconds();
  codec::EntryView entry;
  int64_t sum = 0;
  for (const log::Batch& batch : market.batches) {
    codec::EntryReader reader(*batch.bytes);
    while (reader.next(entry) == codec::EntryReader::Outcome::progressed) {
      sum += entry.trade.sequence;
    }
  }
  const double seconds = cpu_seconds() - begin;
  CHECK(sum == market.trades * (market.trades + 1) / 2, "decoded otherwise than written");
  return seconds;
}

/// A week of silence after a trade of each symbol: one tick a second.
double tick_seconds(int64_t ticks) {
  auto store = store::make_memory_store();
  auto reader = store->open_reader().value();
  engine::Engine engine(engine::Options{}, *reader);
  engine.apply(generate(kSymbols).batches.front()).value();
  const double begin = cpu_seconds();
  uint64_t ordinal = kSymbols + 1;
  codec::EntryWriter writer;
  model::Control tick;
  tick.kind = model::ControlKind::tick;
  tick.source = "simulated";
  for (int64_t i = 1; i <= ticks; ++i) {
    tick.to = model::IngestTime(std::chrono::milliseconds(kFirstMs + i * 1'000));
    tick.ingest_time = *tick.to;
    writer.add(tick);
    if (writer.count() < kBatchRecords && i < ticks) continue;
    const uint32_t count = writer.count();
    const log::Batch batch{Position(0, ordinal), count,
                           std::make_shared<const std::string>(writer.take())};
    engine.apply(batch).value();
    ordinal += count;
  }
  CHECK(engine.counters().bars_finalized == static_cast<int64_t>(kSymbols * kIntervals));
  return cpu_seconds() - begin;
}

struct Outcome {
  double apply_seconds = 0;
  double commit_seconds = 0;
  int64_t bars_written = 0;
  size_t memory_bytes = 0;
};

Outcome run(const Market& market, store::Store& store) {
  auto reader = store.open_reader().value();
  auto writer = store.open_writer().value();
  engine::Engine engine(engine::Options{}, *reader);
  Outcome out;
  int64_t since_commit = 0;
  const auto commit = [&] {
    const double begin = cpu_seconds();
    const store::Commit prepared = engine.prepare_commit();
    out.commit_seconds += cpu_seconds() - begin;
    out.bars_written += static_cast<int64_t>(prepared.bars.size());
    writer->write(prepared).value();
    engine.committed(prepared.checkpoint->position);
    since_commit = 0;
  };
  for (const log::Batch& batch : market.batches) {
    const double begin = cpu_seconds();
    engine.apply(batch).value();
    out.apply_seconds += cpu_seconds() - begin;
    out.memory_bytes = std::max(out.memory_bytes, engine.memory_bytes());
    since_commit += batch.count;
    if (since_commit >= kCommitTrades) commit();
  }
  commit();
  return out;
}

void check_answer(const Market& market, store::Store& store) {
  auto reader = store.open_reader().value();
  std::map<int64_t, int64_t> trades;
  std::map<int64_t, model::Sum> volumes;
  reader
      ->bars({},
             [&](const model::Bar& bar) {
               trades[bar.key.interval.ms()] += bar.trade_count;
               volumes[bar.key.interval.ms()].merge(bar.volume);
               return true;
             })
      .value();
  CHECK(trades.size() == kIntervals);
  model::Sum expected;
  expected.add({market.volume, 3});
  for (const auto& [interval_ms, count] : trades) {
    CHECK(count == market.trades, "{} of {} trades in bars of {} ms", count, market.trades,
          interval_ms);
    CHECK(volumes[interval_ms] == expected, "volumes of {} ms do not add up", interval_ms);
  }
}

int main_of_bench(int64_t trades) {
  const Market market = generate(trades);
  const double decode = decode_seconds(market);
  auto store = store::make_memory_store();
  const Outcome outcome = run(market, *store);
  check_answer(market, *store);
  const auto per = [](double seconds, int64_t count) {
    return seconds * 1e9 / static_cast<double>(count);
  };
  fmt::print("trades {}  bars written {}  engine memory {} KiB\n", trades, outcome.bars_written,
             outcome.memory_bytes / 1'024);
  fmt::print("decode alone       {:7.1f} ns/trade\n", per(decode, trades));
  fmt::print("decode and apply   {:7.1f} ns/trade\n", per(outcome.apply_seconds, trades));
  fmt::print("prepare a commit   {:7.1f} ns/bar\n",
             per(outcome.commit_seconds, outcome.bars_written));
  constexpr int64_t kWeekTicks = 7 * 86'400;
  fmt::print("a week of ticks    {:7.1f} ms\n", tick_seconds(kWeekTicks) * 1e3);
  return 0;
}

}  // namespace
}  // namespace tapeline

int main(int argc, char** argv) {
  return tapeline::main_of_bench(argc > 1 ? std::atoll(argv[1]) : 2'000'000);
}
