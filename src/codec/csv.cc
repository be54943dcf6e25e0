#include "codec/csv.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <string>

#include "codec/fields.h"
#include "codec/utf8.h"
#include "model/conditions.h"

namespace tapeline::codec {

namespace {

using model::RejectReason;

constexpr char kSeparator = ';';
constexpr std::string_view kUnknownPrefix = "tape:";
constexpr std::string_view kCodePrefix = "code:";
constexpr char kEscape = '%';
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

/// What cannot stand in a field of conditions.
bool is_reserved(char c) {
  return c == kSeparator || c == kEscape || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// For each character its code, or "tape:X".
class LetterTable {
 public:
  LetterTable() {
    for (size_t i = 0; i < names_.size(); ++i) {
      std::ranges::copy(kUnknownPrefix, unknown_[i].begin());
      unknown_[i].back() = static_cast<char>(i);
      names_[i] = {unknown_[i].data(), unknown_[i].size()};
    }
    for (const model::ConditionName& known : model::condition_names()) {
      if (known.letter == 0) continue;
      codes_.push_back(std::to_string(known.code));
      names_[static_cast<uint8_t>(known.letter)] = codes_.back();
      letters_.emplace(codes_.back(), known.letter);
    }
  }
  LetterTable(const LetterTable&) = delete;
  LetterTable& operator=(const LetterTable&) = delete;

  std::string_view operator[](char letter) const { return names_[static_cast<uint8_t>(letter)]; }
  /// Nothing for a condition that no letter becomes.
  std::optional<char> letter_of(std::string_view condition) const {
    if (const auto known = letters_.find(condition); known != letters_.end()) return known->second;
    if (!condition.starts_with(kUnknownPrefix)) return std::nullopt;
    if (condition.size() != kUnknownPrefix.size() + 1) return std::nullopt;
    const char letter = condition.back();
    if (is_reserved(letter) || (*this)[letter] != condition) return std::nullopt;
    return letter;
  }

 private:
  std::array<std::array<char, kUnknownPrefix.size() + 1>, 256> unknown_;
  std::deque<std::string> codes_;
  std::array<std::string_view, 256> names_;
  std::map<std::string_view, char> letters_;  ///< By code.
};

const LetterTable& letter_table() {
  static const LetterTable table;
  return table;
}

/// A text of the tape that is read as it stands.
std::optional<std::string_view> tape_text(std::string_view condition) {
  if (!condition.starts_with(kUnknownPrefix)) return std::nullopt;
  const std::string_view text = condition.substr(kUnknownPrefix.size());
  if (text.size() < 2 || text.starts_with(kCodePrefix)) return std::nullopt;
  if (std::ranges::any_of(text, is_reserved)) return std::nullopt;
  return text;
}

Element rejected(Element element, RejectReason reason) {
  element.reject = reason;
  return element;
}

}  // namespace

Element CsvRowParser::parse(std::string_view line, model::EventTime latest) {
  Element element;
  element.raw = line;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_utf8(line)) return rejected(element, RejectReason::not_utf8);
  if (!split(line)) return rejected(element, RejectReason::malformed_row);

  const auto& [symbol, price, volume, time, conditions] = fields_;
  TradeView& trade = element.trade;
  element.reject = read_symbol(symbol, symbol_bytes_max_, trade);
  if (!element.reject) element.reject = read_price(price, trade);
  if (!element.reject) element.reject = read_volume(volume, trade);
  if (!element.reject) element.reject = read_event_time(time, latest, trade);
  if (!element.reject && !conditions.empty()) trade.conditions = map_conditions(conditions);
  return element;
}

std::optional<CsvFields> CsvRowParser::fields(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_utf8(line) || !split(line)) return std::nullopt;
  const auto& [symbol, price, volume, time, conditions] = fields_;
  return CsvFields{symbol, price, volume, time, map_conditions(conditions)};
}

bool CsvRowParser::split(std::string_view line) {
  if (line.find('"') != std::string_view::npos) return split_quoted(line);
  for (size_t column = 0; column + 1 < kColumns; ++column) {
    const size_t comma = line.find(',');
    if (comma == std::string_view::npos) return false;
    fields_[column] = line.substr(0, comma);
    line.remove_prefix(comma + 1);
  }
  fields_[kColumns - 1] = line;
  return line.find(',') == std::string_view::npos;
}

bool CsvRowParser::split_quoted(std::string_view line) {
  unquoted_.clear();
  // No text below grows beyond the line, so what is reserved does not move.
  unquoted_.reserve(line.size());
  for (size_t column = 0; column < kColumns; ++column) {
    const bool is_last = column + 1 == kColumns;
    const size_t begin = unquoted_.size();
    if (line.starts_with('"')) {
      for (line.remove_prefix(1);; line.remove_prefix(1)) {
        if (line.empty()) return false;  // The quote is not closed.
        if (line[0] == '"') {
          line.remove_prefix(1);
          if (!line.starts_with('"')) break;  // Two are one of the text.
        }
        unquoted_.push_back(line[0]);
      }
    } else {
      while (!line.empty() && line[0] != ',') {
        if (line[0] == '"') return false;
        unquoted_.push_back(line[0]);
        line.remove_prefix(1);
      }
    }
    fields_[column] = std::string_view(unquoted_).substr(begin);
    if (is_last) return line.empty();
    if (!line.starts_with(',')) return false;
    line.remove_prefix(1);
  }
  return false;
}

ConditionsView CsvRowParser::map_conditions(std::string_view field) {
  const LetterTable& table = letter_table();
  conditions_.clear();
  texts_.clear();
  // What is reserved does not move.
  texts_.reserve(field.size() * (kUnknownPrefix.size() + 1));
  while (!field.empty()) {
    const size_t size = std::min(field.find(kSeparator), field.size());
    const std::string_view text = field.substr(0, size);
    field.remove_prefix(std::min(size + 1, field.size()));
    if (text.empty()) continue;
    conditions_.push_back(text.size() == 1 ? table[text[0]] : map_text(text));
  }
  return ConditionsView(conditions_);
}

std::string_view CsvRowParser::map_text(std::string_view text) {
  const size_t begin = texts_.size();
  if (!text.starts_with(kCodePrefix)) {
    texts_.append(kUnknownPrefix).append(text);
    return std::string_view(texts_).substr(begin);
  }
  text.remove_prefix(kCodePrefix.size());
  for (; !text.empty(); text.remove_prefix(1)) {
    const size_t high = text.size() < 3 ? std::string_view::npos : kHexDigits.find(text[1]);
    const size_t low = text.size() < 3 ? std::string_view::npos : kHexDigits.find(text[2]);
    if (text[0] != kEscape || high == std::string_view::npos || low == std::string_view::npos) {
      texts_.push_back(text[0]);
      continue;
    }
    texts_.push_back(static_cast<char>(high * 16 + low));
    text.remove_prefix(2);
  }
  return std::string_view(texts_).substr(begin);
}

void append_conditions(std::string& out, const ConditionsView& conditions) {
  bool first = true;
  conditions.for_each([&](std::string_view condition) {
    if (!first) out += kSeparator;
    first = false;
    if (const auto letter = letter_table().letter_of(condition)) {
      out += *letter;
      return;
    }
    if (const auto text = tape_text(condition)) {
      out += *text;
      return;
    }
    out += kCodePrefix;
    for (const char c : condition) {
      if (!is_reserved(c)) {
        out += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      out += kEscape;
      out += kHexDigits[byte / 16];
      out += kHexDigits[byte % 16];
    }
  });
}

}  // namespace tapeline::codec
