#include "app/rows.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "base/check.h"
#include "codec/csv.h"
#include "codec/dead_letter.h"
#include "model/digest.h"
#include "model/time.h"
#include "serve/json.h"

namespace tapeline::app {
namespace {

constexpr size_t kFlushBytes = 64 << 10;

int64_t ms(model::EventTime time) {
  return time.time_since_epoch().count();
}

void append_decimal(std::string& out, const std::optional<model::Decimal>& value) {
  if (value) model::append_text(out, *value);
}

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_id(std::string& out, const model::TradeId& id) {
  out.append(id.source).append("/");
  append_integer(out, id.epoch);
  out += '/';
  append_integer(out, id.sequence);
}

void append_json_string(std::string& out, std::string_view text) {
  serve::JsonWriter(out).text(text);
}

/// As much of a dead letter's bytes as fits beside the rest in a table.
void append_beginning(std::string& out, std::string_view bytes) {
  constexpr size_t kShown = 60;
  std::string_view shown = bytes.substr(0, kShown);
  // A character that the cut would divide is left out.
  while (shown.size() < bytes.size() && !shown.empty() && (bytes[shown.size()] & 0xc0) == 0x80)
    shown.remove_suffix(1);
  if (codec::is_plain_text(shown))
    out += shown;
  else
    out.append("hex ").append(serve::hex(bytes.substr(0, kShown / 3)));
  if (shown.size() < bytes.size()) out += "…";
}

/// Code points, as a stand-in for columns on the screen.
size_t width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::optional<RowFormat> parse_row_format(std::string_view text) {
  if (text == "table") return RowFormat::table;
  if (text == "csv") return RowFormat::csv;
  if (text == "json" || text == "jsonl") return RowFormat::jsonl;
  return std::nullopt;
}

const std::vector<Column<model::Bar>>& bar_columns() {
  using model::Bar;
  static const std::vector<Column<Bar>> columns = {
      {"symbol", false, [](const Bar& b, std::string& out) { out += b.key.symbol; }},
      {"interval_ms", true,
       [](const Bar& b, std::string& out) { append_integer(out, b.key.interval.ms()); }},
      {"start_ms", true,
       [](const Bar& b, std::string& out) { append_integer(out, ms(b.key.start)); }},
      {"open", true, [](const Bar& b, std::string& out) { append_decimal(out, b.open); }},
      {"high", true, [](const Bar& b, std::string& out) { append_decimal(out, b.high); }},
      {"low", true, [](const Bar& b, std::string& out) { append_decimal(out, b.low); }},
      {"close", true, [](const Bar& b, std::string& out) { append_decimal(out, b.close); }},
      {"volume", true, [](const Bar& b, std::string& out) { model::append_text(out, b.volume); }},
      {"notional", true,
       [](const Bar& b, std::string& out) { model::append_text(out, b.notional); }},
      {"count", true, [](const Bar& b, std::string& out) { append_integer(out, b.trade_count); }},
      {"price_update_count", true,
       [](const Bar& b, std::string& out) { append_integer(out, b.price_update_count); }},
      {"priced_by", false,
       [](const Bar& b, std::string& out) { out += model::to_string(b.priced_by); }},
      {"interval", false,
       [](const Bar& b, std::string& out) { out += model::to_text(b.key.interval); }},
      {"start", false,
       [](const Bar& b, std::string& out) { model::append_time(out, b.key.start); }},
      {"end_ms", true, [](const Bar& b, std::string& out) { append_integer(out, ms(b.end)); }},
      {"basis", false,
       [](const Bar& b, std::string& out) { out += model::to_string(b.key.basis); }},
      {"vwap", true,
       [](const Bar& b, std::string& out) { out += model::vwap_text(b.notional, b.volume); }},
      {"coverage_kind", false,
       [](const Bar& b, std::string& out) { out += model::to_string(b.coverage_kind); }},
      {"coverage_ms", true,
       [](const Bar& b, std::string& out) {
         if (b.coverage_ms) append_integer(out, *b.coverage_ms);
       }},
      {"gap", true, [](const Bar& b, std::string& out) { out += b.gap ? "true" : "false"; }},
      {"excluded_count", true,
       [](const Bar& b, std::string& out) { append_integer(out, b.excluded_count); }},
      {"excluded_by", false,
       [](const Bar& b, std::string& out) { out += model::to_text(b.excluded_by); }},
      {"suspect_duplicate_count", true,
       [](const Bar& b, std::string& out) { append_integer(out, b.suspect_duplicate_count); }},
      {"revision", true, [](const Bar& b, std::string& out) { append_integer(out, b.revision); }},
      {"final", true, [](const Bar& b, std::string& out) { out += b.final ? "true" : "false"; }},
      {"through", true,
       [](const Bar& b, std::string& out) { append_integer(out, b.through.raw()); }},
      {"digest", false, [](const Bar& b, std::string& out) { out += model::digest(b); }},
  };
  return columns;
}

const std::vector<Column<codec::TradeView>>& trade_columns() {
  using codec::TradeView;
  static const std::vector<Column<TradeView>> columns = {
      {"symbol", false, [](const TradeView& t, std::string& out) { out += t.symbol; }},
      {"price", true,
       [](const TradeView& t, std::string& out) { model::append_text(out, t.price); }},
      {"volume", true,
       [](const TradeView& t, std::string& out) { model::append_text(out, t.volume); }},
      {"trade_timestamp_ms", true,
       [](const TradeView& t, std::string& out) { append_integer(out, ms(t.event_time)); }},
      {"conditions", false,
       [](const TradeView& t, std::string& out) { codec::append_conditions(out, t.conditions); }},
      {"codes", false,
       [](const TradeView& t, std::string& out) {
         bool first = true;
         t.conditions.for_each([&](std::string_view name) {
           if (!first) out += ';';
           out += name;
           first = false;
         });
       }},
      {"time", false,
       [](const TradeView& t, std::string& out) { model::append_time(out, t.event_time); }},
      {"ingest_time_us", true,
       [](const TradeView& t, std::string& out) {
         append_integer(out, t.ingest_time.time_since_epoch().count());
       }},
      {"source", false, [](const TradeView& t, std::string& out) { out += t.source; }},
      {"epoch", true, [](const TradeView& t, std::string& out) { append_integer(out, t.epoch); }},
      {"sequence", true,
       [](const TradeView& t, std::string& out) { append_integer(out, t.sequence); }},
      {"frame", true, [](const TradeView& t, std::string& out) { append_integer(out, t.frame); }},
      {"flags", true, [](const TradeView& t, std::string& out) { append_integer(out, t.flags); }},
  };
  return columns;
}

const std::vector<Column<model::Gap>>& gap_columns() {
  using model::Gap;
  static const std::vector<Column<Gap>> columns = {
      {"source", false, [](const Gap& g, std::string& out) { out += g.source; }},
      {"symbol", false, [](const Gap& g, std::string& out) { out += g.symbol.value_or(""); }},
      {"from", false, [](const Gap& g, std::string& out) { model::append_time(out, g.from); }},
      {"to", false, [](const Gap& g, std::string& out) { model::append_time(out, g.to); }},
      {"seconds", true,
       [](const Gap& g, std::string& out) {
         out += fmt::format("{:.3f}", static_cast<double>((g.to - g.from).count()) / 1e6);
       }},
      {"cause", false, [](const Gap& g, std::string& out) { out += g.cause; }},
  };
  return columns;
}

const std::vector<Column<verify::Difference>>& difference_columns() {
  using verify::Difference;
  static const std::vector<Column<Difference>> columns = {
      {"symbol", false, [](const Difference& d, std::string& out) { out += d.key.symbol; }},
      {"interval", false,
       [](const Difference& d, std::string& out) { out += model::to_text(d.key.interval); }},
      {"start", false,
       [](const Difference& d, std::string& out) { model::append_time(out, d.key.start); }},
      {"basis", false,
       [](const Difference& d, std::string& out) { out += model::to_string(d.key.basis); }},
      {"column", false, [](const Difference& d, std::string& out) { out += d.column; }},
      {"stored", false, [](const Difference& d, std::string& out) { out += d.stored; }},
      {"expected", false, [](const Difference& d, std::string& out) { out += d.expected; }},
  };
  return columns;
}

const std::vector<Column<verify::ExplainedEvent>>& event_columns() {
  using verify::ExplainedEvent;
  static const std::vector<Column<ExplainedEvent>> columns = {
      {"record", true,
       [](const ExplainedEvent& e, std::string& out) {
         append_integer(out, e.position.ordinal());
       }},
      {"what", false,
       [](const ExplainedEvent& e, std::string& out) { out += verify::to_string(e.kind); }},
      {"revision", true,
       [](const ExplainedEvent& e, std::string& out) { append_integer(out, e.revision); }},
      {"by", false,
       [](const ExplainedEvent& e, std::string& out) {
         e.id ? append_id(out, *e.id) : void(out += e.cause);
       }},
      {"time", false,
       [](const ExplainedEvent& e, std::string& out) {
         if (e.event_time) model::append_time(out, *e.event_time);
       }},
      {"arrived", false,
       [](const ExplainedEvent& e, std::string& out) {
         if (e.ingest_time) model::append_time(out, *e.ingest_time);
       }},
  };
  return columns;
}

const std::vector<Column<verify::ExplainedCondition>>& explained_condition_columns() {
  using verify::ExplainedCondition;
  static const std::vector<Column<ExplainedCondition>> columns = {
      {"condition", true, [](const ExplainedCondition& c, std::string& out) { out += c.code; }},
      {"name", false, [](const ExplainedCondition& c, std::string& out) { out += c.name; }},
      {"trades", true,
       [](const ExplainedCondition& c, std::string& out) { append_integer(out, c.trades); }},
      {"excluded", true,
       [](const ExplainedCondition& c, std::string& out) { append_integer(out, c.excluded); }},
      {"takes", false, [](const ExplainedCondition& c, std::string& out) { out += c.takes; }},
  };
  return columns;
}

const std::vector<Column<verify::ExplainedTrade>>& explained_trade_columns() {
  using verify::ExplainedTrade;
  static const std::vector<Column<ExplainedTrade>> columns = {
      {"time", false,
       [](const ExplainedTrade& t, std::string& out) { model::append_time(out, t.event_time); }},
      {"price", true,
       [](const ExplainedTrade& t, std::string& out) { model::append_text(out, t.price); }},
      {"volume", true,
       [](const ExplainedTrade& t, std::string& out) { model::append_text(out, t.volume); }},
      {"conditions", false,
       [](const ExplainedTrade& t, std::string& out) {
         for (const std::string& code : t.origin->conditions)
           out.append(&code == t.origin->conditions.data() ? "" : ";").append(code);
       }},
      {"moved", false,
       [](const ExplainedTrade& t, std::string& out) { out += verify::parts_text(t.moved); }},
      {"gives", false,
       [](const ExplainedTrade& t, std::string& out) { out += verify::parts_text(t.gives); }},
      {"late", false,
       [](const ExplainedTrade& t, std::string& out) { out += t.late ? "late" : ""; }},
      {"taken", false, [](const ExplainedTrade& t, std::string& out) { out += t.taken; }},
      {"left_out", false, [](const ExplainedTrade& t, std::string& out) { out += t.left_out; }},
      {"id", false, [](const ExplainedTrade& t, std::string& out) { append_id(out, t.id); }},
  };
  return columns;
}

const std::vector<Column<serve::Letter>>& letter_columns() {
  static const std::vector<Column<serve::Letter>> columns = {
      {"id", true, [](const serve::Letter& l, std::string& out) { append_integer(out, l.id); }},
      {"time", false,
       [](const serve::Letter& l, std::string& out) {
         model::append_time(out, l.letter.ingest_time);
       }},
      {"reason", false,
       [](const serve::Letter& l, std::string& out) { out += model::to_string(l.letter.reason); }},
      {"source", false, [](const serve::Letter& l, std::string& out) { out += l.letter.source; }},
      {"epoch", true,
       [](const serve::Letter& l, std::string& out) { append_integer(out, l.letter.epoch); }},
      {"frame", true,
       [](const serve::Letter& l, std::string& out) { append_integer(out, l.letter.frame); }},
      {"sequence", true,
       [](const serve::Letter& l, std::string& out) {
         // Empty: the whole frame.
         if (l.letter.sequence != 0) append_integer(out, l.letter.sequence);
       }},
      {"bytes", true,
       [](const serve::Letter& l, std::string& out) { append_integer(out, l.bytes); }},
      {"replayed", false,
       [](const serve::Letter& l, std::string& out) {
         if (l.replayed) out += *l.replayed ? "yes" : "no";
       }},
      {"text", false,
       [](const serve::Letter& l, std::string& out) {
         if (codec::is_plain_text(l.letter.raw)) out += l.letter.raw;
       }},
      {"hex", false,
       [](const serve::Letter& l, std::string& out) {
         if (!codec::is_plain_text(l.letter.raw)) out += serve::hex(l.letter.raw);
       }},
      {"begins", false,
       [](const serve::Letter& l, std::string& out) { append_beginning(out, l.letter.raw); }},
  };
  return columns;
}

template <typename T>
RowWriter<T>::RowWriter(RowFormat format, std::vector<Column<T>> columns)
    : format_(format), columns_(std::move(columns)) {
  if (format_ != RowFormat::csv) return;
  for (const Column<T>& column : columns_) out_.append(out_.empty() ? "" : ",").append(column.name);
  out_ += '\n';
}

template <typename T>
void RowWriter<T>::add(const T& value) {
  if (format_ != RowFormat::table) {
    render(value, out_);
    flush_if_large(kFlushBytes);
    return;
  }
  std::vector<std::string> cells(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].text(value, cells[i]);
  table_.push_back(std::move(cells));
}

template <typename T>
void RowWriter<T>::render(const T& value, std::string& out) {
  CHECK(format_ != RowFormat::table);
  format_ == RowFormat::csv ? render_csv(value, out) : render_json(value, out);
}

template <typename T>
void RowWriter<T>::add_rendered(std::string_view rows) {
  out_ += rows;
  flush_if_large(kFlushBytes);
}

template <typename T>
void RowWriter<T>::render_csv(const T& value, std::string& out) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out += ',';
    if (columns_[i].numeric) {
      columns_[i].text(value, out);
      continue;
    }
    cell_.clear();
    columns_[i].text(value, cell_);
    serve::append_csv_field(out, cell_);
  }
  out += '\n';
}

template <typename T>
void RowWriter<T>::render_json(const T& value, std::string& out) {
  out += '{';
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, columns_[i].name);
    out += ':';
    cell_.clear();
    columns_[i].text(value, cell_);
    if (!columns_[i].numeric)
      append_json_string(out, cell_);
    else
      out += cell_.empty() ? "null" : cell_;
  }
  out += "}\n";
}

template <typename T>
void RowWriter<T>::flush_if_large(size_t bytes) {
  if (out_.size() < bytes || failed_) return;
  failed_ = std::fwrite(out_.data(), 1, out_.size(), stdout) != out_.size();
  out_.clear();
}

template <typename T>
bool RowWriter<T>::finish() {
  if (format_ == RowFormat::table) print_table();
  flush_if_large(1);
  return std::fflush(stdout) == 0 && !failed_;
}

template <typename T>
void RowWriter<T>::print_table() {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(columns_[i].name.size());
    for (const auto& row : table_) widths[i] = std::max(widths[i], width(row[i]));
  }
  const auto line = [&](auto&& cell) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string_view value = cell(i);
      const std::string padding(widths[i] - width(value), ' ');
      if (i > 0) text += "  ";
      columns_[i].numeric ? text.append(padding).append(value) : text.append(value).append(padding);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out_ += text + "\n";
  };
  line([&](size_t i) { return columns_[i].name; });
  for (const auto& row : table_) line([&](size_t i) { return std::string_view(row[i]); });
}

template class RowWriter<model::Bar>;
template class RowWriter<codec::TradeView>;
template class RowWriter<model::Gap>;
template class RowWriter<verify::Difference>;
template class RowWriter<verify::ExplainedEvent>;
template class RowWriter<verify::ExplainedCondition>;
template class RowWriter<verify::ExplainedTrade>;
template class RowWriter<serve::Letter>;

}  // namespace tapeline::app
