#include "engine/controls.h"

#include <algorithm>
#include <chrono>

#include "base/mutant.h"

namespace tapeline::engine {
namespace {

using model::ControlKind;
using std::chrono::ceil;
using std::chrono::floor;
using std::chrono::milliseconds;

int64_t floor_ms(model::IngestTime time) {
  return floor<milliseconds>(time).time_since_epoch().count();
}

int64_t ceil_ms(model::IngestTime time) {
  return ceil<milliseconds>(time).time_since_epoch().count();
}

/// Of what an old writer may not speak any more. Ticks without an epoch are of the source alone.
bool fenced(const model::Control& control, const Source& source) {
  switch (control.kind) {
    case ControlKind::epoch_opened:
    case ControlKind::epoch_closed:
    case ControlKind::subscribed:
    case ControlKind::unsubscribed:
    case ControlKind::refused:
      return control.epoch < source.epoch_newest;
    case ControlKind::tick:
      return control.epoch != 0 && control.epoch < source.epoch_newest;
    default:
      return false;
  }
}

}  // namespace

Result<> Controls::apply(const model::Control& control) {
  if (control.kind == ControlKind::setting) {
    setting(control);
    return {};
  }
  if (control.kind == ControlKind::recomputed) {
    recomputed(control);
    return {};
  }
  if (control.kind == ControlKind::retention_cut) {
    retention_cut(control);
    return {};
  }
  const SourceId id = state_.sources.intern(control.source);
  Source& source = state_.sources[id];
  if (fenced(control, source)) {
    ++state_.counters.fenced;
    return {};
  }
  switch (control.kind) {
    case ControlKind::epoch_opened:
      open_epoch(control, source);
      break;
    case ControlKind::epoch_closed:
      close_epoch(control, source);
      break;
    case ControlKind::subscribed:
    case ControlKind::unsubscribed:
    case ControlKind::refused:
      change_subscription(control, id);
      break;
    case ControlKind::tick:
      tick(control, id);
      break;
    case ControlKind::gap:
      TAPELINE_TRY(gap(control, id));
      break;
    case ControlKind::recording_ended:
      end_recording(id);
      break;
    case ControlKind::clock_stepped:
      step_clock(control, source);
      break;
    case ControlKind::recomputed:
    case ControlKind::retention_cut:
    case ControlKind::setting:
      break;
  }
  ++state_.counters.controls;
  return {};
}

void Controls::open_epoch(const model::Control& control, Source& source) {
  const SourceId id = state_.sources.intern(source.name);
  // A process that died could not say when its connection ended. Its last tick told until when all
  // was read; a later trade may be in another partition than this.
  if (source.open) end_coverage(id, source.told_us / 1'000);
  // Nothing need ever come on this connection; what it missed still cannot lie before its
  // beginning.
  const int64_t opened_us = control.ingest_time.time_since_epoch().count();
  source.heard_us = std::max(source.heard_us, opened_us);
  source.told_us = std::max(source.told_us, opened_us);
  source.epoch_newest = control.epoch;
  source.open = true;
  source.ended = false;
  source.feed_clock = control.detail == "feed";
}

void Controls::close_epoch(const model::Control& control, Source& source) {
  source.open = false;
  end_coverage(state_.sources.intern(source.name),
               floor_ms(control.to.value_or(control.ingest_time)));
}

void Controls::end_coverage(SourceId source, int64_t to_ms) {
  for (Symbol& symbol : state_.symbols) {
    const Covered* current = symbol.covered.current();
    if (current == nullptr || current->source != source) continue;
    windows_.touch_open(symbol);
    if (!mutated(Mutant::coverage_not_ended)) symbol.covered.close(to_ms);
    symbol.unconfirmed = false;
  }
}

void Controls::change_subscription(const model::Control& control, SourceId source_id) {
  if (!control.symbol) return refuse(control, "it names no symbol");
  const Source& source = state_.sources[source_id];
  Symbol& symbol = windows_.symbol(*control.symbol, control.ingest_time);
  set_row(symbol, control, model::to_string(control.kind));
  // A feed clock follows event times, which nothing else that we know of can be compared with.
  const bool measurable = !source.feed_clock && !source.recording;
  windows_.touch_open(symbol);
  if (control.kind == ControlKind::subscribed) {
    symbol.subscribed = true;
    windows_.give(symbol, source_id);
    if (measurable) {
      symbol.covered.open(ceil_ms(control.from.value_or(control.ingest_time)), source_id,
                          control.epoch);
      symbol.unconfirmed = true;
    }
  } else {
    symbol.subscribed = false;
    symbol.covered.close(floor_ms(control.to.value_or(control.ingest_time)));
    symbol.unconfirmed = false;
  }
}

void Controls::set_row(Symbol& symbol, const model::Control& control, std::string_view row_state) {
  if (!symbol.row_changed) state_.changed_symbols.push_back(symbol.id);
  symbol.row_changed = true;
  symbol.row.state = row_state;
  symbol.row.detail = control.kind == ControlKind::refused ? control.detail : std::string();
  symbol.row.since = control.ingest_time;
  symbol.row.position = state_.now;
}

void Controls::tick(const model::Control& control, SourceId source_id) {
  if (!control.to) return refuse(control, "it has no time (to)");
  Source& source = state_.sources[source_id];
  const int64_t now_ms = floor_ms(*control.to);
  source.clock_ms = std::max(source.clock_ms, now_ms);
  if (control.from) {
    const int64_t arrived_us = control.from->time_since_epoch().count();
    source.heard_us = std::max(source.heard_us, arrived_us);
    source.told_us = std::max(source.told_us, arrived_us);
  }
  const ContentSettings& content = state_.content;
  if (control.lag_ms.value_or(0) > content.latency_bound_ms()) {
    ++state_.counters.ticks_held;
    return;
  }
  source.watermark_ms = std::max(
      source.watermark_ms, now_ms - content.latency_bound_ms() -
                               (mutated(Mutant::watermark_ahead) ? 0 : content.disorder_ms()));
  windows_.close_by_tick(source_id);
}

/// What came before the clock was set back came earlier by the new one, too. Set forward, it only
/// counts as older than it is.
void Controls::step_clock(const model::Control& control, Source& source) {
  if (!control.from || !control.to || *control.to >= *control.from) return;
  const int64_t back_us = (*control.from - *control.to).count();
  source.heard_us = std::max(source.heard_us, back_us) - back_us;
  source.told_us = std::max(source.told_us, back_us) - back_us;
}

/// A gap without length is the millisecond it stands in.
Result<> Controls::gap(const model::Control& control, SourceId source_id) {
  if (!control.from || !control.to || *control.to < *control.from) {
    refuse(control, "it has no times, or ends before it begins");
    return {};
  }
  const int64_t from_ms = floor_ms(*control.from);
  const Span span{from_ms, std::max(ceil_ms(*control.to), from_ms + 1)};
  std::vector<Symbol*> concerned;
  if (control.symbol) {
    concerned.push_back(&windows_.symbol(*control.symbol, control.ingest_time));
  } else {
    for (Symbol& symbol : state_.symbols) {
      if (symbol.source == source_id) concerned.push_back(&symbol);
    }
  }
  for (Symbol* symbol : concerned) TAPELINE_TRY(windows_.load_overlapping(*symbol, span));
  (control.symbol ? concerned.front()->gaps : state_.sources[source_id].gaps).add(span);
  windows_.certify_again(concerned, span);
  state_.changed_gaps.push_back(
      {control.source, control.symbol, *control.from, *control.to, control.detail, state_.now});
  return {};
}

void Controls::setting(const model::Control& control) {
  ++state_.counters.controls;
  const IntervalSet before = state_.content.intervals();
  const bool of_sessions =
      control.detail.starts_with(kCalendarKey) || control.detail.starts_with(kClosingGraceKey);
  if (state_.content.take(control.detail) == ContentSettings::Outcome::refused) {
    return refuse(control, "the setting is not key=value, or its value is not allowed");
  }
  if (state_.content.intervals() != before) windows_.change_intervals(before);
  if (of_sessions) {
    for (Symbol& symbol : state_.symbols) symbol.calendar.forget();
  }
}

void Controls::recomputed(const model::Control& control) {
  ++state_.counters.controls;
  const auto fill = fill_of(control);
  if (!fill) return refuse(control, "it has no range, or its detail is not intervals=...");
  windows_.serve_also(*fill);
}

/// Bars are as they were: the store has what is merged into them.
void Controls::retention_cut(const model::Control& control) {
  ++state_.counters.controls;
  if (const auto range = model::removed_by(control)) {
    windows_.symbol(*control.symbol, control.ingest_time).removed.add(*range);
  } else if (const auto before = model::cut_before(control)) {
    state_.cut_before = std::max(state_.cut_before, *before);
  } else {
    refuse(control, "it names neither a symbol with its times nor a position");
  }
}

void Controls::end_recording(SourceId source_id) {
  state_.sources[source_id].ended = true;
  for (Symbol& symbol : state_.symbols) {
    if (symbol.source == source_id) windows_.close_all(symbol);
  }
}

void Controls::refuse(const model::Control& control, std::string_view why) {
  ++state_.counters.controls_refused;
  if (events_ != nullptr) {
    events_->control_refused(state_.now, model::to_string(control.kind), why);
  }
}

}  // namespace tapeline::engine
