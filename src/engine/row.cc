#include "engine/row.h"

#include <algorithm>
#include <chrono>

#include "base/mutant.h"
#include "engine/wire.h"

namespace tapeline::engine {
namespace {

using std::chrono::milliseconds;

constexpr size_t kSessions = 5;
constexpr size_t kUsualBytes = 160;
/// More records no bar has, so that counts of all its sessions can be added.
constexpr int64_t kRecordsMax = int64_t{1} << 56;
static_assert(static_cast<size_t>(model::Session::continuous) + 1 == kSessions,
              "a new session needs a new version of the state");

model::EventTime event_time(int64_t ms) {
  return model::EventTime(milliseconds(ms));
}

model::TradeId trade_id(const RecordKey& key, const SourceTable& sources) {
  return {sources[key.source].name, key.epoch, key.sequence};
}

/// The partials of a bar by session, so that neither bytes nor sums tell the order of arrival.
template <typename Each>
void for_each_partial(const Bar& bar, Each&& each) {
  if (bar.more.empty()) return each(bar.session, bar.partial);
  std::vector<std::pair<model::Session, const Partial*>> sorted{{bar.session, &bar.partial}};
  for (const auto& [session, partial] : bar.more) sorted.emplace_back(session, &partial);
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [session, partial] : sorted) each(session, *partial);
}

/// Numbers sources within one state, the bar's first id's being 0.
class LocalSources {
 public:
  explicit LocalSources(SourceId first) : first_(first) {}
  uint64_t number(SourceId id) {
    if (id == first_) return 0;
    const auto found = std::find(others_.begin(), others_.end(), id);
    const auto index = static_cast<uint64_t>(found - others_.begin());
    if (found == others_.end()) others_.push_back(id);
    return index + 1;
  }
  const std::vector<SourceId>& others() const { return others_; }

 private:
  SourceId first_;
  std::vector<SourceId> others_;
};

void write(StateWriter& out, const RecordKey& key, LocalSources& local) {
  out.zigzag(key.event_ms);
  out.varint(local.number(key.source));
  out.zigzag(key.epoch);
  out.zigzag(key.sequence);
}

void write(StateWriter& out, const PricePath& path, LocalSources& local) {
  out.varint(static_cast<uint64_t>(path.count));
  if (path.count == 0) return;
  write(out, path.first, local);
  write(out, path.last, local);
  out.decimal(path.open);
  out.decimal(path.close);
  out.decimal(path.high);
  out.decimal(path.low);
}

void write(StateWriter& out, const EligibleBox& box, LocalSources& local) {
  out.flag(bool(box));
  if (!box) return;
  const Eligible& eligible = *box;
  out.varint(static_cast<uint64_t>(eligible.count));
  out.varint(static_cast<uint64_t>(eligible.excluded));
  out.varint(eligible.excluded_by.size());
  for (const model::ExcludedBy& one : eligible.excluded_by) {
    out.varint(static_cast<uint64_t>(one.code));
    out.varint(static_cast<uint64_t>(one.count));
  }
  write(out, eligible.last, local);
  out.varint(static_cast<uint64_t>(eligible.ranged));
  out.decimal(eligible.high);
  out.decimal(eligible.low);
  out.sum(eligible.volume);
  out.sum(eligible.notional);
  out.flag(eligible.has_candidate);
  if (!eligible.has_candidate) return;
  write(out, eligible.candidate, local);
  out.decimal(eligible.candidate_price);
}

void write(StateWriter& out, const Certificate& certificate) {
  out.byte(static_cast<uint8_t>(certificate.kind));
  out.flag(certificate.coverage_ms.has_value());
  out.varint(static_cast<uint64_t>(certificate.coverage_ms.value_or(0)));
  out.flag(certificate.gap);
}

Certificate read_certificate(StateReader& in) {
  Certificate out;
  const uint8_t kind = in.byte();
  if (kind > static_cast<uint8_t>(model::CoverageKind::confirmed)) in.fail();
  out.kind = static_cast<model::CoverageKind>(kind);
  const bool known = in.flag();
  const auto coverage_ms = static_cast<int64_t>(in.varint());
  if (known) out.coverage_ms = coverage_ms;
  out.gap = in.flag();
  return out;
}

/// Its source is the number within the state; see `resolve`.
RecordKey read_key(StateReader& in) {
  RecordKey key;
  key.event_ms = in.zigzag();
  key.source = static_cast<SourceId>(in.varint());
  key.epoch = in.zigzag();
  key.sequence = in.zigzag();
  return key;
}

/// A count that may not exceed what it is part of.
int64_t read_count(StateReader& in, int64_t greatest) {
  const auto count = static_cast<int64_t>(in.varint());
  if (count >= 0 && count <= greatest) return count;
  in.fail();
  return 0;
}

PricePath read_path(StateReader& in, int64_t greatest) {
  PricePath path;
  path.count = read_count(in, greatest);
  if (path.count == 0) return path;
  path.first = read_key(in);
  path.last = read_key(in);
  path.open = in.decimal();
  path.close = in.decimal();
  path.high = in.decimal();
  path.low = in.decimal();
  return path;
}

EligibleBox read_eligible(StateReader& in, int64_t trades) {
  EligibleBox box;
  if (!in.flag()) return box;
  Eligible out;
  out.count = read_count(in, trades);
  out.excluded = read_count(in, trades);
  int64_t before = 0;
  for (size_t n = in.count(2); n > 0 && in.ok(); --n) {
    const int64_t code = read_count(in, model::ConditionTable::kCodeMax);
    const int64_t count = read_count(in, out.excluded);
    if (code <= before || count == 0) in.fail();
    before = code;
    out.excluded_by.push_back({static_cast<int>(code), count});
  }
  out.last = read_path(in, trades);
  out.ranged = read_count(in, trades);
  out.high = in.decimal();
  out.low = in.decimal();
  out.volume = in.sum();
  out.notional = in.sum();
  out.has_candidate = in.flag();
  if (out.has_candidate) {
    out.candidate = read_key(in);
    out.candidate_price = in.decimal();
  }
  if (out.excluded == 0) in.fail();
  box.put(out);
  return box;
}

Partial read_partial(StateReader& in) {
  Partial partial;
  partial.trades = read_path(in, kRecordsMax);
  partial.volume = in.sum();
  partial.notional = in.sum();
  partial.updates = read_path(in, kRecordsMax);
  partial.suspects = read_count(in, partial.records());
  partial.eligible = read_eligible(in, partial.trades.count);
  if (partial.records() == 0) in.fail();
  return partial;
}

/// Puts ids in place of the numbers of a bar's state. False for a number that it does not have and
/// for a key outside of the bar's window.
class Resolver {
 public:
  Resolver(const model::Bar& bar, const std::vector<SourceId>& local)
      : start_ms_(bar.key.start.time_since_epoch().count()),
        end_ms_(bar.end.time_since_epoch().count()),
        local_(local) {}

  bool resolve(Partial& partial) const {
    return resolve(partial.trades) && resolve(partial.updates) && resolve(partial.eligible);
  }

 private:
  bool resolve(RecordKey& key) const {
    if (key.source >= local_.size()) return false;
    key.source = local_[key.source];
    return key.event_ms >= start_ms_ && key.event_ms < end_ms_;
  }
  bool resolve(PricePath& path) const {
    return path.count == 0 || (resolve(path.first) && resolve(path.last));
  }
  bool resolve(EligibleBox& box) const {
    return !box || (resolve(box->last) && (!box->has_candidate || resolve(box->candidate)));
  }

  const int64_t start_ms_, end_ms_;
  const std::vector<SourceId>& local_;
};

/// The bar's candidate is that of its regular session.
bool has_candidate(const Bar& bar) {
  bool found = false;
  for_each_partial(bar, [&](model::Session session, const Partial& partial) {
    if (session != model::Session::regular || !partial.eligible) return;
    found = partial.eligible->has_candidate;
  });
  return found;
}

void show_prices(const PricePath& path, model::PricedBy by, model::Bar& out) {
  out.priced_by = by;
  out.open = path.open;
  out.high = path.high;
  out.low = path.low;
  out.close = path.close;
}

void show(const Partial& partial, model::Bar& out) {
  if (partial.trades.count > 0) {
    show_prices(partial.trades, model::PricedBy::trades, out);
  } else if (partial.updates.count > 0) {
    show_prices(partial.updates, model::PricedBy::updates, out);
  }
  out.volume = partial.volume;
  out.notional = partial.notional;
  out.trade_count = partial.trades.count;
  out.price_update_count = partial.updates.count;
  out.suspect_duplicate_count = partial.suspects;
}

/// Open and close are of trades that may open and close a bar; where there is none, a bar with
/// trades has no price at all, also where some count for high and low.
void show_eligible(const Partial& partial, model::Bar& out) {
  const Eligible eligible = partial.what_is_eligible();
  if (eligible.last.count > 0) {
    show_prices(eligible.last, model::PricedBy::trades, out);
    out.high = eligible.high;
    out.low = eligible.low;
  } else if (partial.trades.count == 0 && partial.updates.count > 0) {
    show_prices(partial.updates, model::PricedBy::updates, out);
  }
  out.volume = eligible.volume;
  out.notional = eligible.notional;
  out.trade_count = eligible.count;
  out.excluded_count = eligible.excluded;
  out.excluded_by = eligible.excluded_by;
  out.price_update_count = partial.updates.count;
  out.suspect_duplicate_count = partial.suspects;
}

/// The day of a stock is that of its regular session.
bool shows_regular_only(const Bar& bar, const Symbol& symbol) {
  return symbol.calendar.venue() == model::VenueClass::stock && bar.interval == kIntervalsMax - 1;
}

/// What the bar shows of its partials.
void show_content(const Bar& bar, const Symbol& symbol, const SourceTable& sources,
                  model::Bar& out) {
  const bool regular_only = shows_regular_only(bar, symbol);
  if (!regular_only && bar.more.empty()) return show(bar.partial, out);
  Partial shown;
  for_each_partial(bar, [&](model::Session session, const Partial& partial) {
    if (!regular_only || session == model::Session::regular) {
      shown.merge(partial, sources.order());
    }
  });
  show(shown, out);
}

Error damaged(const store::BarRow& row) {
  const model::BarKey& key = row.bar.key;
  return make_error(ErrorCode::corrupt,
                    "engine: cannot take up the stored bar {} {} {} ms: its state is not what was "
                    "written; restore the store from a copy, or remove it to have it rebuilt from "
                    "the log",
                    key.symbol, model::to_text(key.interval), key.start.time_since_epoch().count());
}

}  // namespace

Certificate certify(const Bar& bar, const Symbol& symbol, const SourceTable& sources,
                    int64_t until_ms) {
  static const GapList kNoGaps;
  const GapList& gaps = symbol.source == kNoSource ? kNoGaps : sources[symbol.source].gaps;
  return certify(symbol.covered, gaps, symbol.gaps, bar.start_ms, bar.end_ms, until_ms);
}

model::Bar present(const Bar& bar, const Symbol& symbol, const SourceTable& sources) {
  model::Bar out;
  out.key = {symbol.name, model::known_intervals()[bar.interval], event_time(bar.start_ms),
             model::Basis::all};
  out.end = event_time(bar.end_ms);
  show_content(bar, symbol, sources, out);
  const auto [first, last] = bar.ends(sources.order());
  const Certificate certificate =
      bar.final ? bar.certificate : certify(bar, symbol, sources, last.event_ms + 1);
  out.gap = certificate.gap;
  if (!bar.of_recording) {
    out.coverage_kind = certificate.kind;
    out.coverage_ms = certificate.coverage_ms;
  }
  out.first_id = trade_id(first, sources);
  out.last_id = trade_id(last, sources);
  out.revision = bar.revision;
  out.final = bar.final;
  return out;
}

model::Bar present_eligible(const Bar& bar, const Symbol& symbol, const SourceTable& sources) {
  const KeyOrder& order = sources.order();
  const bool regular_only = shows_regular_only(bar, symbol);
  Partial shown;
  for_each_partial(bar, [&](model::Session session, const Partial& partial) {
    const bool regular = session == model::Session::regular;
    if (regular_only && !regular) return;
    shown.merge(partial, order);
    if (!regular || !bar.candidate_counts) return;
    const Eligible& of_day = *partial.eligible;
    shown.eligible->last.add(of_day.candidate, of_day.candidate_price, order);
  });
  // The certificate is that of all its trades.
  model::Bar out = present(bar, symbol, sources);
  out.key.basis = model::Basis::eligible;
  out.priced_by = model::PricedBy::none;
  out.open = out.high = out.low = out.close = std::nullopt;
  show_eligible(shown, out);
  return out;
}

std::string encode_state(const Bar& bar, const SourceTable& sources) {
  LocalSources local(bar.ends(sources.order()).first.source);
  StateWriter body;
  body.bytes().reserve(kUsualBytes);
  body.flag(bar.of_recording);
  body.flag(bar.candidate_counts);
  write(body, bar.final ? bar.certificate : Certificate{});
  body.varint(1 + bar.more.size());
  for_each_partial(bar, [&](model::Session session, const Partial& partial) {
    body.byte(static_cast<uint8_t>(session));
    write(body, partial.trades, local);
    body.sum(partial.volume);
    body.sum(partial.notional);
    write(body, partial.updates, local);
    body.varint(static_cast<uint64_t>(partial.suspects));
    write(body, partial.eligible, local);
  });
  // The names come last, because the partials say which there are.
  body.varint(local.others().size());
  for (const SourceId id : local.others()) body.text(sources[id].name);
  return seal(kRowMagic, kRowVersion, body.bytes());
}

Result<> decode_row(const store::BarRow& row, SourceTable& sources, Bar& bar) {
  std::string_view payload;
  if (unseal(kRowMagic, kRowVersion, row.state, payload) != Opened::fine) return damaged(row);
  StateReader in(payload);
  bar.of_recording = in.flag();
  bar.candidate_counts = in.flag() && !mutated(Mutant::candidate_not_kept);
  bar.certificate = read_certificate(in);
  std::vector<std::pair<model::Session, Partial>> partials;
  for (size_t n = in.count(1); n > 0 && in.ok() && partials.size() < kSessions; --n) {
    const uint8_t session = in.byte();
    if (session >= kSessions) in.fail();
    partials.emplace_back(static_cast<model::Session>(session), read_partial(in));
  }
  std::vector<std::string_view> names{row.bar.first_id.source};
  for (size_t n = in.count(1); n > 0 && in.ok(); --n) names.push_back(in.text());
  if (!in.ok() || !in.at_end() || partials.empty()) return damaged(row);
  std::vector<SourceId> local;
  local.reserve(names.size());
  for (const std::string_view name : names) local.push_back(sources.intern(name));
  const Resolver resolver(row.bar, local);
  for (auto& [session, partial] : partials) {
    if (!resolver.resolve(partial)) return damaged(row);
    bar.of(session) = partial;
  }
  if (bar.candidate_counts && !has_candidate(bar)) return damaged(row);
  bar.revision = row.bar.revision;
  bar.final = row.bar.final;
  bar.merged_till = bar.changed = row.bar.through;
  return {};
}

Result<std::vector<model::Bar>> bars_of_state(const store::BarRow& row) {
  SourceTable sources;
  const model::SessionRules sessions;
  const Symbol symbol(0, row.bar.key.symbol, sessions);
  Bar bar;
  bar.interval = interval_index(row.bar.key.interval);
  if (bar.interval >= kIntervalsMax) return damaged(row);
  bar.start_ms = row.bar.key.start.time_since_epoch().count();
  bar.end_ms = row.bar.end.time_since_epoch().count();
  TAPELINE_TRY(decode_row(row, sources, bar));
  std::vector<model::Bar> out{present(bar, symbol, sources)};
  if (bar.restricted()) out.push_back(present_eligible(bar, symbol, sources));
  return out;
}

}  // namespace tapeline::engine
