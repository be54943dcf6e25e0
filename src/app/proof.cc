#include "app/proof.h"

#include <fmt/format.h>

#include "engine/engine.h"
#include "engine/row.h"
#include "model/digest.h"
#include "model/names.h"
#include "model/time.h"
#include "serve/json.h"

namespace tapeline::app {
namespace {

constexpr model::Names<3> kOutcomes = {"equal", "different", "unverifiable"};

/// Each segment begins with a snapshot, so the first record of a log that was cut is one. A log
/// without tells nothing of what was removed.
Result<std::optional<verify::Start>> start_of(log::Source& log, store::Reader& store) {
  auto reader = log.read(Position());
  if (!reader) return reader.error();
  log::Batch batch;
  const auto read = reader.value()->next(batch, std::chrono::microseconds(0));
  if (!read || read.value() != log::ReadOutcome::progressed) return std::optional<verify::Start>();
  codec::EntryReader entries(*batch.bytes);
  codec::EntryView entry;
  if (entries.next(entry) != codec::EntryReader::Outcome::progressed ||
      entry.kind != codec::EntryKind::snapshot)
    return std::optional<verify::Start>();
  engine::Engine engine({}, store);
  const auto restored =
      engine.restore({Position::from_raw(entry.snapshot.as_of), std::string(entry.snapshot.state)});
  if (!restored) return std::optional<verify::Start>();
  verify::Start start;
  start.settings = engine.settings();
  for (const engine::Engine::SourceState& source : engine.sources()) {
    start.sources.push_back({source.source, source.epoch, source.sequence});
  }
  return std::optional(std::move(start));
}

void append_strings(serve::JsonWriter& json, const std::vector<std::string>& texts) {
  json.begin_array();
  for (const std::string& text : texts) json.text(text);
  json.end_array();
}

void append_position(serve::JsonWriter& json, Position position) {
  json.text(fmt::format("{}:{}", position.generation(), position.ordinal()));
}

void append_differences(serve::JsonWriter& json, const std::vector<verify::Difference>& list) {
  json.begin_array();
  for (const verify::Difference& difference : list) {
    json.begin_object();
    json.key("symbol").text(difference.key.symbol);
    json.key("interval").text(model::to_text(difference.key.interval));
    json.key("start").time(difference.key.start);
    json.key("start_ms").number(difference.key.start.time_since_epoch().count());
    json.key("basis").text(model::to_string(difference.key.basis));
    json.key("column").text(difference.column);
    json.key("stored").text(difference.stored);
    json.key("expected").text(difference.expected);
    json.end_object();
  }
  json.end_array();
}

void append_bar_or_null(serve::JsonWriter& json, const std::optional<model::Bar>& bar) {
  if (!bar) {
    json.null();
    return;
  }
  std::string text;
  serve::append_bar(text, *bar);
  json.raw(text);
}

void append_id(serve::JsonWriter& json, const model::TradeId& id) {
  json.begin_object();
  json.key("source").text(id.source);
  json.key("epoch").number(id.epoch);
  json.key("sequence").number(id.sequence);
  json.end_object();
}

void append_parts(serve::JsonWriter& json, unsigned parts) {
  json.begin_array();
  const std::string names = verify::parts_text(parts);
  for (size_t at = 0; at < names.size();) {
    const size_t comma = std::min(names.find(',', at), names.size());
    json.text(std::string_view(names).substr(at, comma - at));
    at = comma + 1;
  }
  json.end_array();
}

void append_event(serve::JsonWriter& json, const verify::ExplainedEvent& event) {
  json.begin_object();
  json.key("what").text(verify::to_string(event.kind));
  json.key("position");
  append_position(json, event.position);
  json.key("revision").number(event.revision);
  if (event.id) {
    json.key("id");
    append_id(json, *event.id);
    json.key("event_time").time(*event.event_time);
    json.key("ingest_time").time(*event.ingest_time);
  } else {
    json.key("cause").text(event.cause);
  }
  json.end_object();
}

void append_condition(serve::JsonWriter& json, const verify::ExplainedCondition& condition) {
  json.begin_object();
  json.key("code").text(condition.code);
  json.key("name").text(condition.name);
  json.key("takes").text(condition.takes);
  json.key("trades").number(condition.trades);
  json.key("excluded").number(condition.excluded);
  json.end_object();
}

void append_trade(serve::JsonWriter& json, const verify::ExplainedTrade& trade) {
  json.begin_object();
  json.key("event_time").time(trade.event_time);
  json.key("event_time_ms").number(trade.event_time.time_since_epoch().count());
  json.key("ingest_time").time(trade.origin->ingest_time);
  json.key("price").text(model::to_text(trade.price));
  json.key("volume").text(model::to_text(trade.volume));
  json.key("conditions");
  append_strings(json, trade.origin->conditions);
  json.key("id");
  append_id(json, trade.id);
  json.key("position");
  append_position(json, trade.origin->position);
  json.key("repeated").boolean((trade.origin->flags & model::kRepeated) != 0);
  json.key("late").boolean(trade.late);
  json.key("moved");
  append_parts(json, trade.moved);
  json.key("gives");
  append_parts(json, trade.gives);
  json.key("taken").text(trade.taken);
  json.key("left_out").text(trade.left_out);
  json.end_object();
}

}  // namespace

verify::Ports proof_ports(store::Reader& store, std::function<Result<log::Source*>()> log,
                          int64_t future_ms_max) {
  return {.store = store,
          .log = std::move(log),
          .start = [&store](log::Source& source) { return start_of(source, store); },
          .of_state = engine::bars_of_state,
          .future_max = std::chrono::milliseconds(future_ms_max)};
}

Result<verify::Ports> LiveProofs::ports() {
  if (!reader_) {
    auto opened = store_.open_reader();
    if (!opened) return opened.error();
    reader_ = std::move(opened).value();
  }
  return proof_ports(
      *reader_, [this]() -> Result<log::Source*> { return &log_; }, future_ms_max_);
}

Result<std::string> LiveProofs::verify(const Range& range) {
  const auto with = ports();
  if (!with) return with.error();
  const verify::Question question{.symbol = range.symbol,
                                  .interval = range.interval,
                                  .from = range.from,
                                  .to = range.to,
                                  .differences_max = range.limit,
                                  .limits = limits_};
  const auto report = verify::verify(question, with.value());
  if (!report) return report.error();
  return to_json(report.value());
}

Result<std::string> LiveProofs::explain(const model::BarKey& key, size_t limit) {
  const auto with = ports();
  if (!with) return with.error();
  const auto explanation = verify::explain(key, limit, limits_, with.value());
  if (!explanation) return explanation.error();
  return to_json(explanation.value());
}

std::string_view to_string(verify::Outcome outcome) {
  return model::name_of(kOutcomes, outcome);
}

std::string summary(const verify::Report& report) {
  std::string text =
      fmt::format("{} bars compared with {} records of the log: ", report.bars, report.records);
  text += report.different == 0 ? std::string("no difference")
                                : fmt::format("{} differ", report.different);
  if (report.more)
    text += fmt::format(" (the first {} cells are shown)", report.differences.size());
  if (report.unverifiable > 0)
    text += fmt::format("; {} cannot be verified: the log begins at record {}", report.unverifiable,
                        report.begin.ordinal());
  if (!report.damage.empty()) {
    text += "; the log is damaged";
    if (report.different > 0) text += ", which may be why";
  }
  return text;
}

std::string to_json(const verify::Report& report) {
  std::string out;
  serve::JsonWriter json(out);
  json.begin_object();
  json.key("outcome").text(to_string(report.outcome()));
  json.key("bars").number(static_cast<int64_t>(report.bars));
  json.key("different").number(static_cast<int64_t>(report.different));
  json.key("unverifiable").number(static_cast<int64_t>(report.unverifiable));
  json.key("records").number(static_cast<int64_t>(report.records));
  json.key("begin");
  append_position(json, report.begin);
  json.key("through");
  append_position(json, report.through);
  json.key("damage");
  append_strings(json, report.damage);
  json.key("more").boolean(report.more);
  json.key("differences");
  append_differences(json, report.differences);
  json.end_object();
  return out;
}

std::string to_json(const verify::Explanation& explanation) {
  std::string out;
  serve::JsonWriter json(out);
  json.begin_object();
  json.key("symbol").text(explanation.key.symbol);
  json.key("interval").text(model::to_text(explanation.key.interval));
  json.key("start").time(explanation.key.start);
  json.key("start_ms").number(explanation.key.start.time_since_epoch().count());
  json.key("basis").text(model::to_string(explanation.key.basis));
  json.key("bar");
  append_bar_or_null(json, explanation.bar);
  json.key("stored");
  append_bar_or_null(json, explanation.stored);
  json.key("differences");
  append_differences(json, explanation.differences);
  json.key("complete").boolean(!explanation.cut && explanation.damage.empty());
  json.key("damage");
  append_strings(json, explanation.damage);
  json.key("history_total").number(static_cast<int64_t>(explanation.history_total));
  json.key("history").begin_array();
  for (const verify::ExplainedEvent& event : explanation.history) append_event(json, event);
  json.end_array();
  json.key("conditions").begin_array();
  for (const verify::ExplainedCondition& condition : explanation.conditions)
    append_condition(json, condition);
  json.end_array();
  json.key("trades_total").number(static_cast<int64_t>(explanation.trades_total));
  json.key("late_total").number(static_cast<int64_t>(explanation.late_total));
  json.key("trades").begin_array();
  for (const verify::ExplainedTrade& trade : explanation.trades) append_trade(json, trade);
  json.end_array();
  json.key("more_gaps").boolean(explanation.more_gaps);
  json.key("gaps").begin_array();
  for (const model::Gap& gap : explanation.gaps) {
    std::string text;
    serve::append_gap(text, gap);
    json.raw(text);
  }
  json.end_array();
  json.end_object();
  return out;
}

}  // namespace tapeline::app
