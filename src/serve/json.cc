#include "serve/json.h"

#include <fmt/format.h>

#include <cmath>

#include "codec/dead_letter.h"
#include "codec/utf8.h"
#include "model/digest.h"
#include "model/time.h"
#include "model/venue.h"

namespace tapeline::serve {
namespace {

/// Bytes that are not UTF-8 (a caller's, quoted back) become question marks: JSON has no place for
/// them.
void append_escaped(std::string& out, std::string_view text) {
  const bool clean = codec::is_utf8(text);
  out += '"';
  for (char c : text) {
    if (!clean && static_cast<unsigned char>(c) >= 0x80) c = '?';
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  out += '"';
}

void append_decimal(JsonWriter& json, std::string_view name,
                    const std::optional<model::Decimal>& value) {
  json.key(name);
  if (value)
    json.text(model::to_text(*value));
  else
    json.null();
}

/// Empty text of a sum or VWAP means null.
void append_sum(JsonWriter& json, std::string_view name, const std::string& text) {
  json.key(name);
  if (text.empty())
    json.null();
  else
    json.text(text);
}

void append_consolidated(JsonWriter& json, std::string_view symbol) {
  if (const auto value = consolidated(symbol)) json.key("consolidated").boolean(*value);
}

int64_t ms(model::EventTime time) {
  return time.time_since_epoch().count();
}
int64_t ms(model::IngestTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

void JsonWriter::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::begin_object() {
  separate();
  out_ += '{';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  out_ += '}';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  separate();
  out_ += '[';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  out_ += ']';
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_escaped(out_, name);
  out_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  separate();
  append_escaped(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

JsonWriter& JsonWriter::number_or_null(std::optional<int64_t> value) {
  return value ? number(*value) : null();
}

JsonWriter& JsonWriter::real(double value) {
  separate();
  if (std::isfinite(value))
    fmt::format_to(std::back_inserter(out_), "{:.3f}", value);
  else
    out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::time(model::EventTime value) {
  separate();
  out_ += '"';
  model::append_time(out_, value);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::time(model::IngestTime value) {
  separate();
  out_ += '"';
  model::append_time(out_, value);
  out_ += '"';
  return *this;
}

std::optional<bool> consolidated(std::string_view symbol) {
  if (model::venue_class(symbol) == model::VenueClass::stock) return false;
  return std::nullopt;
}

void append_letter(std::string& out, const Letter& letter) {
  const model::DeadLetter& of = letter.letter;
  const bool cut = of.raw.size() < letter.bytes;
  std::string_view text = of.raw;
  // A character that the cut divides is left out.
  while (cut && !text.empty() && !codec::is_plain_text(text) && of.raw.size() - text.size() < 4)
    text.remove_suffix(1);
  const bool plain = codec::is_plain_text(text);
  JsonWriter json(out);
  json.begin_object();
  json.key("id").number(letter.id);
  json.key("reason").text(model::to_string(of.reason));
  json.key("sentence").text(model::sentence(of.reason));
  json.key("source").text(of.source);
  json.key("epoch").number(of.epoch);
  json.key("frame").number(of.frame);
  json.key("sequence").number_or_null(of.sequence != 0 ? std::optional(of.sequence) : std::nullopt);
  json.key("ingest_time").time(of.ingest_time);
  json.key("ingest_time_ms").number(ms(of.ingest_time));
  json.key("replayed");
  if (letter.replayed)
    json.boolean(*letter.replayed);
  else
    json.null();
  json.key("bytes").number(static_cast<int64_t>(letter.bytes));
  json.key("cut").boolean(cut);
  json.key("text");
  if (plain)
    json.text(text);
  else
    json.null();
  json.key("hex");
  if (plain)
    json.null();
  else
    json.text(hex(of.raw));
  json.end_object();
}

std::string hex(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char byte : bytes)
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(byte));
  return out;
}

void append_bar(std::string& out, const model::Bar& bar) {
  JsonWriter json(out);
  json.begin_object();
  json.key("symbol").text(bar.key.symbol);
  json.key("interval").text(model::to_text(bar.key.interval));
  json.key("start").time(bar.key.start);
  json.key("start_ms").number(ms(bar.key.start));
  json.key("end_ms").number(ms(bar.end));
  json.key("basis").text(model::to_string(bar.key.basis));
  json.key("priced_by").text(model::to_string(bar.priced_by));
  append_decimal(json, "open", bar.open);
  append_decimal(json, "high", bar.high);
  append_decimal(json, "low", bar.low);
  append_decimal(json, "close", bar.close);
  append_sum(json, "volume", model::to_text(bar.volume));
  append_sum(json, "notional", model::to_text(bar.notional));
  append_sum(json, "vwap", model::vwap_text(bar.notional, bar.volume));
  json.key("trade_count").number(bar.trade_count);
  json.key("price_update_count").number(bar.price_update_count);
  json.key("excluded_count").number(bar.excluded_count);
  json.key("excluded_by").begin_object();
  for (const model::ExcludedBy& one : bar.excluded_by)
    json.key(std::to_string(one.code)).number(one.count);
  json.end_object();
  json.key("suspect_duplicate_count").number(bar.suspect_duplicate_count);
  json.key("coverage").begin_object();
  json.key("kind").text(model::to_string(bar.coverage_kind));
  json.key("ms").number_or_null(bar.coverage_ms);
  json.end_object();
  json.key("gap").boolean(bar.gap);
  json.key("revision").number(bar.revision);
  json.key("final").boolean(bar.final);
  json.key("digest").text(model::digest(bar));
  append_consolidated(json, bar.key.symbol);
  json.end_object();
}

void append_trade(std::string& out, const model::Trade& trade) {
  JsonWriter json(out);
  json.begin_object();
  json.key("symbol").text(trade.symbol);
  json.key("price").text(model::to_text(trade.price));
  json.key("volume").text(model::to_text(trade.volume));
  json.key("event_time").time(trade.event_time);
  json.key("event_time_ms").number(ms(trade.event_time));
  json.key("ingest_time").time(trade.ingest_time);
  json.key("conditions").begin_array();
  for (const std::string& condition : trade.conditions) json.text(condition);
  json.end_array();
  json.key("id").begin_object();
  json.key("source").text(trade.id.source);
  json.key("epoch").number(trade.id.epoch);
  json.key("sequence").number(trade.id.sequence);
  json.end_object();
  json.key("price_update").boolean(trade.is_price_update());
  append_consolidated(json, trade.symbol);
  json.end_object();
}

void append_gap(std::string& out, const model::Gap& gap) {
  JsonWriter json(out);
  json.begin_object();
  json.key("source").text(gap.source);
  json.key("symbol");
  if (gap.symbol)
    json.text(*gap.symbol);
  else
    json.null();
  json.key("from").time(gap.from);
  json.key("from_ms").number(ms(gap.from));
  json.key("to").time(gap.to);
  json.key("to_ms").number(ms(gap.to));
  json.key("cause").text(gap.cause);
  json.end_object();
}

void append_csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_bar_csv(std::string& out, const model::Bar& bar) {
  append_csv_field(out, bar.key.symbol);
  fmt::format_to(std::back_inserter(out), ",{},{}", bar.key.interval.ms(), ms(bar.key.start));
  for (const auto* price : {&bar.open, &bar.high, &bar.low, &bar.close}) {
    out += ',';
    if (*price) model::append_text(out, **price);
  }
  out += ',';
  model::append_text(out, bar.volume);
  out += ',';
  model::append_text(out, bar.notional);
  fmt::format_to(std::back_inserter(out), ",{},{},{}\n", bar.trade_count, bar.price_update_count,
                 model::to_string(bar.priced_by));
}

namespace {

/// A reader of the small objects that clients send. Nothing is nested, so nothing recurses.
class FlatParser {
 public:
  explicit FlatParser(std::string_view text) : text_(text) {}

  Result<std::map<std::string, std::string>> parse() {
    std::map<std::string, std::string> members;
    if (!codec::is_utf8(text_)) return wrong("is not UTF-8");
    if (!take('{')) return wrong("is not a JSON object");
    if (!take('}')) {
      do {
        std::string name;
        std::string value;
        if (!take_string(name)) return wrong("has no member name in quotes");
        if (!take(':')) return wrong("has no colon after a member name");
        if (!take_value(value))
          return wrong("has a value that is no text, number, true, false or null");
        if (!members.emplace(std::move(name), std::move(value)).second)
          return wrong("names a member twice");
      } while (take(','));
      if (!take('}')) return wrong("does not end with }");
    }
    skip_space();
    if (at_ != text_.size()) return wrong("goes on after its end");
    return members;
  }

 private:
  Error wrong(std::string_view what) const {
    return make_error(ErrorCode::invalid, "the text {} (at byte {})", what, at_);
  }

  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_value(std::string& out) {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '"') return take_string(out);
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_).substr(0, word.size()) == word) {
        out = word;
        at_ += word.size();
        return true;
      }
    }
    const size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view("+-.0123456789eE").find(text_[at_]) != std::string_view::npos)
      ++at_;
    out = text_.substr(begin, at_ - begin);
    return !out.empty();
  }

  bool take_string(std::string& out) {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\')
        out += c;
      else if (!take_escape(out))
        return false;
    }
    return false;
  }

  bool take_escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    const char c = text_[at_++];
    if (const auto place = kNames.find(c); place != std::string_view::npos) {
      out += kValues[place];
      return true;
    }
    return c == 'u' && take_code_point(out);
  }

  bool take_code_point(std::string& out) {
    uint32_t code = 0;
    if (!take_hex(code)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low = 0;
      if (text_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      if (!take_hex(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return false;
    }
    codec::append_utf8(out, code);
    return true;
  }

  bool take_hex(uint32_t& code) {
    if (text_.size() - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<uint32_t>(c - '0');
      else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
      else
        return false;
      code = code << 4 | digit;
    }
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::map<std::string, std::string>> parse_flat_object(std::string_view text) {
  return FlatParser(text).parse();
}

}  // namespace tapeline::serve
