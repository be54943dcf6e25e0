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
class Path {
 public:
  void add(const Record& record, Counts counts) {
    if (counts.prices && (first_ == nullptr || record < *first_)) first_ = &record;
    if (counts.prices && (last_ == nullptr || *last_ < record)) last_ = &record;
    if (!counts.ranges) return;
    if (high_ == nullptr || model::compare(high_->price, record.price) < 0) high_ = &record;
    if (low_ == nullptr || model::compare(record.price, low_->price) < 0) low_ = &record;
  }

  bool empty() const { return first_ == nullptr; }
  /// nullptr while nothing opens and closes: then there is no high or low either.
  const Record* first() const { return first_; }
  const Record* last() const { return last_; }
  const Record* high() const { return empty() ? nullptr : high_; }
  const Record* low() const { return empty() ? nullptr : low_; }

 private:
  const Record* first_ = nullptr;
  const Record* last_ = nullptr;
  const Record* high_ = nullptr;
  const Record* low_ = nullptr;
};

bool same_price(const Record* a, const Record* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return model::compare(a->price, b->price) == 0;
}

unsigned changed(const Path& before, const Path& after) {
  return (same_price(before.first(), after.first()) ? 0U : kOpen) |
         (same_price(before.high(), after.high()) ? 0U : kHigh) |
         (same_price(before.low(), after.low()) ? 0U : kLow) |
         (same_price(before.last(), after.last()) ? 0U : kClose);
}

/// What each record counts for.
using Counted = std::map<const Record*, Counts>;

/// What each record changed when it came. Trades price a bar as soon as there is one.
std::map<const Record*, unsigned> moves(const BarRecords& records, const Counted& counted) {
  std::map<const Record*, unsigned> out;
  Path trades, updates;
  bool traded = false;
  for (const Record* record : records.arrived) {
    if (!records.is_shown(record)) continue;
    const Counts counts = counted.at(record);
    const Path before = traded ? trades : updates;
    (record->is_price_update() ? updates : trades).add(*record, counts);
    traded = traded || !record->is_price_update();
    out[record] = changed(before, traded ? trades : updates) | (counts.volume ? kVolume : 0U);
  }
  return out;
}

/// What the bar has from each record. Walks in order, so of equal highs the first counts.
std::map<const Record*, unsigned> gifts(const BarRecords& records, const Counted& counted) {
  std::map<const Record*, unsigned> out;
  Path path;
  for (const Record* record : records.pricing) path.add(*record, counted.at(record));
  if (path.empty()) return out;
  out[path.first()] |= kOpen;
  out[path.high()] |= kHigh;
  out[path.low()] |= kLow;
  out[path.last()] |= kClose;
  return out;
}

std::string taken_from(const Record& record, Counts counts) {
  if (!record.is_restricted()) return {};
  if (counts.none()) return "everything";
  std::string out = model::in_words({record.rights, model::SessionMark::none});
  if (!record.rights.last_if_only()) return out;
  if (counts.prices) return out + " (it is)";
  return out + (record.day_ms ? " (it is not)" : " (not known without a regular session's 1d bar)");
}

/// In words; of a condition that the sources disagree about, that it takes nothing for that reason.
std::string taken_by(const std::string& code, const model::ConditionTable& table) {
  const std::string words = model::in_words(table.of(code));
  if (!words.empty()) return words;
  const auto known = std::ranges::find_if(
      model::condition_names(),
      [&](const model::ConditionName& name) { return std::to_string(name.code) == code; });
  const bool unverified = known != model::condition_names().end() && known->unverified;
  return unverified ? "nothing (unverified: sources disagree)" : "";
}

std::vector<ExplainedCondition> conditions_of(const BarRecords& records, bool eligible,
                                              const model::ConditionTable& table) {
  std::map<std::pair<size_t, std::string>, ExplainedCondition> out;
  for (const Record* record : records.shown) {
    if (record->is_price_update()) continue;
    const std::set<std::string> codes(record->origin->conditions.begin(),
                                      record->origin->conditions.end());
    for (const std::string& code : codes) {
      ExplainedCondition& condition = out[{code.size(), code}];
      condition.code = code;
      ++condition.trades;
      condition.excluded += eligible && std::ranges::any_of(record->taken_by, [&](int taken_by) {
                              return std::to_string(taken_by) == code;
                            });
    }
  }
  std::vector<ExplainedCondition> list;
  for (auto& [order, condition] : out) {
    condition.name = model::condition_name(condition.code).value_or("");
    condition.takes = taken_by(condition.code, table);
    list.push_back(std::move(condition));
  }
  return list;
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

void fill(Explanation& out, const PlainBars& plain, const PlainBar& bar, size_t rows_max) {
  const auto room = [&](size_t taken) { return rows_max == 0 || taken < rows_max; };
  out.history_total = bar.history.size();
  std::set<const Record*> late;
  for (const Event& event : bar.history) {
    if (event.kind == Event::Kind::revised) late.insert(event.record);
    if (room(out.history.size())) out.history.push_back(explained(event));
  }
  out.late_total = late.size();
  const BarRecords records = PlainBars::records_of(out.key, bar);
  const bool eligible = out.key.basis == model::Basis::eligible;
  Counted counted;
  for (const Record* record : records.shown) counted[record] = plain.counts(out.key, *record);
  const auto moved = moves(records, counted);
  const auto given = gifts(records, counted);
  const auto parts = [](const std::map<const Record*, unsigned>& of, const Record* record) {
    const auto at = of.find(record);
    return at == of.end() ? 0U : at->second;
  };
  out.conditions = conditions_of(records, eligible, plain.conditions());
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
    } else if (eligible) {
      trade.taken = taken_from(*record, counted.at(record));
      if (counted.at(record).none()) trade.left_out = "conditions";
    }
  }
}

model::BarKey all_of(model::BarKey key) {
  key.basis = model::Basis::all;
  return key;
}

/// A bar as readers get it.
struct Stored {
  std::optional<model::Bar> bar;
  bool own = true;  ///< It has a row; false: it is that of `all`.
  Position as_of;   ///< What it must hold everything up to.
};

Result<Stored> stored_bar(const model::BarKey& key, store::Reader& store) {
  auto all = store.row(all_of(key));
  if (!all) return all.error();
  Stored out;
  if (all.value()) {
    out.bar = all.value()->bar;
    out.as_of = out.bar->through;
  }
  if (key.basis == model::Basis::all) return out;
  auto own = store.row(key);
  if (!own) return own.error();
  out.own = own.value().has_value();
  if (out.own) {
    out.bar = own.value()->bar;
    out.as_of = std::max(out.as_of, out.bar->through);
  } else if (out.bar) {
    out.bar->key = key;
  }
  return out;
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
  if (key.basis == model::Basis::vendor) {
    return make_error(ErrorCode::invalid,
                      "bars of basis {} are the feed's own and cannot be explained from trades: "
                      "take all or eligible",
                      model::to_string(key.basis));
  }
  model::VenueCalendar calendar(model::venue_class(key.symbol));
  const model::Window window = calendar.window(key.start, key.interval);
  key.start = window.start;
  Explanation out;
  out.key = key;
  auto stored = stored_bar(key, ports.store);
  if (!stored) return stored.error();
  out.stored = std::move(stored.value().bar);
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
  const auto plain_now = [&]() -> const PlainBar* {
    const auto at = plain.bars().find(all_of(key));
    return at == plain.bars().end() ? nullptr : &at->second;
  };
  bool compared = !out.stored;
  const auto compare_stored = [&] {
    compared = true;
    const PlainBar* expected = plain_now();
    const bool own = expected != nullptr &&
                     (key.basis == model::Basis::all || PlainBars::is_restricted(*expected));
    if (expected != nullptr && own == stored.value().own) {
      out.differences =
          compare(*out.stored, plain.present(key, *expected), plain.coverage_known(key));
    } else {
      out.differences = {{key, "bar", own ? "absent" : "present", own ? "present" : "absent"}};
    }
  };
  Reading reading(*log.value(), Report::kDamageMax);
  Result<> held;
  TAPELINE_TRY(reading.run([&](const codec::EntryView& entry, Position position) {
    if (!held) return;
    if (!compared && stored.value().as_of < position) compare_stored();
    plain.apply(entry, position);
    held = check_held(plain.held(), limits);
  }));
  if (!held) return held.error();
  if (!compared) compare_stored();
  out.damage = std::move(reading.damage());
  if (const PlainBar* bar = plain_now()) {
    out.bar = plain.present(key, *bar);
    out.bar->through = reading.last();
    fill(out, plain, *bar, rows_max);
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
