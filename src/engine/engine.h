#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/content.h"
#include "engine/counters.h"
#include "engine/options.h"
#include "log/log.h"
#include "model/bar.h"
#include "model/control.h"
#include "model/replayed_set.h"
#include "model/retention.h"
#include "store/store.h"

/// Bars from the log. The engine's only input is decoded log bytes: it reads no clock, no random
/// number, no environment; whatever changes content is a record.
namespace tapeline::engine {

/// What changed since the last call of `take_changes`; for screens.
struct Changes {
  std::vector<model::Bar> bars;      ///< Their newest form, each key once, in order of key.
  std::vector<model::Trade> trades;  ///< The newest ones, at most `Engine::kTapeMax`, log order.
  /// Other than ticks and what single symbols lost by retention, the newest kTapeMax.
  std::vector<model::Control> controls;
  Position position;  ///< Everything up to here is applied.
};

/// By source, the dead letters that entered the log later.
using ReplayedSets = std::map<std::string, model::ReplayedSet>;

/// What a checkpoint says of them; for those who look at a tape without an engine. Errors as of
/// Engine::restore.
Result<ReplayedSets> replayed_in(const store::Checkpoint& checkpoint);

/// One owner thread. Lifetime: `reader` must outlive the engine.
class Engine {
 public:
  static constexpr size_t kTapeMax = 1'000;

  Engine(const Options& options, store::Reader& reader);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes up the state of a checkpoint, or of a snapshot of the log (its `as_of` and `state`); to
  /// be called first. An error (`corrupt`, `invalid`) leaves the engine empty:
  /// the caller then starts from the last snapshot in the log or from its beginning.
  Result<> restore(const store::Checkpoint& checkpoint);

  /// The store that the restored state was written beside is gone, and so is the log's beginning:
  /// bars of which the state may lack trades are not made. To be called behind `restore`.
  void forget_stored_bars();

  /// Applies a batch; records at or before position() are passed over. A store that cannot be read
  /// is an error: the same batch may then be applied again. Bytes that are no entries of ours are
  /// counted, and with them the rest of their batch, which cannot be found any more.
  Result<> apply(const log::Batch& batch);

  /// Windows that are to be filled from the records to come, whatever the log's settings said then:
  /// what its `recomputed` records say, which stand behind them. To be called before these records.
  void serve_also(const std::vector<Fill>& fills);

  /// The greatest event time of any record (of the symbol, if not empty), also of those before the
  /// state that was restored; nothing when there is none.
  std::optional<model::EventTime> greatest_event_time(const std::string& symbol) const;

  /// The last applied position.
  Position position() const;

  /// Bars, gaps and symbols that changed since the last commit, and a checkpoint at position().
  /// They stay in memory until `committed` says that they are readable through the store; called
  /// again before that, a commit holds them again. Commits must be written in the order made.
  store::Commit prepare_commit();

  /// The commit prepared for `through` is in the store.
  void committed(Position through);

  /// Bytes of dirty bars: commit when large.
  size_t dirty_bytes() const;

  /// With `wanted` false (bulk replay, and at first) changes are not collected. Collected bars
  /// stay in memory until taken: take them at least as often as commits are made.
  void collect_changes(bool wanted);
  Changes take_changes();

  /// One Entry datum holding a Snapshot of the state at position(), for the head of a segment.
  std::string snapshot_record() const;

  /// What retention removed, of symbols of which it removed something; and the position before
  /// which the log says that it is removed, zero at first.
  model::RemovedTrades removed() const;
  Position cut_before() const;

  /// The settings in force by the log, as "key=value", sorted.
  std::vector<std::string> settings() const;
  /// Highest (epoch, sequence) seen of a source; zeros when unknown. Open epochs are named so that
  /// a start can close them.
  struct SourceState {
    std::string source;
    int64_t epoch = 0;
    int64_t sequence = 0;
    bool open = false;            ///< The epoch was opened and not closed.
    model::IngestTime heard;      ///< All that the feed sent before has arrived; see Source.
    bool ended = false;           ///< A recording that was read to its end.
    model::ReplayedSet replayed;  ///< Its dead letters that entered the log later.
  };
  std::vector<SourceState> sources() const;

  const Counters& counters() const;
  size_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tapeline::engine
