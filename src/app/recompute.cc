#include "app/recompute.h"

#include <algorithm>
#include <array>
#include <set>

#include "app/log_scan.h"
#include "app/rows.h"
#include "codec/entry.h"
#include "engine/checkpoint.h"
#include "engine/engine.h"
#include "model/time.h"

namespace tapeline::app {
namespace {

using model::Basis;
using Ranges = std::vector<RecomputeRange>;

/// Bases whose bars come from the log's trades.
constexpr std::array kBases = {Basis::all, Basis::eligible};

bool holds(const Ranges& ranges, const model::BarKey& key) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const RecomputeRange& range) { return range.holds(key); });
}

/// What the engine sees as its store: what was made anew; behind it, for bars outside the ranges,
/// the real store, once the engine has come to where that ends.
class OverlaidReader final : public store::Reader {
 public:
  OverlaidReader(const Ranges& ranges, store::Reader& scratch, store::Reader& real)
      : ranges_(ranges), scratch_(scratch), real_(real) {}

  void show_real() { real_shown_ = true; }

  Result<std::optional<store::BarRow>> row(const model::BarKey& key) override {
    auto fresh = scratch_.row(key);
    if (!fresh || fresh.value() || !real_shown_ || holds(ranges_, key)) return fresh;
    return real_.row(key);
  }

  Result<std::vector<store::BarRow>> rows_overlapping(const std::string& symbol,
                                                      model::EventTime from,
                                                      model::EventTime to) override {
    auto rows = scratch_.rows_overlapping(symbol, from, to);
    if (!rows || !real_shown_) return rows;
    auto others = real_.rows_overlapping(symbol, from, to);
    if (!others) return others.error();
    std::set<model::BarKey> known;
    for (const store::BarRow& row : rows.value()) known.insert(row.bar.key);
    for (store::BarRow& row : others.value()) {
      if (!known.contains(row.bar.key) && !holds(ranges_, row.bar.key))
        rows.value().push_back(std::move(row));
    }
    return rows;
  }

  /// The engine asks when the newest bar begins: of the answers of both it takes the greater. That
  /// of the real store may be damaged; its key says enough.
  Result<> bars(const store::BarQuery& query,
                const std::function<bool(const model::Bar&)>& each) override {
    TAPELINE_TRY(scratch_.bars(query, each));
    if (!real_shown_) return {};
    std::optional<model::Bar> newest;
    TAPELINE_TRY(real_.keys(query, [&](const model::BarKey& key) {
      if (newest && key.start <= newest->key.start) return;
      newest.emplace();
      newest->key = key;
    }));
    if (newest) each(*newest);
    return {};
  }

  Result<> keys(const store::BarQuery& query,
                const std::function<void(const model::BarKey&)>& each) override {
    return scratch_.keys(query, each);
  }
  Result<std::vector<model::Gap>> gaps(const std::string& symbol, model::IngestTime from,
                                       model::IngestTime to, size_t limit) override {
    return scratch_.gaps(symbol, from, to, limit);
  }
  Result<std::vector<store::SymbolRow>> symbols() override { return scratch_.symbols(); }
  Result<std::optional<store::Checkpoint>> checkpoint() override { return scratch_.checkpoint(); }

 private:
  const Ranges& ranges_;
  store::Reader& scratch_;
  store::Reader& real_;
  bool real_shown_ = false;
};

/// The ranges' bars by the log, in a store of their own.
///
/// Up to the real store's checkpoint only bars of the ranges are kept: the real store has the
/// others. What lies behind it the real store lacks altogether, so that from there on every bar is
/// kept, and those outside the ranges are taken up from the real store.
class Rebuild {
 public:
  Rebuild(Tape& tape, const Config& config, Ranges ranges)
      : tape_(tape),
        options_(config.engine),
        ranges_(std::move(ranges)),
        dirty_bytes_max_(static_cast<size_t>(config.pipeline.dirty_bytes_max)) {
    options_.events = nullptr;
  }

  Result<> open(const Config& config, FileSystem& files, const Clock& clock);
  Result<> run();

  engine::Engine& engine() { return *engine_; }
  store::Reader& scratch() { return *scratch_reader_; }
  store::Reader& real() { return *real_reader_; }
  const Ranges& ranges() const { return ranges_; }
  const std::vector<engine::Fill>& fills() const { return fills_; }
  /// Bars outside the ranges, gaps and symbols that the real store lacks.
  const std::set<model::BarKey>& outside() const { return outside_; }
  const std::vector<model::Gap>& gaps() const { return gaps_; }
  const std::vector<store::SymbolRow>& symbols() const { return symbols_; }

 private:
  Result<> begin_at_snapshot(const LogScan& scan);
  Result<> pass_checkpoint();
  Result<> commit();

  Tape& tape_;
  engine::Options options_;
  const Ranges ranges_;
  const size_t dirty_bytes_max_;
  std::vector<engine::Fill> fills_;  ///< Of this run, one for each range.
  std::vector<engine::Fill> all_fills_;
  Position stored_;  ///< The real store's checkpoint.
  bool passed_ = false;

  std::unique_ptr<store::Reader> real_reader_;
  std::unique_ptr<store::Store> scratch_;
  std::unique_ptr<store::Reader> scratch_reader_;
  std::unique_ptr<store::Writer> scratch_writer_;
  std::unique_ptr<OverlaidReader> overlaid_;
  std::unique_ptr<engine::Engine> engine_;
  std::set<model::BarKey> outside_;
  std::vector<model::Gap> gaps_;
  std::vector<store::SymbolRow> symbols_;
};

int64_t to_ms(model::EventTime time) {
  return time.time_since_epoch().count();
}

Result<> Rebuild::open(const Config& config, FileSystem& files, const Clock& clock) {
  auto real = tape_.store->open_reader();
  if (!real) return real.error();
  real_reader_ = std::move(real).value();
  auto checkpoint = real_reader_->checkpoint();
  if (!checkpoint) return checkpoint.error();
  if (checkpoint.value()) stored_ = checkpoint.value()->position;

  auto scratch = open_scratch_store(config, *tape_.directory, files, clock);
  if (!scratch) return scratch.error();
  scratch_ = std::move(scratch).value();
  auto reader = scratch_->open_reader();
  if (!reader) return reader.error();
  scratch_reader_ = std::move(reader).value();
  auto writer = scratch_->open_writer();
  if (!writer) return writer.error();
  scratch_writer_ = std::move(writer).value();
  overlaid_ = std::make_unique<OverlaidReader>(ranges_, *scratch_reader_, *real_reader_);
  engine_ = std::make_unique<engine::Engine>(options_, *overlaid_);
  return {};
}

/// Retention has cut the log: the oldest state that can be gone on from is that of its first whole
/// snapshot. Windows that begin behind every record of before hold nothing that is gone.
Result<> Rebuild::begin_at_snapshot(const LogScan& scan) {
  const auto refused = [&](const std::string& from) {
    return make_error(ErrorCode::not_found,
                      "recompute: unverifiable: retention has removed records that belong to bars "
                      "of this range; {}",
                      from);
  };
  if (!scan.snapshot) return refused("the log holds no state from which its rest can be computed");
  if (const auto restored = engine_->restore(*scan.snapshot); !restored)
    return refused(restored.error().message());
  for (const RecomputeRange& range : ranges_) {
    const auto greatest = engine_->greatest_event_time(range.symbol);
    if (greatest && range.from <= *greatest)
      return refused("take one from " + model::time_text(*greatest + std::chrono::milliseconds(1)) +
                     " on");
  }
  return {};
}

Result<> Rebuild::run() {
  auto scan = scan_log(*tape_.log, {});
  if (!scan) return scan.error();
  if (!scan.value().damage.empty())
    return make_error(ErrorCode::corrupt,
                      "recompute: bars cannot be made anew from a log of which a part cannot be "
                      "read, as those of the store may hold more: {}",
                      scan.value().damage);
  if (tape_.log->begin().ordinal() > 1) TAPELINE_TRY(begin_at_snapshot(scan.value()));
  engine::ContentSettings settings;
  for (const std::string& setting : engine_->settings()) (void)settings.take(setting);
  for (const std::string& setting : scan.value().settings) (void)settings.take(setting);
  for (const RecomputeRange& range : ranges_)
    fills_.push_back({range.symbol.empty() ? std::nullopt : std::optional(range.symbol),
                      settings.intervals(), to_ms(range.from), to_ms(range.to)});
  all_fills_ = scan.value().recomputed;
  all_fills_.insert(all_fills_.end(), fills_.begin(), fills_.end());
  engine_->serve_also(all_fills_);

  const Position end = tape_.log->end();
  auto reader = tape_.log->read(std::max(engine_->position().plus(1), tape_.log->begin()));
  if (!reader) return reader.error();
  log::Batch batch;
  while (reader.value()->position() < end) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome) return outcome.error();
    if (outcome.value() != log::ReadOutcome::progressed) break;
    if (!passed_ && batch.last() > stored_) TAPELINE_TRY(pass_checkpoint());
    TAPELINE_TRY(engine_->apply(batch));
    if (engine_->dirty_bytes() > dirty_bytes_max_) TAPELINE_TRY(commit());
  }
  return commit();
}

/// The engine forgets bars outside the ranges, of which it may hold a part only, and goes on with
/// those of the real store.
Result<> Rebuild::pass_checkpoint() {
  passed_ = true;
  if (engine_->position() == Position()) {
    overlaid_->show_real();
    return {};
  }
  const store::Checkpoint reached = *engine_->prepare_commit().checkpoint;
  TAPELINE_TRY(commit());
  overlaid_->show_real();
  engine_ = std::make_unique<engine::Engine>(options_, *overlaid_);
  if (const auto restored = engine_->restore(reached); !restored)
    return make_error(ErrorCode::corrupt,
                      "recompute: a bar that is not final is damaged as well; take a range up to "
                      "now, so that it is made anew, too: {}",
                      restored.error().message());
  engine_->serve_also(all_fills_);
  return {};
}

Result<> Rebuild::commit() {
  store::Commit commit = engine_->prepare_commit();
  const Position position = commit.checkpoint->position;
  if (passed_) {
    gaps_.insert(gaps_.end(), commit.gaps.begin(), commit.gaps.end());
    symbols_.insert(symbols_.end(), commit.symbols.begin(), commit.symbols.end());
    for (const store::BarRow& row : commit.bars)
      if (!holds(ranges_, row.bar.key)) outside_.insert(row.bar.key);
  } else {
    std::erase_if(commit.bars,
                  [&](const store::BarRow& row) { return !holds(ranges_, row.bar.key); });
  }
  TAPELINE_TRY(scratch_writer_->write(commit));
  engine_->committed(position);
  return {};
}

/// Columns but `through`, which says when a bar was written and not what it is.
bool same_columns(const model::Bar& a, const model::Bar& b) {
  std::string left;
  std::string right;
  return std::all_of(bar_columns().begin(), bar_columns().end(), [&](const auto& column) {
    if (column.name == "through") return true;
    left.clear();
    right.clear();
    column.text(a, left);
    column.text(b, right);
    return left == right && a.first_id == b.first_id && a.last_id == b.last_id;
  });
}

Result<> collect_keys(store::Reader& reader, const RecomputeRange& range,
                      const std::optional<std::string>& symbol, std::set<model::BarKey>& keys,
                      std::set<std::string>* symbols) {
  for (const Basis basis : kBases) {
    store::BarQuery query;
    query.symbol = symbol.value_or(range.symbol);
    query.basis = basis;
    query.from = range.from;
    query.to = range.to;
    TAPELINE_TRY(reader.keys(query, [&](const model::BarKey& key) {
      symbols != nullptr ? (void)symbols->insert(key.symbol) : (void)keys.insert(key);
    }));
  }
  return {};
}

/// Compares one bar; adds it to the changes when the real store has something else.
Result<> compare(Rebuild& rebuild, const model::BarKey& key, Recomputed& result) {
  auto after = rebuild.scratch().row(key);
  if (!after) return after.error();
  auto before = rebuild.real().row(key);
  const bool unreadable = !before && before.error().code() == ErrorCode::corrupt;
  if (!before && !unreadable) return before.error();
  if (after.value()) ++result.bars;
  BarChange change;
  change.key = key;
  change.unreadable = unreadable;
  if (after.value()) change.after = after.value()->bar;
  if (!unreadable && before.value()) change.before = before.value()->bar;
  if (change.before && change.after) {
    change.state = before.value()->state != after.value()->state;
    if (!change.state && same_columns(*change.before, *change.after)) return {};
  }
  if (result.changes.size() >= kRecomputeChangesMax)
    return make_error(ErrorCode::invalid,
                      "recompute: more than {} bars would change at once, up to {} {}; take a "
                      "shorter range, or one symbol, and go on with the rest after",
                      kRecomputeChangesMax, key.symbol, model::time_text(key.start));
  result.changes.push_back(std::move(change));
  return {};
}

/// Symbol by symbol, so that memory holds the keys of one.
Result<> compare_all(Rebuild& rebuild, Recomputed& result) {
  std::set<std::string> symbols;
  std::set<model::BarKey> keys;
  for (const RecomputeRange& range : rebuild.ranges()) {
    TAPELINE_TRY(collect_keys(rebuild.scratch(), range, std::nullopt, keys, &symbols));
    TAPELINE_TRY(collect_keys(rebuild.real(), range, std::nullopt, keys, &symbols));
  }
  for (const std::string& symbol : symbols) {
    keys.clear();
    for (const RecomputeRange& range : rebuild.ranges()) {
      if (!range.symbol.empty() && range.symbol != symbol) continue;
      TAPELINE_TRY(collect_keys(rebuild.scratch(), range, symbol, keys, nullptr));
      TAPELINE_TRY(collect_keys(rebuild.real(), range, symbol, keys, nullptr));
    }
    for (const model::BarKey& key : keys) TAPELINE_TRY(compare(rebuild, key, result));
  }
  return {};
}

/// What the store has to be told, all of it at `position`.
Result<store::Commit> changes_to_commit(Rebuild& rebuild, const Recomputed& result,
                                        Position position) {
  store::Commit commit;
  const auto put = [&](const model::BarKey& key) -> Result<> {
    auto row = rebuild.scratch().row(key);
    if (!row) return row.error();
    CHECK(row.value().has_value(), "a bar made anew is gone");
    row.value()->bar.through = position;
    commit.bars.push_back(std::move(*row.value()));
    return {};
  };
  for (const BarChange& change : result.changes) {
    // Also the changed ones: a cell of `through` may be what is wrong.
    commit.removed.push_back(change.key);
    if (change.after) TAPELINE_TRY(put(change.key));
  }
  for (const model::BarKey& key : rebuild.outside()) TAPELINE_TRY(put(key));
  commit.gaps = rebuild.gaps();
  commit.symbols = rebuild.symbols();
  return commit;
}

/// Writes the generation's first records; the position of the last one.
Result<Position> log_recomputed(log::Log& log, Rebuild& rebuild, const Clock& clock) {
  codec::EntryWriter writer;
  for (const engine::Fill& fill : rebuild.fills())
    writer.add(engine::to_control(fill, clock.wall()));
  const uint32_t count = writer.count();
  log::Batch batch{log.end(), count, std::make_shared<const std::string>(writer.take())};
  log::Times times;
  times.ingest_max = clock.wall().time_since_epoch().count();
  auto appended = log.append(*batch.bytes, count, times);
  if (!appended) return appended.error();
  CHECK(appended.value() == batch.first);
  TAPELINE_TRY(log.flush());
  TAPELINE_TRY(log.sync(batch.last()));
  TAPELINE_TRY(rebuild.engine().apply(batch));
  return batch.last();
}

Result<> repair(Tape& tape, const Config& config, FileSystem& files, const Clock& clock,
                metrics::Registry& metrics, Rebuild& rebuild, Recomputed& result) {
  TAPELINE_TRY(begin_generation(tape, config, files, clock, metrics));
  auto position = log_recomputed(*tape.log, rebuild, clock);
  if (!position) return position.error();
  auto commit = changes_to_commit(rebuild, result, position.value());
  if (!commit) return commit.error();
  commit.value().checkpoint = rebuild.engine().prepare_commit().checkpoint;
  auto writer = tape.store->open_writer();
  if (!writer) return writer.error();
  TAPELINE_TRY(writer.value()->write(commit.value()));
  rebuild.engine().committed(position.value());
  result.position = position.value();
  // A start without the checkpoint goes on from here and not from before the records above.
  TAPELINE_TRY(tape.log->append(rebuild.engine().snapshot_record(), 1, {}));
  return tape.log->flush();
}

}  // namespace

Result<Recomputed> recompute(Tape& tape, const Config& config, FileSystem& files,
                             const Clock& clock, metrics::Registry& metrics,
                             std::vector<RecomputeRange> ranges, RecomputeMode mode) {
  Recomputed result;
  Result<> done;
  {
    Rebuild rebuild(tape, config, std::move(ranges));
    done = rebuild.open(config, files, clock);
    if (done) done = rebuild.run();
    if (done) done = compare_all(rebuild, result);
    if (done && mode == RecomputeMode::repair)
      done = repair(tape, config, files, clock, metrics, rebuild, result);
  }
  const auto removed = remove_scratch_store(*tape.directory, files);
  if (!done) return done.error();
  if (!removed) return removed.error();
  return result;
}

Result<std::vector<RecomputeRange>> unfinished_recomputes(Tape& tape) {
  auto reader = tape.store->open_reader();
  if (!reader) return reader.error();
  auto filled = store::holds_bars(*reader.value());
  if (!filled) return filled.error();
  std::vector<RecomputeRange> ranges;
  if (!filled.value()) return ranges;
  auto checkpoint = reader.value()->checkpoint();
  if (!checkpoint) return checkpoint.error();
  Position from;
  if (checkpoint.value()) from = checkpoint.value()->position.plus(1);
  // A checkpoint beyond the log is refused by whoever goes on from it.
  if (from > tape.log->end()) return ranges;
  auto scan = scan_log(*tape.log, from);
  if (!scan) return scan.error();
  const auto time = [](int64_t ms) { return model::EventTime(std::chrono::milliseconds(ms)); };
  for (const engine::Fill& fill : scan.value().recomputed)
    ranges.push_back({fill.symbol.value_or(""), time(fill.from_ms), time(fill.to_ms)});
  return ranges;
}

}  // namespace tapeline::app
