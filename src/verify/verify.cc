#include "verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include "verify/reading.h"

namespace tapeline::verify {
namespace {

using model::Bar;
using model::BarKey;
using std::chrono::milliseconds;

std::string text_of(const std::optional<model::Decimal>& price) {
  return price ? model::to_text(*price) : std::string("null");
}

std::string text_of(const model::Sum& sum) {
  const std::string text = model::to_text(sum);
  return text.empty() ? std::string("null") : text;
}

std::string text_of(const model::TradeId& id) {
  return fmt::format("{}/{}/{}", id.source, id.epoch, id.sequence);
}

/// A cell as people read it.
struct Column {
  const char* name;
  bool of_coverage;  ///< Not known of every bar when the log's beginning is gone.
  bool of_content;   ///< A row's state tells it too.
  std::string (*text)(const Bar&);
};

constexpr Column kColumns[] = {
    {"end_ms", false, false,
     [](const Bar& b) { return std::to_string(b.end.time_since_epoch().count()); }},
    {"priced_by", false, true, [](const Bar& b) { return std::string(to_string(b.priced_by)); }},
    {"open", false, true, [](const Bar& b) { return text_of(b.open); }},
    {"high", false, true, [](const Bar& b) { return text_of(b.high); }},
    {"low", false, true, [](const Bar& b) { return text_of(b.low); }},
    {"close", false, true, [](const Bar& b) { return text_of(b.close); }},
    {"volume", false, true, [](const Bar& b) { return text_of(b.volume); }},
    {"notional", false, true, [](const Bar& b) { return text_of(b.notional); }},
    {"trade_count", false, true, [](const Bar& b) { return std::to_string(b.trade_count); }},
    {"price_update_count", false, true,
     [](const Bar& b) { return std::to_string(b.price_update_count); }},
    {"excluded_count", false, true, [](const Bar& b) { return std::to_string(b.excluded_count); }},
    {"excluded_by", false, true,
     [](const Bar& b) { return b.excluded_by.empty() ? "none" : model::to_text(b.excluded_by); }},
    {"suspect_duplicate_count", false, true,
     [](const Bar& b) { return std::to_string(b.suspect_duplicate_count); }},
    {"coverage_kind", true, false,
     [](const Bar& b) { return std::string(to_string(b.coverage_kind)); }},
    {"coverage_ms", true, false,
     [](const Bar& b) {
       return b.coverage_ms ? std::to_string(*b.coverage_ms) : std::string("null");
     }},
    {"gap", false, false, [](const Bar& b) { return std::string(b.gap ? "1" : "0"); }},
    {"first_id", false, true, [](const Bar& b) { return text_of(b.first_id); }},
    {"last_id", false, true, [](const Bar& b) { return text_of(b.last_id); }},
    {"revision", false, false, [](const Bar& b) { return std::to_string(b.revision); }},
    {"final", false, false, [](const Bar& b) { return std::string(b.final ? "1" : "0"); }},
};

BarKey with_basis(BarKey key, model::Basis basis) {
  key.basis = basis;
  return key;
}

std::string sentence_of(const Bar& bar) {
  return fmt::format("{} trades, {} price updates, volume {}", bar.trade_count,
                     bar.price_update_count, text_of(bar.volume));
}

bool in_range(const Question& question, model::EventTime time) {
  // A window is at most 25 hours long.
  constexpr std::chrono::hours kLongest{25};
  return time >= question.from &&
         (question.to >= model::EventTime::max() - kLongest || time < question.to + kLongest);
}

/// Symbols that are taken together: one reading of the log each.
using Group = std::set<std::string, std::less<>>;

/// Store and log of some symbols.
class Pass {
 public:
  Pass(const Question& question, const Ports& ports, Group symbols, Position checkpoint,
       Report& report)
      : question_(question),
        ports_(ports),
        symbols_(std::move(symbols)),
        checkpoint_(checkpoint),
        report_(report) {}

  Result<> run();

 private:
  Result<> read_store();
  Result<> read_store_of(const std::string& symbol);
  Position as_of(const Bar& bar) const;
  Result<> read_log(log::Source& log);
  Result<> compare_up_to(Position position);
  Result<> compare_checkpoint();
  Result<> compare_bar(const BarKey& key);
  Result<> compare_state(const BarKey& key);
  Result<> compare_state(const store::BarRow& shown, const store::BarRow& held);
  std::optional<Bar> expected(const BarKey& key) const;
  bool verifiable(const BarKey& key) const;
  void differ(std::vector<Difference> found);

  const Question& question_;
  const Ports& ports_;
  const Group symbols_;
  const Position checkpoint_;
  Report& report_;
  std::map<BarKey, Bar> stored_;  ///< Rows of both bases.
  std::set<BarKey> different_;
  std::multimap<Position, BarKey> ahead_;  ///< Of the checkpoint, by what they are as of.
  bool checkpoint_done_ = false;
  std::optional<PlainBars> plain_;
  bool cut_ = false;
  bool blind_ = false;                     ///< Nothing is known of the log's removed beginning.
  std::optional<model::EventTime> floor_;  ///< No removed record has a later event time.
};

Result<> Pass::run() {
  TAPELINE_TRY(read_store());
  auto log = ports_.log();
  if (!log) return log.error();
  return read_log(*log.value());
}

Result<> Pass::read_store() {
  if (symbols_.empty()) TAPELINE_TRY(read_store_of(""));
  for (const std::string& symbol : symbols_) TAPELINE_TRY(read_store_of(symbol));
  for (const auto& [key, bar] : stored_) {
    if (as_of(bar) > checkpoint_) ahead_.emplace(as_of(bar), key);
  }
  return {};
}

Result<> Pass::read_store_of(const std::string& symbol) {
  store::BarQuery query;
  query.symbol = symbol;
  query.interval = question_.interval;
  query.from = question_.from;
  query.to = question_.to;
  // Full as far as the limit goes: there may be more.
  const auto full = [&] { return check_held(stored_.size() + 1, question_.limits); };
  TAPELINE_TRY(ports_.store.bars(query, [&](const Bar& bar) {
    stored_.emplace(bar.key, bar);
    return full().ok();
  }));
  // Those of `eligible` after them, so that none is older than its bar of `all`.
  query.basis = model::Basis::eligible;
  std::vector<BarKey> keys;
  TAPELINE_TRY(ports_.store.keys(query, [&](const BarKey& key) { keys.push_back(key); }));
  for (size_t i = 0; i < keys.size() && full(); ++i) {
    auto row = ports_.store.row(keys[i]);
    if (!row) return row.error();
    if (row.value()) stored_.emplace(keys[i], std::move(row.value()->bar));
  }
  return full();
}

/// The position up to which a stored bar must hold everything. A row of `eligible` is written with
/// that of `all`.
Position Pass::as_of(const Bar& bar) const {
  const auto all = stored_.find(with_basis(bar.key, model::Basis::all));
  return all == stored_.end() ? bar.through : std::max(bar.through, all->second.through);
}

Result<> Pass::read_log(log::Source& log) {
  report_.begin = log.begin();
  cut_ = log.begin().ordinal() > 1;
  std::optional<Start> start;
  if (cut_) {
    auto known = ports_.start(log);
    if (!known) return known.error();
    blind_ = !known.value();
    start = std::move(known).value().value_or(Start{});
  }
  auto filled = read_filled(log);
  if (!filled) return filled.error();
  plain_.emplace(Scope{symbols_, question_.interval, question_.from, question_.to, false},
                 std::move(start), std::move(filled).value());
  Reading reading(log, Report::kDamageMax);
  Result<> compared;
  TAPELINE_TRY(reading.run([&](const codec::EntryView& entry, Position position) {
    if (!compared) return;
    compared = compare_up_to(Position::from_raw(position.raw() - 1));
    if (cut_ && !floor_ && entry.kind != codec::EntryKind::snapshot) {
      const model::IngestTime first = entry.kind == codec::EntryKind::trade
                                          ? entry.trade.ingest_time
                                          : entry.control.ingest_time;
      floor_ = std::chrono::ceil<milliseconds>(first) + ports_.future_max;
    }
    plain_->apply(entry, position);
    if (compared) compared = check_held(plain_->held(), question_.limits);
  }));
  if (!compared) return compared;
  report_.records = std::max(report_.records, reading.records());
  if (report_.damage.empty()) report_.damage = std::move(reading.damage());
  if (reading.last() < checkpoint_ && report_.damage.empty()) {
    report_.damage.push_back(
        fmt::format("log: its last record is at position {}, but the store holds everything up to "
                    "{}: the log's end is missing",
                    reading.last().raw(), checkpoint_.raw()));
  }
  return compare_up_to(Position::from_raw(std::numeric_limits<int64_t>::max()));
}

/// Everything that is to be compared as of a position up to this one, which is applied.
Result<> Pass::compare_up_to(Position position) {
  if (!checkpoint_done_ && checkpoint_ <= position) {
    checkpoint_done_ = true;
    TAPELINE_TRY(compare_checkpoint());
  }
  while (!ahead_.empty() && ahead_.begin()->first <= position) {
    const BarKey key = ahead_.begin()->second;
    ahead_.erase(ahead_.begin());
    TAPELINE_TRY(compare_bar(key));
  }
  return {};
}

Result<> Pass::compare_checkpoint() {
  for (const auto& [key, bar] : plain_->bars()) {
    if (!stored_.contains(key)) TAPELINE_TRY(compare_bar(key));
    const BarKey eligible = with_basis(key, model::Basis::eligible);
    if (PlainBars::is_restricted(bar) && !stored_.contains(eligible))
      TAPELINE_TRY(compare_bar(eligible));
  }
  for (const auto& [key, bar] : stored_) {
    if (as_of(bar) <= checkpoint_) TAPELINE_TRY(compare_bar(key));
  }
  return {};
}

/// As of the records applied so far; nothing when there is to be none.
std::optional<Bar> Pass::expected(const BarKey& key) const {
  const auto plain = plain_->bars().find(with_basis(key, model::Basis::all));
  if (plain == plain_->bars().end()) return std::nullopt;
  if (key.basis == model::Basis::eligible && !PlainBars::is_restricted(plain->second))
    return std::nullopt;
  return plain_->present(key, plain->second);
}

bool Pass::verifiable(const BarKey& key) const {
  return !cut_ || (!blind_ && floor_ && plain_->needed_from(key) > *floor_);
}

Result<> Pass::compare_bar(const BarKey& key) {
  const auto stored = stored_.find(key);
  if (!verifiable(key)) {
    if (stored != stored_.end()) ++report_.unverifiable;
    return {};
  }
  ++report_.bars;
  const std::optional<Bar> should = expected(key);
  if (stored == stored_.end()) {
    differ({{key, "bar", "absent", sentence_of(*should)}});
    return {};
  }
  if (!should) {
    differ({{key, "bar", sentence_of(stored->second), "absent"}});
    return {};
  }
  std::vector<Difference> found = compare(stored->second, *should, plain_->coverage_known(key));
  if (found.empty()) return compare_state(key);
  differ(std::move(found));
  return {};
}

/// The engine goes on from a row's state, so it must say what the row's cells say.
Result<> Pass::compare_state(const BarKey& key) {
  if (!ports_.of_state) return {};
  const auto row = ports_.store.row(key);
  if (!row) return row.error();
  if (!row.value()) return {};
  if (key.basis == model::Basis::all) return compare_state(*row.value(), *row.value());
  // Its state is that of the bar of `all`, whose differences are told there.
  if (different_.contains(with_basis(key, model::Basis::all))) return {};
  const auto all = ports_.store.row(with_basis(key, model::Basis::all));
  if (!all) return all.error();
  // Not of one commit when the store is written meanwhile: the next look compares them.
  if (!all.value() || all.value()->bar.through != row.value()->bar.through) return {};
  return compare_state(*row.value(), *all.value());
}

Result<> Pass::compare_state(const store::BarRow& shown, const store::BarRow& held) {
  const BarKey& key = shown.bar.key;
  const Bar& cells = shown.bar;
  const auto states = ports_.of_state(held);
  if (!states && states.error().code() != ErrorCode::corrupt) return states.error();
  if (!states) {
    differ({{key, "state", "damaged", "what the cells say"}});
    return {};
  }
  const auto state =
      std::ranges::find(states.value(), key.basis, [](const Bar& bar) { return bar.key.basis; });
  if (state == states.value().end()) {
    differ({{key, "state", "no restricted trade", "what the cells say"}});
    return {};
  }
  std::vector<Difference> found;
  for (const Column& column : kColumns) {
    const bool told =
        column.of_content ||
        (cells.final && (column.of_coverage || column.name == std::string_view("gap")));
    if (!told || column.text(*state) == column.text(cells)) continue;
    found.push_back({key, "state", fmt::format("{} {}", column.name, column.text(*state)),
                     fmt::format("{} {}", column.name, column.text(cells))});
  }
  differ(std::move(found));
  return {};
}

void Pass::differ(std::vector<Difference> found) {
  if (found.empty()) return;
  ++report_.different;
  different_.insert(found.front().key);
  for (Difference& difference : found) {
    if (report_.differences.size() >= question_.differences_max) {
      report_.more = true;
      return;
    }
    report_.differences.push_back(std::move(difference));
  }
}

/// All symbols at once when the log is small, else groups of them.
Result<std::vector<Group>> groups_of(const Question& question, const Ports& ports,
                                     log::Source& log) {
  if (!question.symbol.empty()) return std::vector<Group>{{question.symbol}};
  if (log.end().ordinal() - log.begin().ordinal() <= kTradesHeldMax) return std::vector<Group>(1);
  std::map<std::string, uint64_t, std::less<>> trades;
  Reading reading(log, 0);
  TAPELINE_TRY(reading.run([&](const codec::EntryView& entry, Position) {
    if (entry.kind != codec::EntryKind::trade) return;
    const uint64_t held = in_range(question, entry.trade.event_time) ? 1 : 0;
    const auto at = trades.find(entry.trade.symbol);
    if (at != trades.end())
      at->second += held;
    else
      trades.emplace(std::string(entry.trade.symbol), held);
  }));
  store::BarQuery query;
  query.interval = question.interval;
  query.from = question.from;
  query.to = question.to;
  for (const model::Basis basis : {model::Basis::all, model::Basis::eligible}) {
    query.basis = basis;
    TAPELINE_TRY(
        ports.store.keys(query, [&](const BarKey& key) { trades.try_emplace(key.symbol, 0); }));
  }
  std::vector<Group> groups;
  uint64_t held = kTradesHeldMax;
  for (const auto& [symbol, count] : trades) {
    if (held + count > kTradesHeldMax || groups.empty()) {
      groups.emplace_back();
      held = 0;
    }
    groups.back().insert(symbol);
    held += count;
  }
  if (groups.empty()) groups.emplace_back();
  return groups;
}

/// Where the store stands. Without a checkpoint (dropped, or damaged) its newest bar tells.
Result<Position> position_of(store::Reader& store) {
  const auto checkpoint = store.checkpoint();
  if (checkpoint && checkpoint.value()) return checkpoint.value()->position;
  if (!checkpoint && checkpoint.error().code() != ErrorCode::corrupt) return checkpoint.error();
  Position newest;
  TAPELINE_TRY(store.bars({}, [&](const Bar& bar) {
    newest = std::max(newest, bar.through);
    return true;
  }));
  return newest;
}

}  // namespace

Outcome Report::outcome() const {
  if (different > 0) return Outcome::different;
  return unverifiable > 0 || !damage.empty() ? Outcome::unverifiable : Outcome::equal;
}

std::vector<Difference> compare(const Bar& stored, const Bar& expected, bool with_coverage) {
  std::vector<Difference> out;
  for (const Column& column : kColumns) {
    if (column.of_coverage && !with_coverage) continue;
    std::string is = column.text(stored);
    std::string should = column.text(expected);
    if (is != should) out.push_back({stored.key, column.name, std::move(is), std::move(should)});
  }
  return out;
}

Result<> check_records(const log::Source& log, const Limits& limits) {
  const uint64_t records = log.end().ordinal() - log.begin().ordinal();
  if (limits.records_max == 0 || records <= limits.records_max) return {};
  return make_error(
      ErrorCode::invalid,
      "the log has {} records and one answer may read {}: use the command line beside "
      "the server, which has no such limit, or raise serve.records_scanned_max",
      records, limits.records_max);
}

Result<> check_held(uint64_t held, const Limits& limits) {
  if (limits.held_max == 0 || held <= limits.held_max) return {};
  return make_error(
      ErrorCode::invalid,
      "the range has {} trades or bars or more, and one answer may hold {}: ask for a "
      "shorter one, or use the command line beside the server, which has no such limit",
      held, limits.held_max);
}

Result<Report> verify(const Question& question, const Ports& ports) {
  Report report;
  const auto through = position_of(ports.store);
  if (!through) return through.error();
  report.through = through.value();
  auto log = ports.log();
  if (!log) return log.error();
  TAPELINE_TRY(check_records(*log.value(), question.limits));
  const auto groups = groups_of(question, ports, *log.value());
  if (!groups) return groups.error();
  for (const Group& group : groups.value()) {
    TAPELINE_TRY(Pass(question, ports, group, report.through, report).run());
  }
  return report;
}

}  // namespace tapeline::verify
