#include "engine/engine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/metrics.h"
#include "engine/events.h"
#include "engine/world.h"

namespace tapeline::engine {
namespace {

using model::Control;
using model::ControlKind;
using std::chrono::milliseconds;
using testing::World;

constexpr int64_t kBaseMs = 1'704'292'200'000;

codec::TradeView trade(std::string_view symbol, int64_t ms, int64_t sequence, int64_t price = 10) {
  codec::TradeView view;
  view.symbol = symbol;
  view.price = {price, 0};
  view.volume = {1, 0};
  view.event_time = model::EventTime(milliseconds(kBaseMs + ms));
  view.ingest_time = model::IngestTime(milliseconds(kBaseMs + ms));
  view.source = "test";
  view.epoch = 1;
  view.sequence = sequence;
  return view;
}

Control control(ControlKind kind, int64_t ms, std::string detail = "") {
  Control record;
  record.kind = kind;
  record.source = "test";
  record.epoch = 1;
  record.ingest_time = model::IngestTime(milliseconds(kBaseMs + ms));
  record.detail = std::move(detail);
  return record;
}

log::Batch batch_of(const codec::TradeView& view, uint64_t ordinal) {
  codec::EntryWriter writer;
  writer.add(view);
  return {Position(0, ordinal), 1, std::make_shared<const std::string>(writer.take())};
}

/// A store that can be out of reach.
class FlakyReader final : public store::Reader {
 public:
  explicit FlakyReader(store::Reader& real) : real_(real) {}
  bool broken = false;
  int calls = 0;

  Result<std::optional<store::BarRow>> row(const model::BarKey& key) override {
    TAPELINE_TRY(reach());
    return real_.row(key);
  }
  Result<std::vector<store::BarRow>> rows_overlapping(const std::string& symbol,
                                                      model::EventTime from,
                                                      model::EventTime to) override {
    TAPELINE_TRY(reach());
    return real_.rows_overlapping(symbol, from, to);
  }
  Result<> bars(const store::BarQuery& query,
                const std::function<bool(const model::Bar&)>& each) override {
    TAPELINE_TRY(reach());
    return real_.bars(query, each);
  }
  Result<> keys(const store::BarQuery& query,
                const std::function<void(const model::BarKey&)>& each) override {
    return real_.keys(query, each);
  }
  Result<std::vector<model::Gap>> gaps(const std::string& symbol, model::IngestTime from,
                                       model::IngestTime to, size_t limit) override {
    return real_.gaps(symbol, from, to, limit);
  }
  Result<std::vector<store::SymbolRow>> symbols() override { return real_.symbols(); }
  Result<std::optional<store::Checkpoint>> checkpoint() override { return real_.checkpoint(); }

 private:
  Result<> reach() {
    ++calls;
    if (broken) return make_error(ErrorCode::unavailable, "store: out of reach");
    return {};
  }
  store::Reader& real_;
};

/// An engine over a memory store, with nothing in between.
struct Bench {
  std::unique_ptr<store::Store> store = store::make_memory_store();
  std::unique_ptr<store::Writer> writer = store->open_writer().value();
  std::unique_ptr<store::Reader> reader = store->open_reader().value();
  FlakyReader flaky{*reader};
  Options options;
  std::unique_ptr<Engine> engine = std::make_unique<Engine>(options, flaky);

  void commit() {
    const store::Commit commit = engine->prepare_commit();
    ASSERT_TRUE(writer->write(commit).ok());
    engine->committed(commit.checkpoint->position);
  }
  void remake() { engine = std::make_unique<Engine>(options, flaky); }
};

TEST(Engine, AnUnreachableStoreIsAnErrorAndTheBatchMayComeAgain) {
  Bench bench;
  bench.options.cache_bytes_max = 0;
  bench.remake();
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 0, 1), 1)).ok());
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 100'000, 2), 2)).ok());
  bench.commit();
  bench.flaky.broken = true;
  const log::Batch late = batch_of(trade("X:A", 500, 3, 20), 3);
  const auto failed = bench.engine->apply(late);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::unavailable);
  EXPECT_EQ(bench.engine->position(), Position(0, 2));
  bench.flaky.broken = false;
  ASSERT_TRUE(bench.engine->apply(late).ok());
  ASSERT_TRUE(bench.engine->apply(late).ok());  // Already applied: passed over.
  bench.commit();
  const auto row = bench.reader->row(
      {"X:A", model::Interval(60'000), model::EventTime(milliseconds(kBaseMs)), {}});
  EXPECT_EQ(row.value()->bar.trade_count, 2);
  EXPECT_EQ(row.value()->bar.revision, 1);
  EXPECT_EQ(bench.engine->counters().trades, 3);
}

TEST(Engine, NewWindowsAreNotLookedUp) {
  Bench bench;
  int64_t sequence = 0;
  for (int64_t second = 0; second < 100; ++second) {
    ++sequence;
    ASSERT_TRUE(bench.engine
                    ->apply(batch_of(trade("X:A", second * 1'000, sequence),
                                     static_cast<uint64_t>(sequence)))
                    .ok());
    if (second % 10 == 0) bench.commit();
  }
  EXPECT_EQ(bench.flaky.calls, 5);  // Once an interval.
}

TEST(Engine, WithoutCacheFinalBarsLeaveMemoryWhenTheyAreInTheStore) {
  Bench bench;
  bench.options.cache_bytes_max = 0;
  bench.remake();
  uint64_t sequence = 0;
  size_t early = 0;
  for (int64_t second = 0; second < 2'000; ++second) {
    ++sequence;
    ASSERT_TRUE(bench.engine
                    ->apply(batch_of(trade("X:A", second * 1'000, static_cast<int64_t>(sequence)),
                                     sequence))
                    .ok());
    bench.commit();
    if (second == 1'000) early = bench.engine->memory_bytes();
  }
  // A full minute, five minutes and hour may begin in one second: a few windows more at once.
  constexpr size_t kFewBars = 4'096;
  EXPECT_LE(bench.engine->memory_bytes(), early + kFewBars);
  EXPECT_LT(bench.engine->dirty_bytes(), 1u);
}

TEST(Engine, ADamagedStateIsRefusedAndLeavesTheEngineEmpty) {
  Bench bench;
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 0, 1), 1)).ok());
  bench.commit();
  const store::Checkpoint good = *bench.reader->checkpoint().value();
  for (size_t i = 0; i < good.state.size(); ++i) {
    store::Checkpoint bad = good;
    bad.state[i] = static_cast<char>(bad.state[i] ^ 0x01);
    bench.remake();
    const auto restored = bench.engine->restore(bad);
    ASSERT_FALSE(restored.ok()) << i;
    const ErrorCode wanted = i < 3 ? ErrorCode::invalid : ErrorCode::corrupt;
    EXPECT_EQ(restored.error().code(), wanted) << i;
    EXPECT_EQ(bench.engine->position(), Position{});
  }
  for (size_t size = 0; size < good.state.size(); ++size) {
    bench.remake();
    EXPECT_FALSE(bench.engine->restore({good.position, good.state.substr(0, size)}).ok());
  }
  bench.remake();
  const auto elsewhere = bench.engine->restore({Position(0, 7), good.state});
  EXPECT_EQ(World::message(elsewhere),
            "engine: cannot take up the state at position 0:7: it is of another position; start "
            "from the last snapshot in the log, or from its beginning");
  EXPECT_TRUE(bench.engine->restore(good).ok());
  EXPECT_EQ(bench.engine->position(), Position(0, 1));
}

TEST(Engine, ACheckpointWhoseBarsAreGoneIsRefused) {
  Bench bench;
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 0, 1), 1)).ok());
  const store::Commit commit = bench.engine->prepare_commit();
  bench.remake();
  const auto restored = bench.engine->restore(*commit.checkpoint);
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), ErrorCode::corrupt);
}

TEST(Engine, ADamagedStoredBarIsCorruptNotWrong) {
  Bench bench;
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 0, 1), 1)).ok());
  store::Commit commit = bench.engine->prepare_commit();
  for (store::BarRow& row : commit.bars) row.state[row.state.size() / 2] ^= 0x40;
  ASSERT_TRUE(bench.writer->write(commit).ok());
  bench.remake();
  const auto applied = bench.engine->apply(batch_of(trade("X:A", 0, 1), 1));
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code(), ErrorCode::corrupt);
}

TEST(Engine, RestoresASnapshotOverAStoreThatIsBehind) {
  Bench bench;
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 0, 1), 1)).ok());
  bench.commit();
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 500, 2), 2)).ok());
  ASSERT_TRUE(bench.engine->apply(batch_of(trade("X:A", 60'000, 3), 3)).ok());
  const std::string record = bench.engine->snapshot_record();
  codec::EntryReader entries(record);
  codec::EntryView entry;
  ASSERT_EQ(entries.next(entry), codec::EntryReader::Outcome::progressed);
  bench.remake();
  ASSERT_EQ(World::message(bench.engine->restore(
                {Position::from_raw(entry.snapshot.as_of), std::string(entry.snapshot.state)})),
            "");
  bench.commit();
  const auto row = bench.reader->row(
      {"X:A", model::Interval(1'000), model::EventTime(milliseconds(kBaseMs)), {}});
  EXPECT_EQ(row.value()->bar.trade_count, 2);
  EXPECT_TRUE(row.value()->bar.final);
}

TEST(Engine, ReportsEachChangedBarOnceAndABoundedTape) {
  Bench bench;
  bench.engine->collect_changes(true);
  codec::EntryWriter writer;
  writer.add(control(ControlKind::epoch_opened, 0, "wall"));
  const int64_t count = static_cast<int64_t>(Engine::kTapeMax) + 10;
  for (int64_t i = 1; i <= count; ++i) writer.add(trade("X:A", i % 900, i));
  Control tick = control(ControlKind::tick, 0);
  tick.to = tick.ingest_time;
  writer.add(tick);
  const uint32_t records = writer.count();
  ASSERT_TRUE(
      bench.engine
          ->apply({Position(0, 1), records, std::make_shared<const std::string>(writer.take())})
          .ok());
  const Changes changes = bench.engine->take_changes();
  EXPECT_EQ(changes.bars.size(), 5u);
  EXPECT_EQ(changes.bars.front().trade_count, count);
  EXPECT_EQ(changes.bars.front().through, Position(0, records));
  EXPECT_EQ(changes.trades.size(), Engine::kTapeMax);
  EXPECT_EQ(changes.trades.back().id.sequence, count);
  ASSERT_EQ(changes.controls.size(), 1u);
  EXPECT_EQ(changes.controls.front().kind, ControlKind::epoch_opened);
  EXPECT_EQ(changes.position, Position(0, records));
  EXPECT_TRUE(bench.engine->take_changes().bars.empty());
}

TEST(Engine, SaysWhatItKnowsOfItsSources) {
  Bench bench;
  codec::EntryWriter writer;
  writer.add(control(ControlKind::epoch_opened, 0, "wall"));
  writer.add(trade("X:A", 5, 7));
  Control opened = control(ControlKind::epoch_opened, 10, "wall");
  opened.epoch = 2;
  writer.add(opened);
  Control ended = control(ControlKind::recording_ended, 20);
  ended.source = "recording:0";
  writer.add(ended);
  ASSERT_TRUE(
      bench.engine->apply({Position(0, 1), 4, std::make_shared<const std::string>(writer.take())})
          .ok());
  const auto sources = bench.engine->sources();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].source, "test");
  EXPECT_EQ(sources[0].epoch, 2);
  EXPECT_EQ(sources[0].sequence, 0);
  EXPECT_TRUE(sources[0].open);
  EXPECT_EQ(sources[0].heard, model::IngestTime(milliseconds(kBaseMs + 10)))
      << "nothing came on it, so it is the opening's";
  EXPECT_TRUE(sources[1].ended);
}

TEST(Engine, NothingWasHeardLaterThanTheClockSaysThatWasSetBack) {
  const auto at = [](int64_t ms) { return model::IngestTime(milliseconds(kBaseMs + ms)); };
  Bench bench;
  codec::EntryWriter writer;
  writer.add(control(ControlKind::epoch_opened, 3'600'000, "wall"));
  Control tick = control(ControlKind::tick, 3'605'000);
  tick.from = at(3'604'000);
  tick.to = at(3'605'000);
  writer.add(tick);
  Control stepped = control(ControlKind::clock_stepped, 6'000);
  stepped.from = at(3'606'000);
  stepped.to = at(6'000);
  writer.add(stepped);
  ASSERT_TRUE(
      bench.engine->apply({Position(0, 1), 3, std::make_shared<const std::string>(writer.take())})
          .ok());
  EXPECT_EQ(bench.engine->sources()[0].heard, at(4'000));
  // A log may say anything.
  stepped.from = at(0);
  stepped.to = model::IngestTime();
  writer.add(stepped);
  writer.add(stepped);
  ASSERT_TRUE(
      bench.engine->apply({Position(0, 4), 2, std::make_shared<const std::string>(writer.take())})
          .ok());
  EXPECT_EQ(bench.engine->sources()[0].heard, model::IngestTime());
}

/// Law 1: every record has one outcome, and the metrics say the same.
TEST(Engine, CountersAddUpAndMetricsFollow) {
  metrics::Registry registry;
  Events events(registry);
  std::vector<std::string> lines;
  diag::set_sink([&](diag::Level, std::string_view line) { lines.emplace_back(line); });
  Bench bench;
  bench.options.events = &events;
  bench.remake();
  codec::EntryWriter writer;
  writer.add(control(ControlKind::setting, 0, "engine.intervals=7m"));
  writer.add(trade("X:A", 0, 1));
  writer.add(trade("X:A", 0, 1));
  writer.add(codec::SnapshotView{1, "state"});
  const uint32_t whole = writer.count();
  const std::string bytes = writer.take() + "\x7f no entry";
  ASSERT_TRUE(
      bench.engine->apply({Position(0, 1), whole + 2, std::make_shared<const std::string>(bytes)})
          .ok());
  diag::set_sink({});
  const Counters& counters = bench.engine->counters();
  EXPECT_EQ(counters.undecodable, 2);
  EXPECT_EQ(counters.records, 6);
  EXPECT_EQ(counters.trades, 1);
  EXPECT_EQ(counters.duplicates, 1);
  EXPECT_EQ(counters.records, counters.trades + counters.price_updates + counters.duplicates +
                                  counters.fenced + counters.controls + counters.others +
                                  counters.undecodable);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find(kControlRefused), std::string::npos);
  EXPECT_NE(lines[1].find(kRecordsUndecodable), std::string::npos);
  const std::string text = registry.text();
  EXPECT_NE(text.find("tapeline_engine_records_total{outcome=\"undecodable\"} 2"),
            std::string::npos)
      << text;
  EXPECT_EQ(bench.engine->position(), Position(0, 6));
}

}  // namespace
}  // namespace tapeline::engine
