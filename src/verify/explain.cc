#include "verify/explain.h"

#include <algorithm>
#include <array>
#include <map>

#include "model/names.h"
#include "verify/reading.h"

namespace tapeline::verify {
namespace {

constexpr model::Names<4> kKinds = {"opened", "finalized", "revised", "certified"};
constexpr model::Names<5> kParts = {"open", "high", "low", "close", "volume"};

/// What some records say of prices, record by record.
struct Path {
  const Record* first = nullptr;
  const Record* last = nullptr;
  const Record* high = nullptr;
  const Record* low = nullptr;

  void add(const Record& record) {
    if (first == nullptr || record < *first) first = &record;
    if (last == nullptr || *last < record) last = &record;
    if (high == nullptr || model::compare(high->price, record.price) < 0) high = &record;
    if (low == nullptr || model::compare(record.price, low->price) < 0) low = &record;
  }
};

bool same_price(const Record* a, const Record* b) {
  return a != nullptr && b != nullptr && model::compare(a->price, b->price) == 0;
}

unsigned changed(const Path& before, const Path& after) {
  return (same_price(before.first, after.first) ? 0U : kOpen) |
         (same_price(before.high, after.high) ? 0U : kHigh) |
         (same_price(before.low, after.low) ? 0U : kLow) |
         (same_price(before.last, after.last) ? 0U : kClose);
}

/// What each record changed when it came. Trades price a bar as soon as there is one.
std::map<const Record*, unsigned> moves(const BarRecords& records) {
  std::map<const Record*, unsigned> out;
  Path trades, updates;
  for (const Record* record : records.arrived) {
    if (!records.is_shown(record)) continue;
    const Path before = trades.first != nullptr ? trades : updates;
    (record->is_price_update() ? updates : trades).add(*record);
    const Path& after = trades.first != nullptr ? trades : updates;
    out[record] = changed(before, after) | (record->is_price_update() ? 0U : kVolume);
  }
  return out;
}

/// What the bar has from each record. Walks in order, so of equal highs the first counts.
std::map<const Record*, unsigned> gifts(const std::vector<const Record*>& pricing) {
  std::map<const Record*, unsigned> out;
  Path path;
  for (const Record* record : pricing) path.add(*record);
  if (path.first == nullptr) return out;
  out[path.first] |= kOpen;
  out[path.high] |= kHigh;
  out[path.low] |= kLow;
  out[path.last] |= kClose;
  return out;
}

ExplainedEvent explained(const Event& event) {
  ExplainedEvent out{event.kind, event.position, event.revision, {}, {}, {}, event.cause};
  if (event.record != nullptr) {
    out.id = event.record->id();
    out.event_time = model::EventTime(std::chrono::milliseconds(event.record->event_ms));
    out.ingest_time = event.record->origin->ingest_time;
  }
  return out;
}

void fill(Explanation& out, const PlainBar& bar, size_t rows_max) {
  const auto room = [&](size_t taken) { return rows_max == 0 || taken < rows_max; };
  out.history_total = bar.history.size();
  std::set<const Record*> late;
  for (const Event& event : bar.history) {
    if (event.kind == Event::Kind::revised) late.insert(event.record);
    if (room(out.history.size())) out.history.push_back(explained(event));
  }
  out.late_total = late.size();
  const BarRecords records = PlainBars::records_of(out.key, bar);
  const auto moved = moves(records);
  const auto given = gifts(records.pricing);
  const auto parts = [](const std::map<const Record*, unsigned>& of, const Record* record) {
    const auto at = of.find(record);
    return at == of.end() ? 0U : at->second;
  };
  out.trades_total = records.ordered.size();
  for (const Record* record : records.ordered) {
    if (!room(out.trades.size())) break;
    ExplainedTrade& trade = out.trades.emplace_back();
    trade.id = record->id();
    trade.event_time = model::EventTime(std::chrono::milliseconds(record->event_ms));
    trade.price = record->price;
    trade.volume = record->volume;
    trade.origin = record->origin;
    trade.late = late.contains(record);
    trade.moved = parts(moved, record);
    trade.gives = parts(given, record);
    if (!records.is_shown(record)) {
      trade.left_out = "session " + std::string(model::to_string(record->session));
    }
  }
}

}  // namespace

std::string_view to_string(Event::Kind kind) {
  return model::name_of(kKinds, kind);
}

std::string parts_text(unsigned parts) {
  std::string out;
  for (size_t i = 0; i < kParts.size(); ++i) {
    if ((parts & (1U << i)) != 0) out.append(out.empty() ? "" : ",").append(kParts[i]);
  }
  return out;
}

Result<Explanation> explain(model::BarKey key, size_t rows_max, const Limits& limits,
                            const Ports& ports) {
  if (key.basis != model::Basis::all) {
    return make_error(ErrorCode::invalid, "only bars of basis all can be explained, not {}",
                      model::to_string(key.basis));
  }
  model::VenueCalendar calendar(model::venue_class(key.symbol));
  const model::Window window = calendar.window(key.start, key.interval);
  key.start = window.start;
  Explanation out;
  out.key = key;
  const auto row = ports.store.row(key);
  if (!row) return row.error();
  if (row.value()) out.stored = row.value()->bar;
  auto log = ports.log();
  if (!log) return log.error();
  TAPELINE_TRY(check_records(*log.value(), limits));
  out.cut = log.value()->begin().ordinal() > 1;
  std::optional<Start> start;
  if (out.cut) {
    auto known = ports.start(*log.value());
    if (!known) return known.error();
    start = std::move(known).value().value_or(Start{});
  }
  auto filled = read_filled(*log.value());
  if (!filled) return filled.error();
  PlainBars plain({{key.symbol}, key.interval, window.start, window.end, true}, std::move(start),
                  std::move(filled).value());
  const auto bar_now = [&]() -> std::optional<model::Bar> {
    const auto at = plain.bars().find(key);
    if (at == plain.bars().end()) return std::nullopt;
    return plain.present(key, at->second);
  };
  bool compared = !out.stored;
  const auto compare_stored = [&] {
    compared = true;
    const auto expected = bar_now();
    if (expected) {
      out.differences = compare(*out.stored, *expected, plain.coverage_known(key));
    } else {
      out.differences = {{key, "bar", "present", "absent"}};
    }
  };
  Reading reading(*log.value(), Report::kDamageMax);
  Result<> held;
  TAPELINE_TRY(reading.run([&](const codec::EntryView& entry, Position position) {
    if (!held) return;
    if (!compared && out.stored->through < position) compare_stored();
    plain.apply(entry, position);
    held = check_held(plain.held(), limits);
  }));
  if (!held) return held.error();
  if (!compared) compare_stored();
  out.damage = std::move(reading.damage());
  out.bar = bar_now();
  if (out.bar) {
    out.bar->through = reading.last();
    fill(out, plain.bars().at(key), rows_max);
  }
  auto gaps =
      ports.store.gaps(key.symbol, window.start, window.end, rows_max == 0 ? 0 : rows_max + 1);
  if (!gaps) return gaps.error();
  out.gaps = std::move(gaps).value();
  out.more_gaps = rows_max != 0 && out.gaps.size() > rows_max;
  if (out.more_gaps) out.gaps.pop_back();
  return out;
}

}  // namespace tapeline::verify
