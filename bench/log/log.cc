// What does a trade cost in the embedded log, written and read back?
//
//   bench_log [TRADES [DURABILITY [TRADES_AN_APPEND]]]     (5,000,000, os, 500)
//
// Trades of 1,000 symbols as the feed's records, through append, compression, checksum and write;
// then the whole folder read back with all checks. The answer is checked: every trade comes back,
// in order. Files are written below the present folder and removed.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "app/log_formats.h"
#include "base/random.h"
#include "codec/entry.h"
#include "cpu_time.h"
#include "log/embedded/embedded_log.h"

namespace tapeline {
namespace {

using bench::cpu_seconds;

constexpr uint64_t kSeed = 20'240'103;
constexpr size_t kChunks = 2'000;

struct Chunk {
  std::string bytes;
  log::Times times;
};

std::vector<Chunk> make_chunks(int trades_each) {
  std::vector<Chunk> chunks;
  Random random(kSeed);  // The same on every machine.
  int64_t us = 1'704'292'200'000'000;
  int64_t sequence = 0;
  for (size_t i = 0; i < kChunks; ++i) {
    codec::EntryWriter writer;
    for (int j = 0; j < trades_each; ++j) {
      us += static_cast<int64_t>(random.below(400));
      const std::string symbol = fmt::format("S{:03}", random.below(1'000));
      codec::TradeView trade;
      trade.symbol = symbol;
      trade.price = {static_cast<int64_t>(10'000 + random.below(100'000)), 2};
      trade.volume = {static_cast<int64_t>(1 + random.below(1'000)), 0};
      trade.event_time = model::EventTime(std::chrono::milliseconds(us / 1'000));
      trade.ingest_time = model::IngestTime(std::chrono::microseconds(us + 35'000));
      trade.source = "finnhub";
      trade.epoch = 1;
      trade.sequence = ++sequence;
      trade.frame = sequence / 5;
      writer.add(trade);
    }
    std::string bytes = writer.take();
    log::Times times = app::entry_format().inspect(bytes, static_cast<uint32_t>(trades_each));
    chunks.push_back({std::move(bytes), times});
  }
  return chunks;
}

double rate(int64_t trades, double seconds) {
  return static_cast<double>(trades) / seconds / 1e6;
}

bool read_back(const log::EmbeddedSetup& setup, const std::vector<Chunk>& chunks, int each,
               int64_t trades) {
  const double begun = cpu_seconds();
  const auto reader = log::open_embedded_source(setup).value()->read({}).value();
  log::Batch batch;
  int64_t seen = 0;
  while (reader->next(batch, {}).value() == log::ReadOutcome::progressed) {
    std::string_view rest = *batch.bytes;
    for (; !rest.empty(); seen += each) {
      const Chunk& chunk = chunks[static_cast<size_t>(seen / each) % kChunks];
      if (!rest.starts_with(chunk.bytes)) return false;
      rest.remove_prefix(chunk.bytes.size());
    }
  }
  fmt::print("read:  {:.1f} M trades a CPU-second\n", rate(trades, cpu_seconds() - begun));
  return seen == trades;
}

int run(int64_t trades, const std::string& durability, int each) {
  const std::vector<Chunk> chunks = make_chunks(each);
  uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) bytes += chunk.bytes.size();
  const std::string folder = "bench_log.folder";
  std::filesystem::remove_all(folder);
  metrics::Registry metrics;
  log::Options options;
  options.durability = durability;
  const log::EmbeddedSetup setup{.files = posix_file_system(),
                                 .clock = system_clock(),
                                 .metrics = metrics,
                                 .folder = folder,
                                 .name = "bench",
                                 .format = app::entry_format(),
                                 .options = options,
                                 .generation = 0,
                                 .seed = 1};
  auto log = std::move(log::open_embedded_log(setup)).value();
  trades -= trades % each;
  const double begun = cpu_seconds();
  const auto wall = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < trades / each; ++i) {
    const Chunk& chunk = chunks[static_cast<size_t>(i) % kChunks];
    log->append(chunk.bytes, static_cast<uint32_t>(each), chunk.times).value();
  }
  log->flush().value();
  const double cpu = cpu_seconds() - begun;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - wall;
  fmt::print("{} trades of {:.1f} bytes, {} an append, durability {}\n", trades,
             static_cast<double>(bytes) / static_cast<double>(kChunks * static_cast<size_t>(each)),
             each, durability);
  fmt::print("write: {:.1f} M trades a CPU-second, {:.1f} M a second, {:.1f} bytes each on disk\n",
             rate(trades, cpu), rate(trades, elapsed.count()),
             static_cast<double>(log->status().bytes) / static_cast<double>(trades));
  log->close().value();
  const bool right = read_back(setup, chunks, each, trades);
  std::filesystem::remove_all(folder);
  if (!right) fmt::print(stderr, "bench_log: what was read is not what was written\n");
  return right ? 0 : 1;
}

}  // namespace
}  // namespace tapeline

int main(int argc, char** argv) {
  return tapeline::run(argc > 1 ? std::atoll(argv[1]) : 5'000'000, argc > 2 ? argv[2] : "os",
                       argc > 3 ? std::atoi(argv[3]) : 500);
}
