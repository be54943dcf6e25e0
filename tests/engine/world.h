#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "codec/entry.h"
#include "engine/engine.h"
#include "store/memory/store.h"

/// A log, a store and an engine for tests: records go in, the bars that a screen would show come
/// out. How often it commits and restarts must not be seen in them.
namespace tapeline::engine::testing {

/// What happens after each record, and how the engine is set up.
struct Habits {
  enum class After {
    nothing,
    show,                     ///< Changes are taken.
    commit,                   ///< Bars and checkpoint are written.
    write_twice,              ///< As commit, but every other acknowledgement never comes.
    commit_and_restart,       ///< The engine is made anew from the checkpoint.
    crash,                    ///< It is made anew; what was not committed is read again.
    bars_without_checkpoint,  ///< Bars get ahead of the checkpoint, then it is made anew.
    restart_from_beginning,   ///< Bars are kept, the checkpoint is lost: all is read again.
    restart_from_snapshot,    ///< As that, but a snapshot of the log helps.
  };
  const char* name = "plain";
  After after = After::nothing;
  int64_t cache_bytes_max = 16 << 20;
  uint32_t batch_max = UINT32_MAX;
  int every = 1;  ///< `after` happens after every so many records.
};

/// How rapidcheck prints them.
inline void showValue(const Habits& habits, std::ostream& out) {
  out << habits.name;
}

inline const std::vector<Habits>& all_habits() {
  using After = Habits::After;
  static const std::vector<Habits> habits = {
      {"plain"},
      {"batch_1", After::nothing, 16 << 20, 1},
      {"show", After::show, 16 << 20, 1},
      {"commit", After::commit, 16 << 20, 1},
      {"cache_0", After::commit, 0, 1},
      {"cache_0_every_3", After::commit, 0, 1, 3},
      {"write_twice", After::write_twice, 0, 1},
      {"restart", After::commit_and_restart, 0, 1},
      {"restart_with_cache", After::commit_and_restart, 16 << 20, 1, 2},
      {"crash", After::crash, 0, 2, 3},
      {"bars_without_checkpoint", After::bars_without_checkpoint, 0, 1},
      {"bars_without_checkpoint_every_2", After::bars_without_checkpoint, 4'000, 3, 2},
      {"restart_from_beginning", After::restart_from_beginning, 0, 1, 2},
      {"restart_from_snapshot", After::restart_from_snapshot, 0, 1},
      {"restart_from_snapshot_every_3", After::restart_from_snapshot, 16 << 20, 2, 3},
  };
  return habits;
}

class World {
 public:
  explicit World(const Habits& habits)
      : habits_(habits),
        store_(store::make_memory_store()),
        writer_(store_->open_writer().value()),
        reader_(store_->open_reader().value()) {
    make_engine();
  }

  void add(const codec::TradeView& trade) {
    codec::EntryWriter writer;
    writer.add(trade);
    add_bytes(writer.take());
  }
  void add(const model::Control& control) {
    codec::EntryWriter writer;
    writer.add(control);
    add_bytes(writer.take());
  }
  /// A record that is none. It is alone in its batch, as a block of a log is what it is for good:
  /// what a damaged record takes with it does not depend on who reads.
  void add_damaged() {
    damaged_.insert(log_.size());
    add_bytes("\x7f is no entry");
  }
  void add_bytes(std::string record) {
    log_.push_back(std::move(record));
    if (log_.size() - applied() >= habits_.batch_max) settle();
    if (log_.size() % static_cast<size_t>(habits_.every) == 0) do_after();
  }

  /// Everything in the log is applied.
  void settle() {
    while (applied() < log_.size()) {
      const size_t first = applied();
      size_t last = first + std::min<size_t>(habits_.batch_max, log_.size() - first);
      if (damaged_.contains(first)) last = first + 1;
      const auto damage = damaged_.upper_bound(first);
      if (damage != damaged_.end()) last = std::min(last, *damage);
      auto bytes = std::make_shared<std::string>();
      for (size_t i = first; i < last; ++i) *bytes += log_[i];
      const log::Batch batch{Position(0, first + 1), static_cast<uint32_t>(last - first), bytes};
      ASSERT_EQ(message(engine_->apply(batch)), "");
    }
  }

  /// Bars by key as a screen has them: the store's, and over them what the engine reported.
  std::map<model::BarKey, model::Bar> bars() {
    if (!collects()) {
      commit();
      return stored();
    }
    settle();
    take_changes();
    std::map<model::BarKey, model::Bar> out = stored();
    for (const auto& [key, bar] : shown_) {
      if (key.basis == model::Basis::all) out[key] = bar;
    }
    return out;
  }

  /// The same of basis `eligible`.
  std::map<model::BarKey, model::Bar> eligible_bars() {
    if (!collects()) {
      commit();
      return stored(model::Basis::eligible);
    }
    settle();
    take_changes();
    std::map<model::BarKey, model::Bar> out = stored(model::Basis::eligible);
    for (const auto& [key, bar] : shown_) {
      if (key.basis != model::Basis::all) continue;
      model::BarKey eligible = key;
      eligible.basis = model::Basis::eligible;
      const auto kept = shown_.find(eligible);
      out[eligible] = kept == shown_.end() ? bar : kept->second;
      out[eligible].key = eligible;
    }
    return out;
  }

  /// What a commit leaves in the store: the rows of both bases.
  std::map<model::BarKey, model::Bar> committed_bars() {
    commit();
    std::map<model::BarKey, model::Bar> out;
    for (const model::Basis basis : {model::Basis::all, model::Basis::eligible}) {
      std::vector<model::BarKey> keys;
      EXPECT_TRUE(
          reader_->keys({.basis = basis}, [&](const model::BarKey& key) { keys.push_back(key); })
              .ok());
      for (const model::BarKey& key : keys) out[key] = reader_->row(key).value()->bar;
    }
    return out;
  }

  void commit() {
    settle();
    const store::Commit commit = engine_->prepare_commit();
    EXPECT_TRUE(writer_->write(commit).ok());
    engine_->committed(commit.checkpoint->position);
  }

  /// The process dies; the next one goes on from the stored checkpoint, if any.
  void restart() {
    make_engine();
    const auto checkpoint = reader_->checkpoint().value();
    if (checkpoint) {
      EXPECT_EQ(message(engine_->restore(*checkpoint)), "");
    }
    settle();
  }
  void restart_from_beginning() {
    make_engine();
    settle();
  }
  void restart_from_snapshot() {
    settle();
    const std::string record = engine_->snapshot_record();
    make_engine();
    codec::EntryReader entries(record);
    codec::EntryView entry;
    ASSERT_EQ(entries.next(entry), codec::EntryReader::Outcome::progressed);
    ASSERT_EQ(entry.kind, codec::EntryKind::snapshot);
    const store::Checkpoint state{Position::from_raw(entry.snapshot.as_of),
                                  std::string(entry.snapshot.state)};
    EXPECT_EQ(message(engine_->restore(state)), "");
    settle();
  }

  Engine& engine() { return *engine_; }
  store::Reader& reader() { return *reader_; }
  store::Writer& writer() { return *writer_; }
  size_t records() const { return log_.size(); }

  static std::string message(const Result<>& result) {
    return result.ok() ? std::string() : result.error().message();
  }

 private:
  size_t applied() const { return static_cast<size_t>(engine_->position().ordinal()); }

  void make_engine() {
    shown_.clear();
    engine_ = std::make_unique<Engine>(Options{habits_.cache_bytes_max, nullptr}, *reader_);
    engine_->collect_changes(collects());
  }

  bool collects() const { return habits_.cache_bytes_max > 0; }

  void do_after() {
    using After = Habits::After;
    switch (habits_.after) {
      case After::nothing:
        return;
      case After::show:
        settle();
        return take_changes();
      case After::commit:
        return commit();
      case After::write_twice:
        settle();
        EXPECT_TRUE(writer_->write(engine_->prepare_commit()).ok());
        if (log_.size() % 2 == 0) commit();
        return;
      case After::commit_and_restart:
        commit();
        return restart();
      case After::crash:
        settle();
        restart();
        if (log_.size() % 2 == 0) commit();
        return;
      case After::bars_without_checkpoint: {
        settle();
        store::Commit commit = engine_->prepare_commit();
        // The checkpoint stays behind by up to seven records.
        if (log_.size() % 7 != 0) commit.checkpoint.reset();
        EXPECT_TRUE(writer_->write(commit).ok());
        return restart();
      }
      case After::restart_from_beginning:
        commit();
        return restart_from_beginning();
      case After::restart_from_snapshot:
        if (log_.size() % 3 == 0) commit();
        return restart_from_snapshot();
    }
  }

  void take_changes() {
    Changes changes = engine_->take_changes();
    EXPECT_TRUE(std::is_sorted(changes.bars.begin(), changes.bars.end(),
                               [](const auto& a, const auto& b) { return a.key < b.key; }));
    for (model::Bar& bar : changes.bars) shown_[bar.key] = bar;
  }

  std::map<model::BarKey, model::Bar> stored(model::Basis basis = model::Basis::all) {
    std::map<model::BarKey, model::Bar> out;
    const auto each = [&](const model::Bar& bar) {
      out[bar.key] = bar;
      return true;
    };
    EXPECT_TRUE(reader_->bars({.basis = basis}, each).ok());
    return out;
  }

  const Habits habits_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Writer> writer_;
  std::unique_ptr<store::Reader> reader_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> log_;
  std::set<size_t> damaged_;
  std::map<model::BarKey, model::Bar> shown_;
};

/// A bar as text, all of it except `through`; one line.
inline std::string describe(const model::Bar& bar) {
  const auto price = [](const std::optional<model::Decimal>& value) {
    return value ? model::to_text(*value) : std::string("null");
  };
  const auto id = [](const model::TradeId& of) {
    return of.source + "/" + std::to_string(of.epoch) + "/" + std::to_string(of.sequence);
  };
  std::string out = bar.key.symbol + " " + std::string(model::to_text(bar.key.interval)) + " " +
                    std::string(model::to_string(bar.key.basis)) + " " +
                    std::to_string(bar.key.start.time_since_epoch().count()) + "-" +
                    std::to_string(bar.end.time_since_epoch().count());
  out += " by=" + std::string(model::to_string(bar.priced_by)) + " o=" + price(bar.open) +
         " h=" + price(bar.high) + " l=" + price(bar.low) + " c=" + price(bar.close);
  out += " v=" + model::to_text(bar.volume) + " n=" + model::to_text(bar.notional) +
         " trades=" + std::to_string(bar.trade_count) +
         " updates=" + std::to_string(bar.price_update_count) +
         " excluded=" + std::to_string(bar.excluded_count) + "(" + model::to_text(bar.excluded_by) +
         ")" + " suspects=" + std::to_string(bar.suspect_duplicate_count);
  out += " cover=" + std::string(model::to_string(bar.coverage_kind)) + "/" +
         (bar.coverage_ms ? std::to_string(*bar.coverage_ms) : "null") +
         (bar.gap ? " gap" : " whole");
  out += " first=" + id(bar.first_id) + " last=" + id(bar.last_id);
  out += " revision=" + std::to_string(bar.revision) + (bar.final ? " final" : " open");
  return out;
}

inline std::string describe(const std::map<model::BarKey, model::Bar>& bars) {
  std::string out;
  for (const auto& [key, bar] : bars) out += describe(bar) + "\n";
  return out;
}

}  // namespace tapeline::engine::testing
