#include "verify/plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <tuple>

#include "verify/reading.h"

namespace tapeline::verify {
namespace {

using model::ControlKind;
using std::chrono::milliseconds;

// The settings that change content, as docs/settings.md has them.
constexpr std::string_view kIntervalsKey = "engine.intervals";
constexpr std::string_view kLatencyBoundKey = "engine.latency_bound_ms";
constexpr std::string_view kDisorderKey = "engine.disorder_ms";
constexpr std::string_view kCalendarKey = "engine.calendar";
constexpr std::string_view kConditionsKey = "engine.conditions";
constexpr std::string_view kClosingGraceKey = "engine.closing_grace_ms";
constexpr int64_t kLatencyBoundDefaultMs = 2'000;
constexpr int64_t kLatencyBoundMaxMs = 3'600'000;
constexpr int64_t kDisorderDefaultMs = 3'000;
constexpr int64_t kDisorderMaxMs = 86'400'000;
constexpr int64_t kClosingGraceMaxMs = 3'600'000;
constexpr size_t kSettingBytesMax = 16'384;
/// How often the intervals of a symbol may change before its oldest bars are served no more.
constexpr size_t kServedMax = 16;
constexpr int64_t kDayMs = 86'400'000;

int64_t floor_ms(model::IngestTime time) {
  return std::chrono::floor<milliseconds>(time).time_since_epoch().count();
}

int64_t ceil_ms(model::IngestTime time) {
  return std::chrono::ceil<milliseconds>(time).time_since_epoch().count();
}

int64_t ms_of(model::EventTime time) {
  return time.time_since_epoch().count();
}

model::EventTime event_time(int64_t ms) {
  return model::EventTime(milliseconds(ms));
}

template <typename T>
void raise(std::optional<T>& value, T candidate) {
  if (!value || *value < candidate) value = candidate;
}

std::optional<int64_t> whole_number(std::string_view text, int64_t greatest) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < 0 || value > greatest) return std::nullopt;
  return value;
}

/// "1s,1m"; nothing when a name is unknown.
std::optional<std::set<int64_t>> intervals_of(std::string_view text) {
  std::set<int64_t> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const auto interval = model::parse_interval(text.substr(at, comma - at));
    if (!interval) return std::nullopt;
    out.insert(interval->ms());
    at = comma + 1;
  }
  return out;
}

bool is_recording(std::string_view source) {
  return source.starts_with("recording:");
}

/// What the conditions of a trade say together.
model::Verdict verdict_of(const model::ConditionTable& table, const codec::TradeView& trade) {
  model::Verdict out;
  trade.conditions.for_each([&](std::string_view code) { out &= table.of(code); });
  return out;
}

bool is_day_of_stock(const model::BarKey& key) {
  return key.interval.ms() == kDayMs && model::venue_class(key.symbol) == model::VenueClass::stock;
}

bool is_same(const Record& a, const Record& b) {
  return !(a < b) && !(b < a);
}

/// Records that an older connection of the source may no longer write.
bool is_bound_to_epoch(const model::Control& control) {
  switch (control.kind) {
    case ControlKind::epoch_opened:
    case ControlKind::epoch_closed:
    case ControlKind::subscribed:
    case ControlKind::unsubscribed:
    case ControlKind::refused:
      return true;
    case ControlKind::tick:
      return control.epoch != 0;
    default:
      return false;
  }
}

}  // namespace

bool operator<(const Record& a, const Record& b) {
  return std::tie(a.event_ms, *a.source, a.epoch, a.sequence) <
         std::tie(b.event_ms, *b.source, b.epoch, b.sequence);
}

Result<std::vector<Filled>> read_filled(log::Source& log) {
  std::vector<Filled> out;
  Reading reading(log, 0);
  TAPELINE_TRY(reading.run([&](const codec::EntryView& entry, Position) {
    if (entry.kind != codec::EntryKind::control) return;
    const model::Control& control = entry.control;
    constexpr std::string_view kPrefix = "intervals=";
    if (control.kind != ControlKind::recomputed || !control.from || !control.to) return;
    if (!control.detail.starts_with(kPrefix)) return;
    auto intervals = intervals_of(std::string_view(control.detail).substr(kPrefix.size()));
    if (!intervals) return;
    out.push_back({control.symbol.value_or(""), std::move(*intervals),
                   std::chrono::floor<milliseconds>(*control.from),
                   std::chrono::ceil<milliseconds>(*control.to)});
  }));
  return out;
}

PlainBars::PlainBars(Scope scope, std::optional<Start> start, std::vector<Filled> filled)
    : scope_(std::move(scope)),
      cut_(start.has_value()),
      filled_(std::move(filled)),
      latency_bound_ms_(kLatencyBoundDefaultMs),
      disorder_ms_(kDisorderDefaultMs),
      intervals_(intervals_of("1s,1m,5m,1h,1d").value()) {
  if (!start) return;
  for (const std::string& setting : start->settings) apply_setting(setting);
  for (const Start::Source& source : start->sources) {
    sources_[source.name].highest = {source.epoch, source.sequence};
  }
}

void PlainBars::apply(const codec::EntryView& entry, Position position) {
  now_ = position;
  if (entry.kind == codec::EntryKind::trade) apply_trade(entry.trade);
  if (entry.kind == codec::EntryKind::control) apply_control(entry.control);
}

void PlainBars::apply_trade(const codec::TradeView& trade) {
  const auto at = sources_.try_emplace(std::string(trade.source)).first;
  const std::string& source_name = at->first;
  Source& source = at->second;
  const std::pair id(trade.epoch, trade.sequence);
  // A dead letter put in later: of any number, each once, and it says nothing of the present.
  const bool aside = (trade.flags & model::kReplayed) != 0;
  if (aside) {
    if (!source.replayed.insert(id).second) return;
  } else {
    if (trade.epoch < source.epoch_opened || id <= source.highest) return;
    source.highest = id;
  }
  if (scope_.has_symbol(trade.symbol)) {
    const std::string name(trade.symbol);
    Symbol& of = symbol(name);
    const bool takes = aside ? of.owner == nullptr : of.owner != &source_name && !of.subscribed;
    if (takes) give(name, of, source_name);
    if (Subscription* now = of.subscriptions.current();
        !aside && now != nullptr && now->source == &source_name && now->epoch == trade.epoch) {
      now->confirmed = true;
    }
    const int64_t event_ms = ms_of(trade.event_time);
    if (!aside && (!of.greatest_ms || *of.greatest_ms < event_ms)) {
      of.greatest_ms = event_ms;
      raise(of.watermark_ms, event_ms - disorder_ms_);
    }
    // A record never closes a window that it lies in.
    close(name, of, "a trade of a later time");
    Record& record = records_.emplace_back();
    record.event_ms = event_ms;
    record.source = &source_name;
    record.epoch = trade.epoch;
    record.sequence = trade.sequence;
    record.price = trade.price;
    record.volume = trade.volume;
    record.repeated = (trade.flags & model::kRepeated) != 0;
    judge(of, trade, record);
    if (scope_.origins) {
      Origin origin{now_, trade.ingest_time, {}, trade.flags};
      trade.conditions.for_each(
          [&](std::string_view code) { origin.conditions.emplace_back(code); });
      record.origin = std::make_shared<const Origin>(std::move(origin));
    }
    note_first(name, of, record);
    bool wanted = false;
    for (const auto& [interval_ms, served] : of.served) {
      if (merge(name, of, record, model::Interval(interval_ms))) wanted = true;
    }
    if (!wanted) records_.pop_back();
    if (aside && of.owner != nullptr && sources_.at(*of.owner).ended)
      close_all(of, "its recording had ended");
  }
}

/// Session and rights. Only the regular session has a first or only trade of the day. A trade that
/// says it is of extended hours, and stands in the midst of the regular ones, counts for no bar
/// there.
void PlainBars::judge(Symbol& symbol, const codec::TradeView& trade, Record& record) const {
  const model::Verdict verdict = verdict_of(conditions_, trade);
  record.session = symbol.calendar.session(trade.event_time, verdict.mark);
  if (symbol.calendar.venue() != model::VenueClass::stock || !conditions_.named()) return;
  const auto regular_at = [&](model::EventTime time) {
    return symbol.calendar.session(time) == model::Session::regular;
  };
  const bool in_their_midst = verdict.mark == model::SessionMark::extended &&
                              regular_at(trade.event_time) &&
                              regular_at(trade.event_time + sessions_.closing_grace);
  record.rights = record.session == model::Session::regular ? verdict.rights
                  : in_their_midst                          ? model::Rights(0)
                                                            : verdict.rights.firm_only();
  if (!record.is_restricted()) return;
  std::set<uint8_t> taken_by;
  trade.conditions.for_each([&](std::string_view code) {
    const model::Verdict alone = conditions_.of(code);
    const bool takes =
        !alone.rights.all() || (in_their_midst && alone.mark == model::SessionMark::extended);
    if (takes) taken_by.insert(static_cast<uint8_t>(*whole_number(code, 255)));
  });
  record.taken_by.assign(taken_by.begin(), taken_by.end());
}

void PlainBars::note_first(const std::string& name, Symbol& symbol, Record& record) {
  if (record.is_price_update() || record.session != model::Session::regular) return;
  if (!record.rights.last() && !record.rights.last_if_only()) return;
  const model::Interval day(kDayMs);
  const model::EventTime start = symbol.calendar.window(event_time(record.event_ms), day).start;
  if (!serves(name, symbol, day, start)) return;
  record.day_ms = ms_of(start);
  const auto [at, born] = symbol.firsts.try_emplace(ms_of(start), record);
  if (!born && record < at->second) at->second = record;
}

bool PlainBars::serves(const std::string& name, const Symbol& symbol, model::Interval interval,
                       model::EventTime start) const {
  if (is_filled(name, interval, start)) return true;
  const auto served = symbol.served.find(interval.ms());
  if (served == symbol.served.end()) return false;
  const int64_t start_ms = ms_of(start);
  return std::any_of(served->second.begin(), served->second.end(), [&](const Served& range) {
    return range.first <= start_ms && start_ms <= range.second;
  });
}

bool PlainBars::merge(const std::string& name, Symbol& symbol, const Record& record,
                      model::Interval interval) {
  const model::Window window = symbol.calendar.window(event_time(record.event_ms), interval);
  if (window.start < scope_.from || window.start >= scope_.to) return false;
  if (scope_.interval && *scope_.interval != interval) return false;
  if (!serves(name, symbol, interval, window.start)) return false;
  const model::BarKey key{name, interval, window.start, model::Basis::all};
  const auto [at, born] = bars_.try_emplace(key);
  PlainBar& bar = at->second;
  if (born) {
    bar.end = window.end;
    const auto watermark = watermark_ms(symbol);
    bar.final = watermark && ms_of(bar.end) <= *watermark;
    if (bar.final) {
      symbol.final.insert(key);
      bar.certificate = certify(symbol, key, bar, ms_of(bar.end));
    } else {
      symbol.open.insert({ms_of(bar.end), key});
    }
  }
  bar.records.push_back(&record);
  bar.of_recording = bar.of_recording || is_recording(*record.source);
  if (bar.final) ++bar.revision;
  if (bar.final || born) {
    note(bar,
         {bar.final ? Event::Kind::revised : Event::Kind::opened, now_, bar.revision, &record, {}});
  }
  return true;
}

bool PlainBars::is_filled(const std::string& name, model::Interval interval,
                          model::EventTime start) const {
  return std::any_of(filled_.begin(), filled_.end(), [&](const Filled& one) {
    return (one.symbol.empty() || one.symbol == name) && one.intervals_ms.contains(interval.ms()) &&
           one.from <= start && start < one.to;
  });
}

PlainBars::Symbol& PlainBars::symbol(std::string_view name) {
  const auto [at, born] = symbols_.try_emplace(std::string(name), name, sessions_);
  if (!born) return at->second;
  for (const int64_t interval_ms : intervals_) {
    at->second.served[interval_ms] = {
        {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}};
  }
  for (const Filled& one : filled_) {
    for (const int64_t interval_ms : one.intervals_ms) at->second.served[interval_ms];
  }
  if (cut_) at->second.subscriptions.forget();
  return at->second;
}

std::optional<int64_t> PlainBars::watermark_ms(const Symbol& symbol) const {
  std::optional<int64_t> out = symbol.watermark_ms;
  if (symbol.owner == nullptr) return out;
  if (const auto& of_source = sources_.find(*symbol.owner)->second.watermark_ms) {
    raise(out, *of_source);
  }
  return out;
}

void PlainBars::give(const std::string& name, Symbol& symbol, const std::string& source) {
  if (symbol.owner == &source) return;
  symbol.watermark_ms = watermark_ms(symbol);
  symbol.owner = &source;
  close(name, symbol, "a source with a later clock");
}

void PlainBars::close(const std::string&, Symbol& symbol, std::string_view cause) {
  const auto watermark = watermark_ms(symbol);
  while (watermark && !symbol.open.empty() && symbol.open.begin()->first <= *watermark) {
    const model::BarKey key = symbol.open.begin()->second;
    symbol.open.erase(symbol.open.begin());
    finish(symbol, key, cause);
  }
}

void PlainBars::close_all(Symbol& symbol, std::string_view cause) {
  for (const auto& [end_ms, key] : symbol.open) finish(symbol, key, cause);
  symbol.open.clear();
}

void PlainBars::finish(Symbol& symbol, const model::BarKey& key, std::string_view cause) {
  PlainBar& bar = bars_.at(key);
  bar.final = true;
  bar.certificate = certify(symbol, key, bar, ms_of(bar.end));
  symbol.final.insert(key);
  note(bar, {Event::Kind::finalized, now_, bar.revision, nullptr, std::string(cause)});
}

void PlainBars::apply_control(const model::Control& control) {
  if (control.kind == ControlKind::setting) return apply_setting(control.detail);
  const auto at = sources_.try_emplace(control.source).first;
  const std::string& name = at->first;
  Source& source = at->second;
  if (is_bound_to_epoch(control) && control.epoch < source.epoch_opened) return;
  switch (control.kind) {
    case ControlKind::epoch_opened:
    case ControlKind::epoch_closed:
      return apply_epoch(control, name, source);
    case ControlKind::subscribed:
    case ControlKind::unsubscribed:
    case ControlKind::refused:
      return apply_subscription(control, name, source);
    case ControlKind::tick:
      return apply_tick(control, name, source);
    case ControlKind::gap:
      return apply_gap(control, name, source);
    case ControlKind::recording_ended:
      source.ended = true;
      for (auto& [symbol_name, of] : symbols_)
        if (of.owner == &name) close_all(of, "the recording's end");
      return;
    case ControlKind::clock_stepped:
      // By a clock that was set back, what was told of before is as much earlier.
      if (control.from && control.to && *control.to < *control.from)
        source.told_us =
            std::max<int64_t>(0, source.told_us - (*control.from - *control.to).count());
      return;
    case ControlKind::recomputed:
    case ControlKind::setting:
    case ControlKind::retention_cut:
      return;
  }
}

void PlainBars::apply_setting(const std::string& detail) {
  const size_t equals = detail.find('=');
  if (equals == std::string::npos || detail.size() > kSettingBytesMax) return;
  const std::string_view key = std::string_view(detail).substr(0, equals);
  const std::string_view value = std::string_view(detail).substr(equals + 1);
  if (key == kLatencyBoundKey) {
    latency_bound_ms_ = whole_number(value, kLatencyBoundMaxMs).value_or(latency_bound_ms_);
  } else if (key == kDisorderKey) {
    disorder_ms_ = whole_number(value, kDisorderMaxMs).value_or(disorder_ms_);
  } else if (key == kIntervalsKey) {
    if (const auto after = intervals_of(value)) change_intervals(*after);
  } else if (key == kCalendarKey) {
    if (auto calendar = model::MarketCalendar::parse(value)) {
      sessions_.calendar = std::move(calendar).value();
    }
  } else if (key == kConditionsKey) {
    if (auto table = model::ConditionTable::parse(value)) conditions_ = std::move(table).value();
  } else if (key == kClosingGraceKey) {
    const auto grace_ms = whole_number(value, kClosingGraceMaxMs);
    sessions_.closing_grace = milliseconds(grace_ms.value_or(sessions_.closing_grace.count()));
  }
  for (auto& [name, of] : symbols_) of.calendar.forget();
}

/// An interval that is added begins with each symbol's next window; one that is taken away keeps
/// the windows that were begun.
void PlainBars::change_intervals(const std::set<int64_t>& after) {
  for (auto& [name, of] : symbols_) {
    for (const model::Interval interval : model::known_intervals()) {
      const bool had = intervals_.contains(interval.ms());
      if (had == after.contains(interval.ms())) continue;
      std::vector<Served>& served = of.served[interval.ms()];
      if (!of.greatest_ms) {
        served.clear();
        if (!had) {
          served.emplace_back(std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max());
        }
        continue;
      }
      const model::Window present = of.calendar.window(event_time(*of.greatest_ms), interval);
      if (had) {
        if (!served.empty()) served.back().second = ms_of(present.start);
      } else {
        served.emplace_back(ms_of(present.end), std::numeric_limits<int64_t>::max());
        if (served.size() > kServedMax) served.erase(served.begin());
      }
    }
  }
  intervals_ = after;
}

void PlainBars::apply_epoch(const model::Control& control, const std::string& name,
                            Source& source) {
  if (control.kind == ControlKind::epoch_closed) {
    source.open = false;
    return end_subscriptions(name, floor_ms(control.to.value_or(control.ingest_time)));
  }
  // A process that died could not say when its connection ended: what its last tick told of did
  // arrive.
  if (source.open) end_subscriptions(name, source.told_us / 1'000);
  source.epoch_opened = control.epoch;
  source.open = true;
  source.ended = false;
  source.feed_clock = control.detail == "feed";
  // What this connection missed cannot lie before its beginning.
  source.told_us = std::max(source.told_us, control.ingest_time.time_since_epoch().count());
}

void PlainBars::end_subscriptions(const std::string& source, int64_t to_ms) {
  for (auto& [name, of] : symbols_) {
    if (Subscription* now = of.subscriptions.current(); now != nullptr && now->source == &source) {
      of.subscriptions.close(to_ms);
    }
  }
}

void PlainBars::apply_subscription(const model::Control& control, const std::string& name,
                                   Source& source) {
  if (!control.symbol || !scope_.has_symbol(*control.symbol)) return;
  Symbol& of = symbol(*control.symbol);
  of.subscribed = control.kind == ControlKind::subscribed;
  if (!of.subscribed) {
    return of.subscriptions.close(floor_ms(control.to.value_or(control.ingest_time)));
  }
  give(*control.symbol, of, name);
  // Nobody knows when a recording was connected, nor can its clock be compared with another.
  if (source.feed_clock || is_recording(name)) return;
  of.subscriptions.open(ceil_ms(control.from.value_or(control.ingest_time)), name, control.epoch);
}

void PlainBars::apply_tick(const model::Control& control, const std::string& name, Source& source) {
  if (!control.to) return;
  if (control.from) {
    source.told_us = std::max(source.told_us, control.from->time_since_epoch().count());
  }
  if (control.lag_ms.value_or(0) > latency_bound_ms_) return;
  raise(source.watermark_ms, floor_ms(*control.to) - latency_bound_ms_ - disorder_ms_);
  for (auto& [symbol_name, of] : symbols_) {
    if (of.owner == &name) close(symbol_name, of, "the clock");
  }
}

void PlainBars::apply_gap(const model::Control& control, const std::string& name, Source& source) {
  if (!control.from || !control.to || *control.to < *control.from) return;
  // A gap without length is the millisecond it stands in.
  const int64_t from_ms = floor_ms(*control.from);
  const int64_t to_ms = std::max(ceil_ms(*control.to), from_ms + 1);
  if (control.symbol && !scope_.has_symbol(*control.symbol)) return;
  (control.symbol ? symbol(*control.symbol).gaps : source.gaps).add(from_ms, to_ms);
  for (auto& [symbol_name, of] : symbols_) {
    const bool concerned = control.symbol ? symbol_name == *control.symbol : of.owner == &name;
    if (!concerned) continue;
    for (const model::BarKey& key : of.final) {
      PlainBar& bar = bars_.at(key);
      const int64_t start_ms = ms_of(key.start);
      const int64_t end_ms = ms_of(bar.end);
      if (from_ms >= end_ms || start_ms >= to_ms) continue;
      Certificate again = certify(of, key, bar, end_ms);
      if (!again.coverage_ms && bar.certificate.coverage_ms) {
        // Its subscriptions are forgotten: what the gap takes at most is taken from what was known.
        const int64_t missed_ms = std::min(to_ms, end_ms) - std::max(from_ms, start_ms);
        again.kind = bar.certificate.kind;
        again.coverage_ms = std::max<int64_t>(0, *bar.certificate.coverage_ms - missed_ms);
      }
      bar.certificate = again;
      note(bar, {Event::Kind::certified, now_, bar.revision, nullptr, control.detail});
    }
  }
}

Certificate PlainBars::certify(const Symbol& symbol, const model::BarKey& key, const PlainBar& bar,
                               int64_t until_ms) const {
  static const Gaps kNone;
  const Gaps& of_source =
      symbol.owner == nullptr ? kNone : sources_.find(*symbol.owner)->second.gaps;
  return certificate_of(symbol.subscriptions, of_source, symbol.gaps, ms_of(key.start),
                        ms_of(bar.end), until_ms);
}

void PlainBars::note(PlainBar& bar, Event event) const {
  if (scope_.origins) bar.history.push_back(std::move(event));
}

model::EventTime PlainBars::needed_from(const model::BarKey& key) const {
  model::EventTime from = key.start;
  if (key.basis == model::Basis::all) return from;
  const auto bar = bars_.find({key.symbol, key.interval, key.start, model::Basis::all});
  if (bar == bars_.end()) return from;
  for (const Record* record : bar->second.records) {
    if (record->rights.last_if_only() && record->day_ms)
      from = std::min(from, event_time(*record->day_ms));
  }
  return from;
}

bool PlainBars::coverage_known(const model::BarKey& key) const {
  const auto from_ms = symbols_.find(key.symbol)->second.subscriptions.complete_from_ms();
  return from_ms && ms_of(key.start) >= *from_ms;
}

BarRecords PlainBars::records_of(const model::BarKey& key, const PlainBar& bar) {
  BarRecords out;
  out.arrived = out.ordered = bar.records;
  std::sort(out.ordered.begin(), out.ordered.end(),
            [](const Record* a, const Record* b) { return *a < *b; });
  const bool regular_only = is_day_of_stock(key);
  for (const Record* record : out.ordered) {
    if (!regular_only || record->session == model::Session::regular) out.shown.push_back(record);
  }
  for (const Record* record : out.shown) {
    if (!record->is_price_update()) out.pricing.push_back(record);
  }
  if (out.pricing.empty()) out.pricing = out.shown;
  return out;
}

bool PlainBars::is_restricted(const PlainBar& bar) {
  return std::any_of(bar.records.begin(), bar.records.end(),
                     [](const Record* record) { return record->is_restricted(); });
}

Counts PlainBars::counts(const model::BarKey& key, const Record& record) const {
  if (record.is_price_update()) return {true, true, false};
  if (key.basis == model::Basis::all) return {true, true, true};
  Counts out{record.rights.last(), record.rights.high_low(), record.rights.volume()};
  if (record.rights.last_if_only() && record.day_ms) {
    const Symbol& of = symbols_.find(key.symbol)->second;
    out.prices = is_same(of.firsts.at(*record.day_ms), record);
  }
  return out;
}

model::Bar PlainBars::present(const model::BarKey& key, const PlainBar& bar) const {
  model::Bar out;
  out.key = key;
  out.end = bar.end;
  const BarRecords records = records_of(key, bar);
  for (const Record* record : records.shown) {
    if (record->repeated) ++out.suspect_duplicate_count;
    if (record->is_price_update()) {
      ++out.price_update_count;
      continue;
    }
    const Counts counted = counts(key, *record);
    if (!counted.none()) ++out.trade_count;
    if (key.basis == model::Basis::eligible && record->is_restricted()) {
      ++out.excluded_count;
      for (const uint8_t code : record->taken_by) model::count_excluded(out.excluded_by, code, 1);
    }
    if (!counted.volume) continue;
    out.volume.add(record->volume);
    out.notional.add_product(record->price, record->volume);
  }
  std::vector<const Record*> prices, ranges;
  for (const Record* record : records.pricing) {
    const Counts counted = counts(key, *record);
    if (counted.prices) prices.push_back(record);
    if (counted.ranges) ranges.push_back(record);
  }
  if (!prices.empty()) {
    const auto [low, high] = std::minmax_element(
        ranges.begin(), ranges.end(),
        [](const Record* a, const Record* b) { return model::compare(a->price, b->price) < 0; });
    out.priced_by =
        prices.front()->is_price_update() ? model::PricedBy::updates : model::PricedBy::trades;
    out.open = prices.front()->price;
    out.high = (*high)->price;
    out.low = (*low)->price;
    out.close = prices.back()->price;
  }
  const std::vector<const Record*>& all = records.ordered;
  out.first_id = all.front()->id();
  out.last_id = all.back()->id();
  const Certificate certificate =
      bar.final ? bar.certificate
                : certify(symbols_.find(key.symbol)->second, key, bar, all.back()->event_ms + 1);
  out.gap = certificate.gap;
  if (!bar.of_recording) {
    out.coverage_kind = certificate.kind;
    out.coverage_ms = certificate.coverage_ms;
  }
  out.revision = bar.revision;
  out.final = bar.final;
  return out;
}

}  // namespace tapeline::verify
