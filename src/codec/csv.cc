#include "codec/csv.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string>

#include "codec/fields.h"
#include "codec/utf8.h"
#include "model/conditions.h"

namespace tapeline::codec {

namespace {

using model::RejectReason;

constexpr char kSeparator = ';';
constexpr std::string_view kUnknownPrefix = "tape:";

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
    }
  }
  LetterTable(const LetterTable&) = delete;
  LetterTable& operator=(const LetterTable&) = delete;

  std::string_view operator[](char letter) const { return names_[static_cast<uint8_t>(letter)]; }

 private:
  std::array<std::array<char, kUnknownPrefix.size() + 1>, 256> unknown_;
  std::deque<std::string> codes_;
  std::array<std::string_view, 256> names_;
};

const LetterTable& letter_table() {
  static const LetterTable table;
  return table;
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

ConditionsView CsvRowParser::map_conditions(std::string_view letters) {
  const LetterTable& table = letter_table();
  conditions_.clear();
  unknown_letters_.clear();
  unknown_letters_.reserve(letters.size() * (kUnknownPrefix.size() + 1));
  while (!letters.empty()) {
    const size_t size = std::min(letters.find(kSeparator), letters.size());
    const std::string_view letter = letters.substr(0, size);
    letters.remove_prefix(std::min(size + 1, letters.size()));
    if (letter.empty()) continue;
    if (letter.size() == 1) {
      conditions_.push_back(table[letter[0]]);
      continue;
    }
    const size_t begin = unknown_letters_.size();
    unknown_letters_.append(kUnknownPrefix).append(letter);
    conditions_.push_back(std::string_view(unknown_letters_).substr(begin));
  }
  return ConditionsView(conditions_);
}

}  // namespace tapeline::codec
