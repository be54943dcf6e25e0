// Retention beside a pipeline: what is removed, what is refused, and that no bar suffers by it.
// rapidcheck prints the seed of a failure; run again with RC_PARAMS="reproduce=…".
#include "app/retention.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "app/log_formats.h"
#include "app/pipeline_core.h"
#include "engine/world.h"
#include "ingest/stage.h"
#include "log/memory/memory_log.h"
#include "store/memory/store.h"
#include "verify/plain.h"

namespace tapeline::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Wednesday 2024-01-03 14:29:50 UTC: ten seconds before New York's market opens.
constexpr milliseconds kBase{1'704'292'190'000};
constexpr std::array<std::string_view, 3> kSymbols = {"X:A", "AAPL", "OANDA:EUR_USD"};

enum class What { trade, old_trade, tick, cut, restart, restart_without_checkpoint };

struct Step {
  What what = What::trade;
  int symbol = 0;
  int64_t age_s = 0;
  int price = 1;
};

void showValue(const Step& step, std::ostream& out) {
  out << "{what " << static_cast<int>(step.what) << " symbol " << step.symbol << " age_s "
      << step.age_s << " price " << step.price << "}";
}

/// How the pipeline is set up: no bar may show it.
struct Setup {
  int64_t cache_bytes_max = 0;
  int64_t commit_records_max = 1;
  size_t batch_bytes = 1;
};

/// A tape in memory with one process after the other, and what must come of it.
class Tape {
 public:
  explicit Tape(const Setup& setup) : setup_(setup), store_(store::make_memory_store()) {
    log::Options options;
    options.segment_bytes_max = 1'500;
    options.retention_bytes_max = 3'000;
    options.retention_days = 0;
    log_ = log::make_memory_log(clock_, entry_format(), options);
    clock_.advance(kBase);
    start();
  }

  void trade(std::string_view symbol, int64_t age_s, int price) {
    clock_.advance(milliseconds(700));
    const auto now = std::chrono::floor<milliseconds>(clock_.wall());
    const model::EventTime time = now - seconds(age_s);
    const bool gone = contains(symbol, time);
    const auto before = stage_->accounts().accepted;
    const std::string frame = R"({"data":[{"p":)" + std::to_string(price) + R"(,"s":")" +
                              std::string(symbol) + R"(","t":)" +
                              std::to_string(time.time_since_epoch().count()) +
                              R"(,"v":1}],"type":"trade"})";
    stage_->frame(frame, clock_.wall());
    EXPECT_EQ(stage_->accounts().accepted - before, gone ? 0 : 1);
    if (gone) refused_.push_back(frame);
    settle();
  }

  void tick() {
    clock_.advance(seconds(2));
    stage_->tick("feed");
    settle();
  }

  /// What `run` does now and then.
  void cut() {
    // Older than a snapshot may be.
    clock_.advance(seconds(6));
    settle();
    const Position begin = log_->begin();
    auto due = retention_->step();
    ASSERT_TRUE(due.ok()) << due.error().message();
    EXPECT_LE(log_->begin(), std::max(core_->status().cut_before, Position(0, 1)))
        << "only what the log says is removed";
    if (log_->begin() > begin) ++cuts_;
    if (!due.value()) return;
    check(*due.value());
    const auto again = retention_->step();
    ASSERT_TRUE(again.ok() && again.value()) << "it is given until it is noted";
    EXPECT_EQ(again.value()->before, due.value()->before);
    stage_->retention_cut(*due.value());
    retention_->noted(*due.value());
    for (const auto& [symbol, ranges] : due.value()->removed)
      for (const auto& range : ranges.all()) removed_[symbol].add(range);
    settle();
  }

  void restart(bool with_checkpoint) {
    stop();
    if (!with_checkpoint) {
      // Its position is kept, as `checkpoint reset` does.
      const auto found = store_->open_reader().value()->checkpoint().value();
      store::Commit commit;
      if (found) commit.checkpoint = store::Checkpoint{found->position, {}};
      EXPECT_TRUE(store_->open_writer().value()->write(commit).ok());
    }
    start();
  }

  /// The store is gone. False when the log still has everything, so that nothing is lost with it.
  bool lose_store() {
    if (log_->begin().ordinal() == 1) return false;
    stop();
    store_ = store::make_memory_store();
    store_lost_ = true;
    start();
    return true;
  }

  void stop() {
    if (stage_) stage_->close_epoch("test");
    settle();
    stage_.reset();
    retention_.reset();
    core_.reset();
  }

  std::map<model::BarKey, model::Bar> bars() {
    std::map<model::BarKey, model::Bar> out;
    EXPECT_TRUE(store_->open_reader()
                    .value()
                    ->bars({},
                           [&](const model::Bar& bar) {
                             out.emplace(bar.key, bar);
                             return true;
                           })
                    .ok());
    return out;
  }

  /// By the plain implementation, from every record that ever was.
  std::map<model::BarKey, model::Bar> expected() const {
    verify::PlainBars plain({});
    codec::EntryView entry;
    Position position(0, 0);
    for (const std::string& record : records_) {
      codec::EntryReader reader(record);
      EXPECT_EQ(reader.next(entry), codec::EntryReader::Outcome::progressed);
      position = position.plus(1);
      plain.apply(entry, position);
    }
    std::map<model::BarKey, model::Bar> out;
    for (const auto& [key, bar] : plain.bars()) out.emplace(key, plain.present(key, bar));
    return out;
  }

  const std::vector<std::string>& records() const { return records_; }
  const std::vector<std::string>& refused() const { return refused_; }
  const std::vector<std::string>& letters() const { return letters_.raw; }
  int cuts() const { return cuts_; }
  const model::RemovedTrades& removed() const { return removed_; }
  int64_t not_made() const { return not_made_; }

 private:
  struct Letters final : ingest::DeadLetterSink {
    void put(const ingest::DeadLetter& letter) override {
      EXPECT_EQ(letter.reason, model::RejectReason::beyond_retention);
      EXPECT_EQ(letter.source, "feed");
      EXPECT_GT(letter.sequence, 0);
      raw.push_back(R"({"data":[)" + std::string(letter.bytes) + R"(],"type":"trade"})");
    }
    std::vector<std::string> raw;
  };

  void start() {
    PipelineOptions options;
    options.commit_interval_ms = 1;
    options.commit_records_max = setup_.commit_records_max;
    auto core = PipelineCore::open(options, {setup_.cache_bytes_max, nullptr}, clock_, *log_,
                                   *store_, metrics_, nullptr, [] {});
    ASSERT_TRUE(core.ok()) << core.error().message();
    core_ = std::move(core).value();
    ASSERT_TRUE(core_
                    ->catch_up([this](PipelineCore::EngineStep) {
                      core_->step_store();
                      return Result<>();
                    })
                    .ok());
    ingest::StageOptions stage_options;
    stage_options.may_wait = true;
    stage_options.batch_bytes = setup_.batch_bytes;
    stage_ = std::make_unique<ingest::Stage>(*log_, letters_, clock_, metrics_, stage_options);
    std::map<std::string, std::vector<model::EventRanges::Range>> known;
    for (const auto& [symbol, ranges] : core_->recovered().removed) known[symbol] = ranges.all();
    std::map<std::string, std::vector<model::EventRanges::Range>> said;
    for (const auto& [symbol, ranges] : removed_) said[symbol] = ranges.all();
    EXPECT_TRUE(store_lost_ || known == said);
    removed_ = core_->recovered().removed;
    stage_->know_removed(removed_);
    stage_->open_epoch({"feed", ++epoch_, ingest::SourceClock::wall, 0, nullptr});
    retention_ = std::make_unique<Retention>(*log_, [this] { return core_->status().cut_before; });
  }

  bool contains(std::string_view symbol, model::EventTime time) const {
    const auto at = removed_.find(symbol);
    return at != removed_.end() && at->second.contains(time);
  }

  /// Everything is logged, applied and stored, and copied before retention can take it.
  void settle() {
    if (stage_) {
      ASSERT_TRUE(stage_->flush().ok());
    }
    copy();
    (void)core_->want_drained();
    for (int quiet = 0; quiet < 3;) {
      const auto engine = core_->step_engine(std::chrono::microseconds(0));
      const auto store = core_->step_store();
      ASSERT_NE(engine, PipelineCore::EngineStep::failed);
      const bool idle =
          engine == PipelineCore::EngineStep::idle && store == PipelineCore::StoreStep::idle;
      quiet = idle ? quiet + 1 : 0;
    }
    not_made_ = core_->status().counters.bars_not_made;
  }

  void copy() {
    auto reader = log_->read(Position(0, records_.size() + 1));
    ASSERT_TRUE(reader.ok()) << reader.error().message();
    log::Batch batch;
    while (reader.value()->position() < log_->end()) {
      ASSERT_EQ(reader.value()->next(batch, std::chrono::microseconds(0)).value(),
                log::ReadOutcome::progressed);
      std::string_view rest = *batch.bytes;
      for (uint32_t i = 0; i < batch.count; ++i) {
        const size_t size = entry_format().skip(rest, 1).value();
        records_.emplace_back(rest.substr(0, size));
        rest.remove_prefix(size);
      }
    }
  }

  /// A cut says exactly what is of each symbol before its position, beyond the one before it:
  /// ranges from trade to trade, with no hole inside them that is larger than kHoleMax.
  void check(const model::RetentionCut& cut) {
    std::map<std::string, std::set<model::EventTime>> times;
    codec::EntryView entry;
    const size_t from = std::max<size_t>(core_->status().cut_before.ordinal(), 1) - 1;
    for (size_t i = from; i + 1 < cut.before.ordinal(); ++i) {
      codec::EntryReader reader(records_[i]);
      ASSERT_EQ(reader.next(entry), codec::EntryReader::Outcome::progressed);
      if (entry.kind != codec::EntryKind::trade) continue;
      times[std::string(entry.trade.symbol)].insert(entry.trade.event_time);
    }
    std::map<std::string, std::vector<model::EventRanges::Range>> found;
    for (const auto& [symbol, of] : times) {
      auto& ranges = found[symbol];
      for (const model::EventTime time : of) {
        if (ranges.empty() || time - ranges.back().to > Retention::kHoleMax)
          ranges.push_back({time, time});
        ranges.back().to = time;
      }
    }
    std::map<std::string, std::vector<model::EventRanges::Range>> said;
    for (const auto& [symbol, ranges] : cut.removed) said[symbol] = ranges.all();
    EXPECT_TRUE(found == said);
  }

  const Setup setup_;
  ManualClock clock_;
  metrics::Registry metrics_;
  Letters letters_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<PipelineCore> core_;
  std::unique_ptr<ingest::Stage> stage_;
  std::unique_ptr<Retention> retention_;
  int64_t epoch_ = 0;
  int cuts_ = 0;
  int64_t not_made_ = 0;
  bool store_lost_ = false;
  std::vector<std::string> records_;  ///< Of the log, each by itself, removed ones included.
  std::vector<std::string> refused_;  ///< Frames that have to be dead letters.
  model::RemovedTrades removed_;
};

/// One after the other, with enough of everything between for something to be removed.
void play(Tape& tape, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const auto symbol = kSymbols[static_cast<size_t>(step.symbol)];
    switch (step.what) {
      case What::trade:
        tape.trade(symbol, 0, step.price);
        break;
      case What::old_trade:
        tape.trade(symbol, step.age_s, step.price);
        break;
      case What::tick:
        tape.tick();
        break;
      case What::cut:
        for (int i = 0; i < 12; ++i) tape.trade(kSymbols[static_cast<size_t>(i % 3)], i % 5, 7);
        tape.cut();
        break;
      case What::restart:
        tape.restart(true);
        break;
      case What::restart_without_checkpoint:
        tape.restart(false);
        break;
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

std::vector<Step> random_steps() {
  return *rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
      rc::gen::set(&Step::what,
                   rc::gen::weightedElement<What>({{6, What::trade},
                                                   {6, What::old_trade},
                                                   {2, What::tick},
                                                   {5, What::cut},
                                                   {1, What::restart},
                                                   {1, What::restart_without_checkpoint}})),
      rc::gen::set(&Step::symbol, rc::gen::inRange(0, 3)),
      // Old ones far apart have ranges of their own, yet fewer than those that are kept.
      rc::gen::set(&Step::age_s,
                   rc::gen::weightedOneOf<int64_t>({{3, rc::gen::inRange<int64_t>(0, 400)},
                                                    {1, rc::gen::inRange<int64_t>(0, 6'000)}})),
      rc::gen::set(&Step::price, rc::gen::inRange(1, 40))));
}

/// Random steps behind some that see to it that each run has cuts and what comes after them.
void play_random(Tape& tape) {
  std::vector<Step> steps(6, Step{What::cut, 0, 0, 1});
  for (const Step& step : random_steps()) steps.push_back(step);
  play(tape, steps);
}

Setup random_setup() {
  return {*rc::gen::element<int64_t>(0, 16 << 20), *rc::gen::element<int64_t>(1, 7, 0),
          *rc::gen::element<size_t>(1, 256 << 10)};
}

/// Law 5: what lies between two removed days, or behind a stray print, was never there.
TEST(RetentionTest, OnlyTimesThatAreRemovedAreRefused) {
  constexpr int64_t kDay = 86'400;
  Tape tape({});
  tape.trade("X:A", 19'000 * kDay, 3);
  for (const int64_t days : {300, 2}) {
    tape.trade("X:A", days * kDay, 5);
    tape.trade("X:A", days * kDay - 300, 6);
  }
  play(tape, std::vector<Step>(6, Step{What::cut, 0, 0, 1}));
  ASSERT_GT(tape.cuts(), 0);
  for (const int64_t days : {10'000, 299, 1}) tape.trade("X:A", days * kDay, 4);
  EXPECT_TRUE(tape.refused().empty()) << tape.refused().front();
  tape.trade("X:A", 300 * kDay, 4);
  tape.trade("X:A", 2 * kDay, 4);
  EXPECT_EQ(tape.refused().size(), 2U);
  tape.restart(true);
  tape.trade("X:A", 299 * kDay, 4);
  tape.trade("X:A", 300 * kDay, 4);
  tape.stop();
  EXPECT_EQ(tape.letters(), tape.refused());
  EXPECT_EQ(tape.refused().size(), 3U);
  EXPECT_EQ(engine::testing::describe(tape.bars()), engine::testing::describe(tape.expected()));
}

/// Laws 3 and 5: whatever is cut, and however it commits and restarts, the bars are those of every
/// record that was ever logged, and what is older than the cuts is a dead letter with its bytes.
RC_GTEST_PROP(RetentionProperty, NoBarSuffersAndWhatIsBeyondIsADeadLetter, ()) {
  Tape tape(random_setup());
  play_random(tape);
  tape.stop();
  RC_ASSERT(tape.cuts() > 0);
  RC_ASSERT(engine::testing::describe(tape.bars()) == engine::testing::describe(tape.expected()));
  RC_ASSERT(tape.letters() == tape.refused());
  RC_ASSERT(tape.not_made() == 0);
  RC_CLASSIFY(!tape.refused().empty(), "refused some");
}

/// Law 3: cuts are records, so the log's bars are the same by any cache, batch and restarts.
RC_GTEST_PROP(RetentionProperty, ALogWithCutsGivesTheSameBarsHoweverItIsRead, ()) {
  Tape tape(random_setup());
  play_random(tape);
  tape.stop();
  const auto habits = *rc::gen::elementOf(engine::testing::all_habits());
  RC_TAG(std::string(habits.name));
  engine::testing::World world(habits);
  for (const std::string& record : tape.records()) world.add_bytes(record);
  RC_ASSERT(engine::testing::describe(world.committed_bars()) ==
            engine::testing::describe(tape.bars()));
  RC_ASSERT(world.engine().counters().bars_not_made == 0);
  std::string removed;
  for (const auto& [symbol, ranges] : world.engine().removed()) removed += symbol;
  std::string expected;
  for (const auto& [symbol, ranges] : tape.removed()) expected += symbol;
  RC_ASSERT(removed == expected);
}

/// With the store gone and the log cut, no bar is made that lacks a trade, and each is made whose
/// window begins behind all that is removed of its symbol.
RC_GTEST_PROP(RetentionProperty, WithoutTheStoreOnlyWholeBarsAreMade, ()) {
  Tape tape(random_setup());
  play_random(tape);
  RC_PRE(tape.lose_store());
  for (int i = 0; i < 5; ++i) tape.trade(kSymbols[0], i, 3);
  tape.stop();
  const auto expected = tape.expected();
  const auto bars = tape.bars();
  size_t whole = 0;
  for (const auto& [key, bar] : expected) {
    const auto removed = tape.removed().find(key.symbol);
    if (removed != tape.removed().end() && key.start <= removed->second.all().back().to) continue;
    RC_ASSERT(bars.contains(key));
    ++whole;
  }
  RC_ASSERT(whole > 0);
  for (const auto& [key, bar] : bars) {
    const auto at = expected.find(key);
    RC_ASSERT(at != expected.end());
    model::Bar should = at->second;
    // How often it was revised, and when it was covered, is of its whole life.
    should.revision = bar.revision;
    should.coverage_kind = bar.coverage_kind;
    should.coverage_ms = bar.coverage_ms;
    should.gap = bar.gap;
    RC_ASSERT(engine::testing::describe(bar) == engine::testing::describe(should));
  }
}

}  // namespace
}  // namespace tapeline::app
