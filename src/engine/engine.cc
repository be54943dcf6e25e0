#include "engine/engine.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/mutant.h"
#include "codec/entry.h"
#include "engine/checkpoint.h"
#include "engine/controls.h"
#include "engine/events.h"
#include "engine/row.h"
#include "engine/state.h"
#include "engine/windows.h"

namespace tapeline::engine {
namespace {

/// A list that keeps its newest elements.
template <typename T>
void push_bounded(std::deque<T>& list, T element, size_t max) {
  if (list.size() >= max) list.pop_front();
  list.push_back(std::move(element));
}

template <typename T>
std::vector<T> take_all(std::deque<T>& list) {
  std::vector<T> out(std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
  list.clear();
  return out;
}

/// The feed did not send the trade before then. It may have waited long for us to read it, which
/// its arrival does not tell; the times of recordings cannot be compared with arrivals.
int64_t sent_us(const codec::TradeView& trade, const Source& source) {
  const model::IngestTime arrival = trade.ingest_time;
  if (source.feed_clock || source.recording) return arrival.time_since_epoch().count();
  return std::min(arrival, model::IngestTime(trade.event_time)).time_since_epoch().count();
}

/// Ticks come every second, and a cut says one record for each symbol.
bool is_news(const model::Control& control) {
  return control.kind != model::ControlKind::tick &&
         !(control.kind == model::ControlKind::retention_cut && control.symbol);
}

/// State and what works on it; made anew when a restore fails.
struct Core {
  Core(const Options& options, store::Reader& reader)
      : state(options.cache_bytes_max),
        windows(state, reader),
        controls(state, windows, options.events) {
    state.ever = state.content.intervals();
    windows.measure_delta();
  }

  State state;
  Windows windows;
  Controls controls;
};

}  // namespace

class Engine::Impl {
 public:
  Impl(const Options& options, store::Reader& reader)
      : options_(options), reader_(reader), core_(std::make_unique<Core>(options, reader)) {}

  Result<> restore(const store::Checkpoint& checkpoint);
  Result<> apply(const log::Batch& batch);
  store::Commit prepare_commit();
  void committed(Position through);
  Changes take_changes();
  std::string snapshot_record();
  void serve_also(const std::vector<Fill>& fills);
  std::vector<SourceState> sources() const;

  State& state() { return core_->state; }
  const State& state() const { return core_->state; }

 private:
  Result<> apply_entry(const codec::EntryView& entry);
  Result<> apply_trade(const codec::TradeView& trade);
  /// A dead letter put in later. It tells nothing of the present: no clock, watermark or coverage
  /// moves by it.
  Result<> apply_replayed(const codec::TradeView& trade, SourceId source_id);
  void count(const codec::TradeView& trade);
  /// The subscription brought a record.
  void confirm(Symbol& symbol, SourceId source, int64_t epoch);
  void skip_undecodable(const log::Batch& batch, uint32_t from);

  const Options options_;
  store::Reader& reader_;
  std::unique_ptr<Core> core_;
  codec::EntryView entry_;  ///< Kept for the capacity of its texts.
  std::deque<model::Trade> tape_;
  std::deque<model::Control> happened_;
};

Result<> Engine::Impl::restore(const store::Checkpoint& checkpoint) {
  CHECK(state().applied == Position{}, "restore must come before the first batch");
  const bool reporting = state().reporting;
  core_ = std::make_unique<Core>(options_, reader_);
  const auto decoded =
      decode_state(checkpoint.state, checkpoint.position, core_->state, core_->windows, reader_);
  if (!decoded) core_ = std::make_unique<Core>(options_, reader_);
  state().reporting = reporting;
  return decoded;
}

Result<> Engine::Impl::apply(const log::Batch& batch) {
  State& state = core_->state;
  if (batch.count == 0 || batch.last() <= state.applied) return {};
  const Position expected = state.applied.plus(1);
  // Ordinals go on when a generation begins.
  if (options_.events != nullptr && state.applied != Position{} &&
      batch.first.ordinal() > expected.ordinal()) {
    options_.events->records_missing(expected, batch.first);
  }
  codec::EntryReader reader(*batch.bytes);
  for (uint32_t i = 0; i < batch.count; ++i) {
    const Position position = batch.first.plus(i);
    if (reader.next(entry_) != codec::EntryReader::Outcome::progressed) {
      skip_undecodable(batch, i);
      break;
    }
    if (position <= state.applied) continue;
    state.now = position;
    TAPELINE_TRY(apply_entry(entry_));
    state.applied = position;
    ++state.counters.records;
  }
  state.bars.trim();
  if (options_.events != nullptr) {
    options_.events->applied(state.counters, state.bars.bytes());
  }
  return {};
}

void Engine::Impl::skip_undecodable(const log::Batch& batch, uint32_t from) {
  State& state = core_->state;
  const Position first = std::max(batch.first.plus(from), state.applied.plus(1));
  const int64_t skipped = batch.last().raw() - first.raw() + 1;
  state.applied = state.now = batch.last();
  state.counters.records += skipped;
  state.counters.undecodable += skipped;
  if (options_.events != nullptr) options_.events->records_undecodable(first, skipped);
}

Result<> Engine::Impl::apply_entry(const codec::EntryView& entry) {
  State& state = core_->state;
  switch (entry.kind) {
    case codec::EntryKind::trade:
      return apply_trade(entry.trade);
    case codec::EntryKind::control:
      TAPELINE_TRY(core_->controls.apply(entry.control));
      if (state.reporting && is_news(entry.control)) {
        push_bounded(happened_, entry.control, kTapeMax);
      }
      return {};
    case codec::EntryKind::vendor_bar:
    case codec::EntryKind::snapshot:
      ++state.counters.others;
      return {};
  }
  return {};
}

Result<> Engine::Impl::apply_trade(const codec::TradeView& trade) {
  State& state = core_->state;
  const SourceId source_id = state.sources.intern(trade.source);
  if ((trade.flags & model::kReplayed) != 0) return apply_replayed(trade, source_id);
  Source& source = state.sources[source_id];
  switch (admit(source, trade.epoch, trade.sequence)) {
    case Admission::fresh:
      break;
    case Admission::duplicate:
      ++state.counters.duplicates;
      return {};
    case Admission::fenced:
      ++state.counters.fenced;
      return {};
  }
  Symbol& symbol = core_->windows.symbol(trade.symbol, trade.ingest_time);
  if (symbol.source != source_id && !symbol.subscribed) core_->windows.give(symbol, source_id);
  if (symbol.unconfirmed) confirm(symbol, source_id, trade.epoch);
  TAPELINE_TRY(core_->windows.add(symbol, source_id, trade));
  source.epoch_highest = trade.epoch;
  source.sequence_highest = trade.sequence;
  source.heard_us = std::max(source.heard_us, sent_us(trade, source));
  count(trade);
  return {};
}

Result<> Engine::Impl::apply_replayed(const codec::TradeView& trade, SourceId source_id) {
  State& state = core_->state;
  Source& source = state.sources[source_id];
  const bool known = source.replayed.contains(trade.epoch, trade.sequence);
  // What finds no room was refused before it was written; a log that holds it is not of ours.
  if (known || source.replayed.full()) {
    ++state.counters.duplicates;
    return {};
  }
  Symbol& symbol = core_->windows.symbol(trade.symbol, trade.ingest_time);
  if (symbol.source == kNoSource) core_->windows.give(symbol, source_id);
  TAPELINE_TRY(core_->windows.add_aside(symbol, source_id, trade));
  source.replayed.add(trade.epoch, trade.sequence);
  // Nothing else comes that could close what it opened.
  if (state.sources[symbol.source].ended) core_->windows.close_all(symbol);
  count(trade);
  return {};
}

void Engine::Impl::count(const codec::TradeView& trade) {
  State& state = core_->state;
  ++(trade.is_price_update() ? state.counters.price_updates : state.counters.trades);
  if (state.reporting) push_bounded(tape_, trade.to_trade(), kTapeMax);
}

void Engine::Impl::confirm(Symbol& symbol, SourceId source, int64_t epoch) {
  const Covered& current = *symbol.covered.current();
  if (current.source != source || current.epoch != epoch) return;
  core_->windows.touch_open(symbol);
  symbol.covered.confirm_current();
  symbol.unconfirmed = false;
}

store::Commit Engine::Impl::prepare_commit() {
  State& state = core_->state;
  core_->windows.flush_all();
  store::Commit commit;
  commit.bars.reserve(state.bars.dirty().size());
  for (Bar* bar : state.bars.dirty()) {
    Symbol& symbol = state.symbols[bar->symbol];
    store::BarRow& row = commit.bars.emplace_back();
    row.bar = present(*bar, symbol, state.sources);
    row.bar.through = mutated(Mutant::through_not_advanced)
                          ? bar->merged_till.plus(1)
                          : std::max(state.applied, bar->merged_till);
    row.state = encode_state(*bar, state.sources);
    if (bar->restricted() && !mutated(Mutant::eligible_not_stored)) {
      const Position through = row.bar.through;
      store::BarRow& eligible = commit.bars.emplace_back();
      eligible.bar = present_eligible(*bar, symbol, state.sources);
      eligible.bar.through = through;
    }
    int64_t& stored_max_ms = symbol.intervals[bar->interval].stored_max_ms;
    stored_max_ms = std::max(stored_max_ms, bar->start_ms);
  }
  commit.gaps = state.changed_gaps;
  for (const SymbolId id : state.changed_symbols) {
    commit.symbols.push_back(state.symbols[id].row);
  }
  commit.checkpoint = {state.applied, encode_state(state, Form::checkpoint)};
  return commit;
}

void Engine::Impl::committed(Position through) {
  State& state = core_->state;
  std::erase_if(state.changed_gaps, [&](const model::Gap& gap) { return gap.position <= through; });
  std::erase_if(state.changed_symbols, [&](SymbolId id) {
    Symbol& symbol = state.symbols[id];
    if (symbol.row.position > through) return false;
    symbol.row_changed = false;
    return true;
  });
  state.bars.clean(through);
  state.bars.trim();
}

Changes Engine::Impl::take_changes() {
  State& state = core_->state;
  core_->windows.flush_all();
  std::vector<Bar*> bars = state.bars.take_unreported();
  Changes changes;
  changes.bars.reserve(bars.size());
  for (const Bar* bar : bars) {
    model::Bar& shown =
        changes.bars.emplace_back(present(*bar, state.symbols[bar->symbol], state.sources));
    shown.through = std::max(state.applied, bar->merged_till);
    if (!bar->restricted()) continue;
    const Position through = shown.through;
    model::Bar& eligible = changes.bars.emplace_back(
        present_eligible(*bar, state.symbols[bar->symbol], state.sources));
    eligible.through = through;
  }
  std::sort(changes.bars.begin(), changes.bars.end(),
            [](const model::Bar& a, const model::Bar& b) { return a.key < b.key; });
  changes.trades = take_all(tape_);
  changes.controls = take_all(happened_);
  changes.position = state.applied.plus(mutated(Mutant::shown_beyond_log) ? 1 : 0);
  state.bars.trim();
  return changes;
}

void Engine::Impl::serve_also(const std::vector<Fill>& fills) {
  for (const Fill& fill : fills) core_->windows.serve_also(fill);
  state().fills.insert(state().fills.end(), fills.begin(), fills.end());
}

std::string Engine::Impl::snapshot_record() {
  core_->windows.flush_all();
  const std::string bytes = encode_state(state(), Form::snapshot);
  codec::EntryWriter writer;
  writer.add(codec::SnapshotView{state().applied.raw(), bytes});
  return writer.take();
}

std::vector<Engine::SourceState> Engine::Impl::sources() const {
  std::vector<SourceState> out;
  const SourceTable& sources = state().sources;
  for (SourceId id = 0; id < sources.size(); ++id) {
    const Source& source = sources[id];
    const bool opened_later = source.epoch_newest > source.epoch_highest;
    const int64_t epoch = mutated(Mutant::silent_epoch_forgotten)
                              ? source.epoch_highest
                              : std::max(source.epoch_newest, source.epoch_highest);
    out.push_back({source.name, epoch, opened_later ? 0 : source.sequence_highest, source.open,
                   model::IngestTime(std::chrono::microseconds(source.heard_us)), source.ended,
                   source.replayed});
  }
  return out;
}

Engine::Engine(const Options& options, store::Reader& reader)
    : impl_(std::make_unique<Impl>(options, reader)) {}
Engine::~Engine() = default;

Result<> Engine::restore(const store::Checkpoint& checkpoint) {
  return impl_->restore(checkpoint);
}
Result<> Engine::apply(const log::Batch& batch) {
  return impl_->apply(batch);
}
void Engine::serve_also(const std::vector<Fill>& fills) {
  impl_->serve_also(fills);
}
void Engine::forget_stored_bars() {
  for (Symbol& symbol : impl_->state().symbols) {
    if (symbol.greatest_ms == kNoTime) continue;
    symbol.removed.add(
        {model::EventTime(), model::EventTime(std::chrono::milliseconds(symbol.greatest_ms))});
  }
}
model::RemovedTrades Engine::removed() const {
  model::RemovedTrades out;
  for (const Symbol& symbol : impl_->state().symbols) {
    if (!symbol.removed.empty()) out.emplace(symbol.name, symbol.removed);
  }
  return out;
}
Position Engine::cut_before() const {
  return impl_->state().cut_before;
}
std::optional<model::EventTime> Engine::greatest_event_time(const std::string& symbol) const {
  int64_t greatest_ms = kNoTime;
  for (const Symbol& one : impl_->state().symbols) {
    if (symbol.empty() || one.name == symbol) greatest_ms = std::max(greatest_ms, one.greatest_ms);
  }
  if (greatest_ms == kNoTime) return std::nullopt;
  return model::EventTime(std::chrono::milliseconds(greatest_ms));
}
Position Engine::position() const {
  return impl_->state().applied;
}
store::Commit Engine::prepare_commit() {
  return impl_->prepare_commit();
}
void Engine::committed(Position through) {
  impl_->committed(through);
}
size_t Engine::dirty_bytes() const {
  return impl_->state().bars.dirty().size() * Bar::kBytes;
}
void Engine::collect_changes(bool wanted) {
  impl_->state().reporting = wanted;
}
Changes Engine::take_changes() {
  return impl_->take_changes();
}
std::string Engine::snapshot_record() const {
  return impl_->snapshot_record();
}
std::vector<std::string> Engine::settings() const {
  return impl_->state().content.texts();
}
std::vector<Engine::SourceState> Engine::sources() const {
  return impl_->sources();
}
const Counters& Engine::counters() const {
  return impl_->state().counters;
}
size_t Engine::memory_bytes() const {
  const State& state = impl_->state();
  return state.bars.bytes() + state.symbols.size() * sizeof(Symbol);
}

}  // namespace tapeline::engine
