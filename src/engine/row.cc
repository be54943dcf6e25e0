#include "engine/row.h"

#include <algorithm>
#include <chrono>

#include "engine/wire.h"

namespace tapeline::engine {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kMagic = "TLB";
constexpr uint8_t kVersion = 1;
constexpr size_t kSessions = 5;
static_assert(static_cast<size_t>(model::Session::continuous) + 1 == kSessions,
              "a new session needs a new version of the state");

model::EventTime event_time(int64_t ms) {
  return model::EventTime(milliseconds(ms));
}

model::TradeId trade_id(const RecordKey& key, const SourceTable& sources) {
  return {sources[key.source].name, key.epoch, key.sequence};
}

/// The partials of a bar by session, so that neither bytes nor sums tell the order of arrival.
std::vector<std::pair<model::Session, const Partial*>> partials_of(const Bar& bar) {
  std::vector<std::pair<model::Session, const Partial*>> out;
  out.emplace_back(bar.session, &bar.partial);
  for (const auto& [session, partial] : bar.more) out.emplace_back(session, &partial);
  std::sort(out.begin(), out.end());
  return out;
}

/// Numbers sources within one state, the bar's first id's being 0.
class LocalSources {
 public:
  explicit LocalSources(SourceId first) : ids_{first} {}
  uint64_t number(SourceId id) {
    const auto found = std::find(ids_.begin(), ids_.end(), id);
    if (found != ids_.end()) return static_cast<uint64_t>(found - ids_.begin());
    ids_.push_back(id);
    return ids_.size() - 1;
  }
  const std::vector<SourceId>& ids() const { return ids_; }

 private:
  std::vector<SourceId> ids_;
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

RecordKey read_key(StateReader& in, const std::vector<SourceId>& local) {
  RecordKey key;
  key.event_ms = in.zigzag();
  const uint64_t source = in.varint();
  if (source >= local.size()) {
    in.fail();
  } else {
    key.source = local[source];
  }
  key.epoch = in.zigzag();
  key.sequence = in.zigzag();
  return key;
}

PricePath read_path(StateReader& in, const std::vector<SourceId>& local) {
  PricePath path;
  path.count = static_cast<int64_t>(in.varint());
  if (path.count < 0) in.fail();
  if (path.count <= 0) return path;
  path.first = read_key(in, local);
  path.last = read_key(in, local);
  path.open = in.decimal();
  path.close = in.decimal();
  path.high = in.decimal();
  path.low = in.decimal();
  return path;
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
}

/// What the bar shows of its partials.
void show_content(const Bar& bar, const Symbol& symbol, const SourceTable& sources,
                  model::Bar& out) {
  const bool regular_only =
      symbol.calendar.venue() == model::VenueClass::stock && bar.interval == kIntervalsMax - 1;
  if (!regular_only && bar.more.empty()) return show(bar.partial, out);
  Partial shown;
  for (const auto& [session, partial] : partials_of(bar)) {
    if (!regular_only || session == model::Session::regular) {
      shown.merge(*partial, sources.order());
    }
  }
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

std::string encode_state(const Bar& bar, const SourceTable& sources) {
  const auto [first, last] = bar.ends(sources.order());
  LocalSources local(first.source);
  const auto partials = partials_of(bar);
  StateWriter body;
  body.flag(bar.of_recording);
  write(body, bar.final ? bar.certificate : Certificate{});
  body.varint(partials.size());
  for (const auto& [session, partial] : partials) {
    body.byte(static_cast<uint8_t>(session));
    write(body, partial->trades, local);
    body.sum(partial->volume);
    body.sum(partial->notional);
    write(body, partial->updates, local);
  }
  StateWriter out;
  out.varint(local.ids().size() - 1);
  for (size_t i = 1; i < local.ids().size(); ++i) out.text(sources[local.ids()[i]].name);
  out.bytes() += body.bytes();
  return seal(kMagic, kVersion, out.bytes());
}

Result<> decode_row(const store::BarRow& row, SourceTable& sources, Bar& bar) {
  std::string_view payload;
  if (unseal(kMagic, kVersion, row.state, payload) != Opened::fine) return damaged(row);
  StateReader in(payload);
  std::vector<SourceId> local{sources.intern(row.bar.first_id.source)};
  for (size_t n = in.count(1); n > 0; --n) local.push_back(sources.intern(in.text()));
  bar.of_recording = in.flag();
  bar.certificate = read_certificate(in);
  const size_t partials = in.count(1);
  if (partials == 0 || partials > kSessions) in.fail();
  for (size_t i = 0; i < partials && in.ok(); ++i) {
    const uint8_t session = in.byte();
    if (session >= kSessions) in.fail();
    Partial partial;
    partial.trades = read_path(in, local);
    partial.volume = in.sum();
    partial.notional = in.sum();
    partial.updates = read_path(in, local);
    if (partial.records() == 0) in.fail();
    if (in.ok()) bar.of(static_cast<model::Session>(session)) = partial;
  }
  if (!in.ok() || !in.at_end()) return damaged(row);
  bar.revision = row.bar.revision;
  bar.final = row.bar.final;
  bar.merged_till = bar.changed = row.bar.through;
  return {};
}

}  // namespace tapeline::engine
