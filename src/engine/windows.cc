#include "engine/windows.h"

#include <algorithm>
#include <chrono>

#include "base/mutant.h"
#include "engine/row.h"

namespace tapeline::engine {
namespace {

/// A delta spans at most this. With the smallest interval below it, a delta lies within one window
/// of every interval: 1s, 5s, 15s and 1m divide all others, and days begin with a full minute.
constexpr int64_t kDeltaMaxMs = 60'000;

/// Entries of a source's queue beyond which the outdated ones are thrown out.
constexpr size_t kClosingsSpare = 1'024;

/// The start of a delta that ends with its first record, because a target holds that record
/// already: it takes or leaves each by its own position.
constexpr int64_t kSingle = INT64_MAX;

int64_t to_ms(model::EventTime time) {
  return time.time_since_epoch().count();
}

model::EventTime event_time(int64_t ms) {
  return model::EventTime(std::chrono::milliseconds(ms));
}

int64_t floor_to(int64_t ms, int64_t step) {
  const int64_t rest = ms % step;
  return ms - (rest < 0 ? rest + step : rest);
}

/// What the conditions of a stock's trade say together.
model::Verdict verdict_of(const model::ConditionTable& table, const codec::TradeView& record) {
  model::Verdict out;
  record.conditions.for_each([&](std::string_view code) { out &= table.of(code); });
  return out;
}

/// Between the opening and the end of the regular session by the clock, the grace after it aside.
bool in_regular_hours(Symbol& symbol, model::EventTime time, std::chrono::milliseconds grace) {
  return symbol.calendar.session(time) == model::Session::regular &&
         symbol.calendar.session(time + grace) == model::Session::regular;
}

/// The newest open bar, if the time is in its window: nearly always so.
Bar* newest_open(const SymbolInterval& of, int64_t event_ms) {
  if (of.open.empty()) return nullptr;
  Bar* bar = of.open.back();
  const int64_t end_ms = bar->end_ms + (mutated(Mutant::window_edge) ? 1 : 0);
  return bar->start_ms <= event_ms && event_ms < end_ms ? bar : nullptr;
}

bool starts_before(const Bar* bar, int64_t start_ms) {
  return bar->start_ms < start_ms;
}

}  // namespace

Symbol& Windows::symbol(std::string_view name, model::IngestTime seen) {
  if (Symbol* known = state_.symbols.find(name)) return *known;
  Symbol& symbol = state_.symbols.add(name);
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (state_.content.intervals()[i]) symbol.intervals[i].served = {Served{}};
  }
  for (const Fill& fill : state_.fills) serve_also(symbol, fill);
  symbol.row.symbol = symbol.name;
  symbol.row.venue_class = model::to_string(symbol.calendar.venue());
  symbol.row.state = "seen";
  symbol.row.since = seen;
  symbol.row.position = state_.now;
  symbol.row_changed = true;
  state_.changed_symbols.push_back(symbol.id);
  return symbol;
}

Result<> Windows::add(Symbol& symbol, SourceId source_id, const codec::TradeView& record) {
  const int64_t event_ms = to_ms(record.event_time);
  // A record never closes its own windows, so what it closes may be closed before it is merged:
  // the delta that follows is then not cut after one record.
  if (event_ms > symbol.greatest_ms) advance(symbol, event_ms);
  return add_aside(symbol, source_id, record);
}

Result<> Windows::add_aside(Symbol& symbol, SourceId source_id, const codec::TradeView& record) {
  const int64_t event_ms = to_ms(record.event_time);
  const Judged judged = judge(symbol, record);
  Delta& delta = symbol.delta;
  const bool fits = delta.active && event_ms >= delta.start_ms &&
                    event_ms - delta.start_ms < delta_ms_ && delta.session == judged.session;
  if (!fits) {
    flush(symbol);
    TAPELINE_TRY(open_delta(symbol, record.event_time, judged.session));
  }
  delta.last = state_.now;
  delta.of_recording = delta.of_recording || state_.sources[source_id].recording;
  const RecordKey key{event_ms, record.epoch, record.sequence, source_id};
  if (may_change_day(symbol, judged, record, key)) [[unlikely]]
    return change_day(symbol, judged, record, key);
  delta.partial.add(record, key, state_.sources.order(), judged.left);
  if (delta.start_ms == kSingle) flush(symbol);
  return {};
}

/// A trade of extended hours that stands among the regular ones counts for no bar there; the bars
/// of its own hours take it. Only the regular session has a first trade of the day.
Windows::Judged Windows::judge(Symbol& symbol, const codec::TradeView& record) const {
  if (symbol.calendar.venue() != model::VenueClass::stock) {
    return {model::Session::continuous, {}};
  }
  if (record.conditions.empty()) return {symbol.calendar.session(record.event_time), {}};
  const model::ConditionTable& table = state_.content.conditions();
  const model::Verdict verdict = verdict_of(table, record);
  const model::Session session = symbol.calendar.session(record.event_time, verdict.mark);
  if (!table.named()) return {session, {}};
  if (session == model::Session::regular) return {session, {verdict.rights, &table, false}};
  const bool misplaced =
      verdict.mark == model::SessionMark::extended &&
      in_regular_hours(symbol, record.event_time, state_.content.sessions().closing_grace);
  return {session, {misplaced ? model::Rights(0) : verdict.rights.firm_only(), &table, misplaced}};
}

/// The day knows its least trade that opens and closes (`last`) and its least candidate. A
/// candidate counts while it is the least of the day's candidates and no firm trade is less: so at
/// most one of a day does, and all of a day's firm trades come after it.
bool Windows::may_change_day(const Symbol& symbol, const Judged& judged,
                             const codec::TradeView& record, const RecordKey& key) const {
  const Bar* day = symbol.delta.day;
  if (day == nullptr || judged.session != model::Session::regular) return false;
  if (record.is_price_update() || day->merged_till >= state_.now) return false;
  if (judged.left.rights.last_if_only()) return true;
  if (!day->candidate_counts || !judged.left.rights.last()) return false;
  if (mutated(Mutant::candidate_stays)) return false;
  return state_.sources.order().less(key, day->find(model::Session::regular)->eligible->candidate);
}

Result<> Windows::change_day(Symbol& symbol, const Judged& judged, const codec::TradeView& record,
                             const RecordKey& key) {
  const KeyOrder& order = state_.sources.order();
  Delta& delta = symbol.delta;
  if (delta.partial.records() > 0) {
    const bool of_recording = delta.of_recording;
    flush(symbol);
    TAPELINE_TRY(open_delta(symbol, record.event_time, judged.session));
    delta.of_recording = of_recording;
    delta.last = state_.now;
  }
  const Partial* regular = delta.day->find(model::Session::regular);
  const Eligible before = regular == nullptr ? Eligible{} : regular->what_is_eligible();
  const bool counts = judged.left.rights.last_if_only() &&
                      (before.last.count == 0 || order.less(key, before.last.first)) &&
                      (!before.has_candidate || order.less(key, before.candidate));
  const bool unseats = delta.day->candidate_counts && (counts || judged.left.rights.last());
  std::vector<Bar*> left;
  if (unseats) {
    auto found = bars_at(symbol, before.candidate.event_ms);
    if (!found) return found.error();
    left = std::move(found).value();
  }
  delta.partial.add(record, key, order, judged.left);
  flush(symbol);
  for (Bar* bar : left) {
    if (bar->merged_till >= state_.now) continue;
    bar->candidate_counts = false;
    state_.bars.touch(*bar, state_.now, state_.reporting);
  }
  for (size_t i = 0; counts && i < delta.target_count; ++i) {
    Bar& bar = *delta.targets[i];
    if (bar.merged_till < state_.now) bar.candidate_counts = true;
  }
  return {};
}

/// The bars whose windows hold this time, of every interval that has one.
Result<std::vector<Bar*>> Windows::bars_at(Symbol& symbol, int64_t event_ms) {
  std::vector<Bar*> out;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (!state_.ever[i]) continue;
    const model::Window window =
        symbol.calendar.window(event_time(event_ms), model::known_intervals()[i]);
    auto bar = find(symbol, static_cast<IntervalIndex>(i), window);
    if (!bar) return bar.error();
    if (bar.value().bar != nullptr) out.push_back(bar.value().bar);
  }
  return out;
}

void Windows::advance(Symbol& symbol, int64_t event_ms) {
  symbol.greatest_ms = event_ms;
  symbol.watermark_ms = std::max(symbol.watermark_ms, event_ms - state_.content.disorder_ms());
  const int64_t reached_ms = symbol.watermark_ms - (mutated(Mutant::closing_edge) ? 1 : 0);
  if (reached_ms >= symbol.next_close_ms) close_till(symbol, symbol.watermark_ms);
}

/// Opens an empty delta whose targets exist. Everything that can fail comes before everything that
/// changes a bar.
Result<> Windows::open_delta(Symbol& symbol, model::EventTime time, model::Session session) {
  std::array<model::Window, kIntervalsMax> windows;
  std::array<Bar*, kIntervalsMax> found{};
  IntervalSet wanted;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (!state_.ever[i]) continue;
    Bar* newest = newest_open(symbol.intervals[i], to_ms(time));
    // A dead letter may have begun it before its interval was taken away.
    if (newest != nullptr && symbol.intervals[i].serves(newest->start_ms)) {
      wanted.set(i);
      found[i] = newest;
      continue;
    }
    windows[i] = symbol.calendar.window(time, model::known_intervals()[i]);
    if (!symbol.intervals[i].serves(to_ms(windows[i].start))) continue;
    auto bar = find(symbol, static_cast<IntervalIndex>(i), windows[i]);
    if (!bar) return bar.error();
    if (bar.value().sealed || (bar.value().bar == nullptr && lost(symbol, windows[i]))) {
      ++state_.counters.bars_not_made;
      continue;
    }
    wanted.set(i);
    found[i] = bar.value().bar;
  }
  Delta& delta = symbol.delta;
  delta.active = true;
  delta.of_recording = false;
  delta.session = session;
  delta.start_ms = floor_to(to_ms(time), delta_ms_);
  delta.first = delta.last = state_.now;
  delta.day = nullptr;
  delta.target_count = 0;
  bool single = false;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (!wanted[i]) continue;
    Bar& bar =
        found[i] != nullptr ? *found[i] : make(symbol, static_cast<IntervalIndex>(i), windows[i]);
    delta.targets[delta.target_count++] = &bar;
    if (i == kIntervalsMax - 1) delta.day = &bar;
    if (bar.merged_till >= state_.now) {
      single = true;
    } else {
      state_.bars.touch(bar, state_.now, state_.reporting);
    }
  }
  if (single) delta.start_ms = kSingle;
  if (!symbol.in_active) {
    symbol.in_active = true;
    active_.push_back(symbol.id);
  }
  return {};
}

bool Windows::lost(const Symbol& symbol, const model::Window& window) {
  return !symbol.removed.empty() && symbol.removed.reach_into(window.start, window.end);
}

Bar& Windows::make(Symbol& symbol, IntervalIndex interval, model::Window window) {
  Bar& bar = state_.bars.make(symbol.id, interval, to_ms(window.start), to_ms(window.end));
  if (watermark_ms(symbol) < bar.end_ms) {
    hold_open(symbol, bar);
    schedule(symbol);
    return bar;
  }
  bar.final = true;
  ++state_.counters.bars_finalized;
  symbol.final_end_ms = std::max(symbol.final_end_ms, bar.end_ms);
  state_.bars.keep_final(bar);
  return bar;
}

Bar* Windows::find_in_memory(Symbol& symbol, IntervalIndex interval, int64_t start_ms) {
  const std::vector<Bar*>& open = symbol.intervals[interval].open;
  const auto at = std::lower_bound(open.begin(), open.end(), start_ms, starts_before);
  if (at != open.end() && (*at)->start_ms == start_ms) return *at;
  if (symbol.final_end_ms <= start_ms) return nullptr;
  return state_.bars.find_final(symbol.id, interval, start_ms);
}

Result<Windows::Found> Windows::find(Symbol& symbol, IntervalIndex interval, model::Window window) {
  const int64_t start_ms = to_ms(window.start);
  if (Bar* bar = find_in_memory(symbol, interval, start_ms)) return Found{bar};
  const auto stored = may_be_stored(symbol, interval, start_ms);
  if (!stored) return stored.error();
  if (!stored.value()) return Found{};
  ++state_.counters.store_lookups;
  const auto row = reader_.row(
      {symbol.name, model::known_intervals()[interval], window.start, model::Basis::all});
  if (!row) return row.error();
  if (!row.value()) return Found{};
  if (row.value()->state.empty()) return Found{nullptr, true};
  auto bar = take_up(symbol, *row.value());
  if (!bar) return bar.error();
  return Found{bar.value()};
}

/// A bar that begins after every one in the store need not be looked up. What the store holds is
/// asked once for each symbol and interval, so that it is also right after a restart from an older
/// checkpoint, or from none.
Result<bool> Windows::may_be_stored(Symbol& symbol, IntervalIndex interval, int64_t start_ms) {
  SymbolInterval& of = symbol.intervals[interval];
  if (!of.stored_known) {
    ++state_.counters.store_lookups;
    store::BarQuery newest;
    newest.symbol = symbol.name;
    newest.interval = model::known_intervals()[interval];
    newest.limit = 1;
    newest.newest = true;
    int64_t max_ms = of.stored_max_ms;
    TAPELINE_TRY(reader_.bars(newest, [&](const model::Bar& bar) {
      max_ms = std::max(max_ms, to_ms(bar.key.start));
      return true;
    }));
    of.stored_max_ms = max_ms;
    of.stored_known = true;
  }
  return start_ms < of.stored_max_ms + (mutated(Mutant::stored_bar_forgotten) ? 0 : 1);
}

Result<Bar*> Windows::take_up(Symbol& symbol, const store::BarRow& row) {
  Bar& bar = state_.bars.make(symbol.id, interval_index(row.bar.key.interval),
                              to_ms(row.bar.key.start), to_ms(row.bar.end));
  if (auto decoded = decode_row(row, state_.sources, bar); !decoded) {
    state_.bars.discard(bar);
    return decoded.error();
  }
  if (bar.final) {
    symbol.final_end_ms = std::max(symbol.final_end_ms, bar.end_ms);
    state_.bars.keep_final(bar);
  } else {
    hold_open(symbol, bar);
    schedule(symbol);
  }
  return &bar;
}

void Windows::hold_open(Symbol& symbol, Bar& bar) {
  std::vector<Bar*>& open = symbol.intervals[bar.interval].open;
  const auto at = std::lower_bound(open.begin(), open.end(), bar.start_ms, starts_before);
  open.insert(at, &bar);
  symbol.next_close_ms = std::min(symbol.next_close_ms, bar.end_ms);
}

void Windows::flush(Symbol& symbol) {
  Delta& delta = symbol.delta;
  if (!delta.active) return;
  delta.active = false;
  bool late = false;
  for (size_t i = 0; i < delta.target_count; ++i) {
    Bar& bar = *delta.targets[i];
    if (bar.merged_till >= delta.last && !mutated(Mutant::through_ignored)) continue;
    const bool born = bar.partial.records() == 0;
    if (mutated(Mutant::late_dropped) && bar.final && !born) continue;
    bar.of(delta.session).merge(delta.partial, state_.sources.order());
    bar.of_recording = bar.of_recording || delta.of_recording;
    if (bar.final) {
      late = true;
      bar.revision += mutated(Mutant::revision_of_batches) ? 1 : delta.partial.records();
      if (born) bar.certificate = certify(bar, symbol, state_.sources, bar.end_ms);
    }
    state_.bars.touch(bar, delta.last, state_.reporting);
  }
  if (late) state_.counters.late += delta.partial.records();
  delta.partial = {};
}

void Windows::flush_all() {
  for (const SymbolId id : active_) {
    Symbol& symbol = state_.symbols[id];
    flush(symbol);
    symbol.in_active = false;
  }
  active_.clear();
}

int64_t Windows::watermark_ms(const Symbol& symbol) const {
  if (symbol.source == kNoSource) return symbol.watermark_ms;
  return std::max(symbol.watermark_ms, state_.sources[symbol.source].watermark_ms);
}

void Windows::give(Symbol& symbol, SourceId source) {
  if (symbol.source == source) return;
  touch_open(symbol);
  symbol.watermark_ms = watermark_ms(symbol);
  symbol.source = source;
  symbol.heap_close_ms = INT64_MAX;
  const int64_t watermark = watermark_ms(symbol);
  if (watermark >= symbol.next_close_ms) close_till(symbol, watermark);
  schedule(symbol);
}

/// Enters the symbol with its source, unless it is there with an earlier or the same time.
void Windows::schedule(Symbol& symbol) {
  if (symbol.source == kNoSource || symbol.next_close_ms >= symbol.heap_close_ms) return;
  ClosingQueue& closings = state_.sources[symbol.source].closings;
  symbol.heap_close_ms = symbol.next_close_ms;
  closings.push({symbol.next_close_ms, symbol.id});
  if (closings.size() > 4 * state_.symbols.size() + kClosingsSpare) schedule_again(symbol.source);
}

void Windows::schedule_again(SourceId source) {
  std::vector<Closing> entries;
  for (Symbol& symbol : state_.symbols) {
    if (symbol.source != source) continue;
    symbol.heap_close_ms = symbol.next_close_ms;
    if (symbol.next_close_ms != INT64_MAX) entries.push_back({symbol.next_close_ms, symbol.id});
  }
  state_.sources[source].closings = ClosingQueue(std::greater<>(), std::move(entries));
}

void Windows::close_by_tick(SourceId source_id) {
  Source& source = state_.sources[source_id];
  while (!source.closings.empty() && source.closings.top().end_ms <= source.watermark_ms) {
    const Closing due = source.closings.top();
    source.closings.pop();
    Symbol& symbol = state_.symbols[due.symbol];
    if (symbol.source != source_id || symbol.heap_close_ms != due.end_ms) continue;
    symbol.heap_close_ms = INT64_MAX;
    const int64_t watermark = watermark_ms(symbol);
    if (watermark >= symbol.next_close_ms) close_till(symbol, watermark);
    schedule(symbol);
  }
}

void Windows::close_till(Symbol& symbol, int64_t watermark) {
  flush(symbol);
  for (SymbolInterval& of : symbol.intervals) {
    size_t closed = 0;
    for (; closed < of.open.size() && of.open[closed]->end_ms <= watermark; ++closed) {
      finish(symbol, *of.open[closed]);
    }
    of.open.erase(of.open.begin(), of.open.begin() + static_cast<ptrdiff_t>(closed));
  }
  find_next_close(symbol);
}

/// Bars that hold this record already are ahead of it: whether it closed them, they know.
void Windows::close_all(Symbol& symbol) {
  flush(symbol);
  for (SymbolInterval& of : symbol.intervals) {
    std::erase_if(of.open, [&](Bar* bar) {
      if (bar->merged_till >= state_.now) return false;
      finish(symbol, *bar);
      return true;
    });
  }
  find_next_close(symbol);
}

void Windows::find_next_close(Symbol& symbol) {
  symbol.next_close_ms = INT64_MAX;
  for (const SymbolInterval& of : symbol.intervals) {
    if (!of.open.empty()) {
      symbol.next_close_ms = std::min(symbol.next_close_ms, of.open.front()->end_ms);
    }
  }
}

void Windows::finish(Symbol& symbol, Bar& bar) {
  bar.certificate = certify(bar, symbol, state_.sources, bar.end_ms);
  bar.final = true;
  ++state_.counters.bars_finalized;
  symbol.final_end_ms = std::max(symbol.final_end_ms, bar.end_ms);
  if (!mutated(Mutant::final_not_stored)) state_.bars.touch(bar, state_.now, state_.reporting);
  state_.bars.keep_final(bar);
}

void Windows::touch_open(Symbol& symbol) {
  flush(symbol);
  for (SymbolInterval& of : symbol.intervals) {
    for (Bar* bar : of.open) {
      if (bar->merged_till < state_.now) state_.bars.touch(*bar, state_.now, state_.reporting);
    }
  }
}

Result<> Windows::load_overlapping(Symbol& symbol, Span gap) {
  flush(symbol);
  if (symbol.final_end_ms <= gap.from_ms) return {};
  ++state_.counters.store_lookups;
  const auto rows =
      reader_.rows_overlapping(symbol.name, event_time(gap.from_ms), event_time(gap.to_ms));
  if (!rows) return rows.error();
  for (const store::BarRow& row : rows.value()) {
    const IntervalIndex interval = interval_index(row.bar.key.interval);
    if (interval >= kIntervalsMax) continue;
    if (row.state.empty()) continue;
    if (find_in_memory(symbol, interval, to_ms(row.bar.key.start)) != nullptr) continue;
    if (auto bar = take_up(symbol, row); !bar) return bar.error();
  }
  return {};
}

void Windows::certify_again(const std::vector<Symbol*>& symbols, Span gap) {
  std::vector<bool> concerned(state_.symbols.size());
  for (Symbol* symbol : symbols) {
    concerned[symbol->id] = true;
    touch_open(*symbol);
  }
  std::vector<Bar*> changed;
  state_.bars.for_each_final([&](Bar& bar) {
    if (!concerned[bar.symbol] || !gap.overlaps(bar.start_ms, bar.end_ms)) return;
    if (bar.merged_till < state_.now && !mutated(Mutant::gap_spares_final)) changed.push_back(&bar);
  });
  for (Bar* bar : changed) {
    Certificate again = certify(*bar, state_.symbols[bar->symbol], state_.sources, bar->end_ms);
    if (!again.coverage_ms && bar->certificate.coverage_ms) {
      // Its subscriptions are forgotten: what the gap takes at most is taken from what was known.
      const int64_t missed =
          std::min(gap.to_ms, bar->end_ms) - std::max(gap.from_ms, bar->start_ms);
      again.kind = bar->certificate.kind;
      again.coverage_ms = std::max<int64_t>(0, *bar->certificate.coverage_ms - missed);
    }
    bar->certificate = again;
    state_.bars.touch(*bar, state_.now, state_.reporting);
  }
}

void Windows::change_intervals(const IntervalSet& before) {
  flush_all();
  const IntervalSet& after = state_.content.intervals();
  for (Symbol& symbol : state_.symbols) {
    for (size_t i = 0; i < kIntervalsMax; ++i) {
      if (before[i] == after[i]) continue;
      std::vector<Served>& served = symbol.intervals[i].served;
      const bool unseen = symbol.greatest_ms == kNoTime;
      model::Window present{};
      if (!unseen) {
        present =
            symbol.calendar.window(event_time(symbol.greatest_ms), model::known_intervals()[i]);
      }
      if (after[i]) {
        served.push_back(unseen ? Served{} : Served{to_ms(present.end), INT64_MAX});
        if (served.size() > SymbolInterval::kServedMax) served.erase(served.begin());
      } else if (unseen) {
        served.clear();
      } else if (!served.empty()) {
        served.back().to_ms = to_ms(present.start);
      }
    }
  }
  state_.ever |= after;
  measure_delta();
}

void Windows::serve_also(const Fill& fill) {
  flush_all();
  for (Symbol& symbol : state_.symbols) serve_also(symbol, fill);
  state_.ever |= fill.intervals;
  measure_delta();
}

void Windows::serve_also(Symbol& symbol, const Fill& fill) {
  if (fill.symbol && *fill.symbol != symbol.name) return;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (fill.intervals[i]) symbol.intervals[i].serve_also({fill.from_ms, fill.to_ms - 1});
  }
}

void Windows::measure_delta() {
  delta_ms_ = kDeltaMaxMs;
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    if (state_.ever[i]) {
      delta_ms_ = std::min(delta_ms_, interval_ms(static_cast<IntervalIndex>(i)));
    }
  }
}

}  // namespace tapeline::engine
