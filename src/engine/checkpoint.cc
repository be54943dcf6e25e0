#include "engine/checkpoint.h"

#include <algorithm>
#include <chrono>

#include "base/mutant.h"
#include "engine/engine.h"
#include "engine/row.h"
#include "engine/wire.h"

namespace tapeline::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

model::EventTime event_time(int64_t ms) {
  return model::EventTime(milliseconds(ms));
}

model::IngestTime ingest_time(int64_t us) {
  return model::IngestTime(microseconds(us));
}

/// A time in microseconds, within what a hostile clock may say.
int64_t ingest_time_of(int64_t clock_ms) {
  return std::clamp<int64_t>(clock_ms, 0, INT64_MAX / 1'000) * 1'000;
}

// ---- Writing.

void write(StateWriter& out, const GapList& gaps) {
  out.varint(gaps.all().size());
  for (const Span& span : gaps.all()) out.zigzag(span.from_ms), out.zigzag(span.to_ms);
}

void write(StateWriter& out, const CoveredList& covered) {
  out.zigzag(covered.known_from_ms());
  out.varint(covered.all().size());
  for (const Covered& one : covered.all()) {
    out.zigzag(one.span.from_ms);
    out.zigzag(one.span.to_ms);
    out.varint(one.source);
    out.zigzag(one.epoch);
    out.flag(one.confirmed);
  }
}

// Ids of a damaged log may be any numbers: what is written and read wraps around alike.
int64_t sum_of(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t difference_of(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

/// Ranges lie close together: each begins where the one before it ends.
void write(StateWriter& out, const model::ReplayedSet& replayed) {
  out.varint(replayed.ranges().size());
  model::ReplayedSet::Range before;
  for (const model::ReplayedSet::Range& range : replayed.ranges()) {
    if (range.epoch != before.epoch) before.last = 0;
    out.zigzag(difference_of(range.epoch, before.epoch));
    out.zigzag(difference_of(range.first, before.last));
    out.varint(static_cast<uint64_t>(difference_of(range.last, range.first)));
    before = range;
  }
}

void write(StateWriter& out, const Source& source) {
  out.text(source.name);
  out.flag(source.feed_clock);
  out.flag(source.open);
  out.flag(source.ended);
  out.zigzag(source.epoch_newest);
  out.zigzag(source.epoch_highest);
  out.zigzag(source.sequence_highest);
  out.zigzag(source.heard_us);
  out.zigzag(source.told_us);
  out.zigzag(source.clock_ms);
  out.zigzag(source.watermark_ms);
  write(out, source.gaps);
  write(out, source.replayed);
}

/// Nearly every interval has one range without ends: that takes a byte.
void write(StateWriter& out, const std::vector<Served>& served) {
  const bool endless = served.size() == 1 && served.front() == Served{};
  out.flag(endless);
  if (endless) return;
  out.varint(served.size());
  for (const Served& range : served) out.zigzag(range.from_ms), out.zigzag(range.to_ms);
}

void write(StateWriter& out, const SymbolInterval& interval) {
  write(out, interval.served);
  out.varint(interval.open.size());
  for (const Bar* bar : interval.open) out.zigzag(bar->start_ms);
}

void write(StateWriter& out, const model::EventRanges& removed) {
  out.varint(removed.all().size());
  for (const model::EventRanges::Range& range : removed.all()) {
    out.zigzag(range.from.time_since_epoch().count());
    out.zigzag(range.to.time_since_epoch().count());
  }
}

void write(StateWriter& out, const Symbol& symbol) {
  out.text(symbol.name);
  out.varint(symbol.source);
  out.flag(symbol.subscribed);
  out.flag(symbol.unconfirmed);
  out.zigzag(symbol.greatest_ms);
  out.zigzag(symbol.watermark_ms);
  out.zigzag(symbol.final_end_ms);
  write(out, symbol.covered);
  write(out, symbol.gaps);
  write(out, symbol.removed);
  out.text(symbol.row.state);
  out.text(symbol.row.detail);
  out.zigzag(symbol.row.since.time_since_epoch().count());
  out.zigzag(symbol.row.position.raw());
  for (const SymbolInterval& interval : symbol.intervals) write(out, interval);
}

void write(StateWriter& out, const Bar& bar, const State& state) {
  const SourceTable& sources = state.sources;
  out.varint(bar.symbol);
  out.byte(bar.interval);
  out.zigzag(bar.start_ms);
  out.zigzag(bar.end_ms);
  out.flag(bar.final);
  out.zigzag(bar.revision);
  out.zigzag(std::max(state.applied, bar.merged_till).raw());
  out.text(sources[bar.ends(sources.order()).first.source].name);
  out.text(encode_state(bar, sources));
}

void write(StateWriter& out, const model::Gap& gap) {
  out.text(gap.source);
  out.flag(gap.symbol.has_value());
  out.text(gap.symbol.value_or(""));
  out.zigzag(gap.from.time_since_epoch().count());
  out.zigzag(gap.to.time_since_epoch().count());
  out.text(gap.cause);
  out.zigzag(gap.position.raw());
}

/// Bars that the store may not hold as they are: all open ones and final ones that changed.
std::vector<const Bar*> unsettled(const State& state) {
  std::vector<const Bar*> out(state.bars.dirty().begin(), state.bars.dirty().end());
  for (const Symbol& symbol : state.symbols) {
    for (const SymbolInterval& interval : symbol.intervals) {
      for (const Bar* bar : interval.open) {
        if (!bar->dirty) out.push_back(bar);
      }
    }
  }
  return out;
}

// ---- Reading.

GapList read_gaps(StateReader& in) {
  GapList gaps;
  for (size_t n = in.count(2); n > 0 && in.ok(); --n) {
    const int64_t from_ms = in.zigzag();
    gaps.add({from_ms, in.zigzag()});
  }
  return gaps;
}

CoveredList read_covered(StateReader& in, size_t sources) {
  const int64_t known_from_ms = in.zigzag();
  std::vector<Covered> list;
  for (size_t n = in.count(5); n > 0 && in.ok(); --n) {
    Covered& one = list.emplace_back();
    one.span.from_ms = in.zigzag();
    one.span.to_ms = in.zigzag();
    one.source = static_cast<SourceId>(in.varint());
    one.epoch = in.zigzag();
    one.confirmed = in.flag();
    if (one.source >= sources) in.fail();
  }
  CoveredList covered;
  covered.restore(std::move(list), known_from_ms);
  return covered;
}

model::ReplayedSet read_replayed(StateReader& in) {
  std::vector<model::ReplayedSet::Range> ranges;
  model::ReplayedSet::Range before;
  for (size_t n = in.count(3); n > 0 && in.ok(); --n) {
    model::ReplayedSet::Range range;
    range.epoch = sum_of(before.epoch, in.zigzag());
    if (range.epoch != before.epoch) before.last = 0;
    range.first = sum_of(before.last, in.zigzag());
    range.last = sum_of(range.first, static_cast<int64_t>(in.varint()));
    ranges.push_back(before = range);
  }
  auto replayed = model::ReplayedSet::from_ranges(std::move(ranges));
  if (!replayed) in.fail();
  return replayed ? std::move(*replayed) : model::ReplayedSet();
}

void read_source(StateReader& in, uint8_t version, SourceTable& sources) {
  const size_t before = sources.size();
  Source& source = sources[sources.intern(in.text())];
  if (sources.size() == before) in.fail();
  source.feed_clock = in.flag();
  source.open = in.flag();
  source.ended = in.flag();
  source.epoch_newest = in.zigzag();
  source.epoch_highest = in.zigzag();
  source.sequence_highest = in.zigzag();
  if (mutated(Mutant::epochs_forgotten)) source.epoch_newest = source.epoch_highest = 0;
  source.heard_us = source.told_us = in.zigzag();
  if (version > kCheckpointVersionBefore) source.told_us = in.zigzag();
  source.clock_ms = in.zigzag();
  source.watermark_ms = in.zigzag();
  source.gaps = read_gaps(in);
  source.replayed = read_replayed(in);
}

/// What the starts of open bars need to be loaded, after everything else is in its place.
struct OpenBar {
  SymbolId symbol;
  IntervalIndex interval;
  int64_t start_ms;
};

std::vector<Served> read_served(StateReader& in) {
  if (in.flag()) return {Served{}};
  std::vector<Served> served;
  for (size_t n = in.count(2); n > 0 && in.ok(); --n) {
    const int64_t from_ms = in.zigzag();
    served.push_back({from_ms, in.zigzag()});
  }
  return served;
}

model::EventRanges read_removed(StateReader& in) {
  model::EventRanges removed;
  for (size_t n = in.count(2); n > 0 && in.ok(); --n) {
    const model::EventTime from = event_time(in.zigzag());
    removed.add({from, event_time(in.zigzag())});
  }
  return removed;
}

void read_symbol(StateReader& in, State& state, uint8_t version, std::vector<OpenBar>& open) {
  const std::string_view name = in.text();
  if (!in.ok() || state.symbols.find(name) != nullptr) return in.fail();
  Symbol& symbol = state.symbols.add(name);
  symbol.source = static_cast<SourceId>(in.varint());
  if (symbol.source != kNoSource && symbol.source >= state.sources.size()) return in.fail();
  symbol.subscribed = in.flag();
  symbol.unconfirmed = in.flag();
  symbol.greatest_ms = in.zigzag();
  symbol.watermark_ms = in.zigzag();
  symbol.final_end_ms = in.zigzag();
  symbol.covered = read_covered(in, state.sources.size());
  symbol.gaps = read_gaps(in);
  if (version > kCheckpointVersionBefore) symbol.removed = read_removed(in);
  if (symbol.unconfirmed && symbol.covered.current() == nullptr) in.fail();
  symbol.row.symbol = symbol.name;
  symbol.row.venue_class = model::to_string(symbol.calendar.venue());
  symbol.row.state = in.text();
  symbol.row.detail = in.text();
  symbol.row.since = ingest_time(in.zigzag());
  symbol.row.position = Position::from_raw(in.zigzag());
  for (size_t i = 0; i < kIntervalsMax; ++i) {
    symbol.intervals[i].served = read_served(in);
    for (size_t n = in.count(1); n > 0 && in.ok(); --n) {
      open.push_back({symbol.id, static_cast<IntervalIndex>(i), in.zigzag()});
    }
  }
}

store::BarRow read_row(StateReader& in, SymbolTable& symbols) {
  store::BarRow row;
  const uint64_t symbol = in.varint();
  const uint8_t interval = in.byte();
  if (symbol >= symbols.size() || interval >= kIntervalsMax) in.fail();
  if (!in.ok()) return row;
  row.bar.key = {symbols[static_cast<SymbolId>(symbol)].name, model::known_intervals()[interval],
                 event_time(in.zigzag()), model::Basis::all};
  row.bar.end = event_time(in.zigzag());
  row.bar.final = in.flag();
  row.bar.revision = in.zigzag();
  row.bar.through = Position::from_raw(in.zigzag());
  row.bar.first_id.source = in.text();
  row.state = in.text();
  return row;
}

model::Gap read_gap(StateReader& in) {
  model::Gap gap;
  gap.source = in.text();
  const bool of_symbol = in.flag();
  const std::string_view symbol = in.text();
  if (of_symbol) gap.symbol = symbol;
  gap.from = ingest_time(in.zigzag());
  gap.to = ingest_time(in.zigzag());
  gap.cause = in.text();
  gap.position = Position::from_raw(in.zigzag());
  return gap;
}

void read_unsettled(StateReader& in, State& state, std::vector<store::BarRow>& rows) {
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) rows.push_back(read_row(in, state.symbols));
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) state.changed_gaps.push_back(read_gap(in));
  for (Symbol& symbol : state.symbols) {
    symbol.row_changed = true;
    state.changed_symbols.push_back(symbol.id);
  }
}

Error damaged(Position position, std::string_view what) {
  return make_error(ErrorCode::corrupt,
                    "engine: cannot take up the state at position {}:{}: {}; start from the last "
                    "snapshot in the log, or from its beginning",
                    position.generation(), position.ordinal(), what);
}

/// A snapshot's bar, unless the store has got further with it.
Result<> take_up_newer(const store::BarRow& row, State& state, Windows& windows,
                       store::Reader& reader) {
  Symbol& symbol = *state.symbols.find(row.bar.key.symbol);
  const auto stored = reader.row(row.bar.key);
  if (!stored) return stored.error();
  if (stored.value() && stored.value()->state.empty()) return {};
  if (stored.value() && stored.value()->bar.through > row.bar.through) {
    return windows.take_up(symbol, *stored.value()).ok()
               ? Result<>()
               : Result<>(damaged(state.applied, "a bar in the store is damaged"));
  }
  auto bar = windows.take_up(symbol, row);
  if (!bar) return bar.error();
  state.bars.touch(*bar.value(), state.applied, state.reporting);
  return {};
}

Result<> load_open(const OpenBar& open, State& state, Windows& windows, store::Reader& reader) {
  Symbol& symbol = state.symbols[open.symbol];
  if (windows.find_in_memory(symbol, open.interval, open.start_ms) != nullptr) return {};
  const auto row = reader.row({symbol.name, model::known_intervals()[open.interval],
                               event_time(open.start_ms), model::Basis::all});
  if (!row) return row.error();
  if (!row.value()) return damaged(state.applied, "the store lacks a bar that it names");
  if (auto bar = windows.take_up(symbol, *row.value()); !bar) return bar.error();
  return {};
}

/// What a state says, before the bars that it holds and names are taken up.
struct Parts {
  std::vector<store::BarRow> rows;
  std::vector<OpenBar> open;
};

Result<> read_parts(std::string_view bytes, Position position, State& state, Parts& parts) {
  std::string_view payload;
  uint8_t version = kCheckpointVersion;
  Opened opened = unseal(kCheckpointMagic, version, bytes, payload);
  if (opened == Opened::other_version) {
    version = kCheckpointVersionBefore;
    opened = unseal(kCheckpointMagic, version, bytes, payload);
  }
  switch (opened) {
    case Opened::fine:
      break;
    case Opened::damaged:
      return damaged(position, "its checksum does not fit");
    case Opened::foreign:
    case Opened::other_version:
      return make_error(ErrorCode::invalid,
                        "engine: cannot take up the state at position {}:{}: another program or "
                        "version wrote it; start from the last snapshot in the log, or from its "
                        "beginning",
                        position.generation(), position.ordinal());
  }
  StateReader in(payload);
  state.applied = state.now = Position::from_raw(in.zigzag());
  if (state.applied != position) return damaged(position, "it is of another position");
  const Form form = in.flag() ? Form::snapshot : Form::checkpoint;
  if (version > kCheckpointVersionBefore) state.cut_before = Position::from_raw(in.zigzag());
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) {
    if (state.content.take(in.text()) != ContentSettings::Outcome::taken) in.fail();
  }
  state.ever = IntervalSet(in.varint());
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) read_source(in, version, state.sources);
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) read_symbol(in, state, version, parts.open);
  if (form == Form::snapshot) read_unsettled(in, state, parts.rows);
  if (!in.ok() || !in.at_end()) return damaged(position, "it is not what was written");
  return {};
}

}  // namespace

Result<ReplayedSets> replayed_in(const store::Checkpoint& checkpoint) {
  State state(0);
  Parts parts;
  TAPELINE_TRY(read_parts(checkpoint.state, checkpoint.position, state, parts));
  ReplayedSets sets;
  for (SourceId id = 0; id < state.sources.size(); ++id)
    sets.emplace(state.sources[id].name, std::move(state.sources[id].replayed));
  return sets;
}

std::string encode_state(const State& state, Form form) {
  StateWriter out;
  out.zigzag(state.applied.raw());
  out.flag(form == Form::snapshot);
  out.zigzag(state.cut_before.raw());
  const std::vector<std::string> settings = state.content.texts();
  out.varint(settings.size());
  for (const std::string& setting : settings) out.text(setting);
  out.varint(state.ever.to_ulong());
  out.varint(state.sources.size());
  for (SourceId id = 0; id < state.sources.size(); ++id) write(out, state.sources[id]);
  out.varint(state.symbols.size());
  for (const Symbol& symbol : state.symbols) write(out, symbol);
  if (form == Form::checkpoint) return seal(kCheckpointMagic, kCheckpointVersion, out.bytes());
  const std::vector<const Bar*> bars = unsettled(state);
  out.varint(bars.size());
  for (const Bar* bar : bars) write(out, *bar, state);
  out.varint(state.changed_gaps.size());
  for (const model::Gap& gap : state.changed_gaps) write(out, gap);
  return seal(kCheckpointMagic, kCheckpointVersion, out.bytes());
}

Result<> decode_state(std::string_view bytes, Position position, State& state, Windows& windows,
                      store::Reader& reader) {
  Parts parts;
  TAPELINE_TRY(read_parts(bytes, position, state, parts));
  windows.measure_delta();
  for (const store::BarRow& row : parts.rows) {
    TAPELINE_TRY(take_up_newer(row, state, windows, reader));
  }
  for (const OpenBar& bar : parts.open) TAPELINE_TRY(load_open(bar, state, windows, reader));
  return {};
}

Result<CheckpointContent> inspect_checkpoint(const store::Checkpoint& checkpoint) {
  State state(0);
  Parts parts;
  TAPELINE_TRY(read_parts(checkpoint.state, checkpoint.position, state, parts));
  CheckpointContent content;
  content.settings = state.content.texts();
  int64_t newest_us = 0;
  for (SourceId id = 0; id < state.sources.size(); ++id) {
    const Source& source = state.sources[id];
    const int64_t epoch = std::max(source.epoch_newest, source.epoch_highest);
    content.sources.push_back({source.name, epoch,
                               epoch == source.epoch_highest ? source.sequence_highest : 0,
                               source.open, source.ended});
    newest_us = std::max(newest_us, source.heard_us);
    if (!source.feed_clock && source.clock_ms != kNoTime) {
      newest_us = std::max(newest_us, ingest_time_of(source.clock_ms));
    }
  }
  content.newest = ingest_time(newest_us);
  for (const Symbol& symbol : state.symbols) {
    content.symbols.push_back({symbol.name, symbol.row.state, 0});
  }
  for (const OpenBar& bar : parts.open) ++content.symbols[bar.symbol].open_bars;
  content.open_bars = parts.open.size();
  return content;
}

}  // namespace tapeline::engine
