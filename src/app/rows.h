#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/entry.h"
#include "model/bar.h"
#include "model/trade.h"
#include "serve/letters.h"
#include "verify/explain.h"

namespace tapeline::app {

enum class RowFormat { table, csv, jsonl };
std::optional<RowFormat> parse_row_format(std::string_view text);

/// One column of an export: its name and how a value's text is made of a T. `numeric` values are
/// bare in JSON and right-aligned in tables; others are quoted.
template <typename T>
struct Column {
  std::string_view name;
  bool numeric;
  std::function<void(const T&, std::string& out)> text;
};

/// Every column that bars have; the stable export is the first `kStableBarColumns` of them, the
/// digest the last.
inline constexpr size_t kStableBarColumns = 12;
const std::vector<Column<model::Bar>>& bar_columns();

/// Every column that trades have; the first `kStableTradeColumns` are those of a recording, the
/// tape's letters for conditions included, so that an export can be replayed.
inline constexpr size_t kStableTradeColumns = 5;
const std::vector<Column<codec::TradeView>>& trade_columns();

const std::vector<Column<model::Gap>>& gap_columns();

/// What `verify` and `explain` list.
const std::vector<Column<verify::Difference>>& difference_columns();
const std::vector<Column<verify::ExplainedEvent>>& event_columns();
const std::vector<Column<verify::ExplainedCondition>>& explained_condition_columns();
const std::vector<Column<verify::ExplainedTrade>>& explained_trade_columns();
/// Every column that dead letters have; the first `kStableLetterColumns` hold all, bytes included.
inline constexpr size_t kStableLetterColumns = 11;
const std::vector<Column<serve::Letter>>& letter_columns();

/// Writes rows to standard output: CSV (quoted only where it must be, LF), JSON lines, or a table
/// whose widths follow its rows (which are held until `finish`, so for short answers only).
template <typename T>
class RowWriter {
 public:
  RowWriter(RowFormat format, std::vector<Column<T>> columns);

  void add(const T& value);

  /// For rows that are put in order before they are written (CSV and JSON only): appends the row's
  /// text to `out`; `add_rendered` takes such texts.
  void render(const T& value, std::string& out);
  void add_rendered(std::string_view rows);

  /// False when standard output cannot be written to (a closed pipe, a full disk).
  bool finish();

 private:
  void render_csv(const T& value, std::string& out);
  void render_json(const T& value, std::string& out);
  void print_table();
  void flush_if_large(size_t bytes);

  const RowFormat format_;
  const std::vector<Column<T>> columns_;
  std::string out_;
  std::string cell_;
  std::vector<std::vector<std::string>> table_;
  bool failed_ = false;
};

extern template class RowWriter<model::Bar>;
extern template class RowWriter<codec::TradeView>;
extern template class RowWriter<model::Gap>;
extern template class RowWriter<verify::Difference>;
extern template class RowWriter<verify::ExplainedEvent>;
extern template class RowWriter<verify::ExplainedCondition>;
extern template class RowWriter<verify::ExplainedTrade>;
extern template class RowWriter<serve::Letter>;

/// The first `stable` of `all`, or those named in `names` (comma-separated), in that order; an
/// unknown name is returned as the error's text.
template <typename T>
std::string choose_columns(const std::vector<Column<T>>& all, size_t stable,
                           const std::string& names, std::vector<Column<T>>& chosen) {
  chosen.clear();
  if (names.empty()) {
    chosen.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(stable));
    return {};
  }
  for (size_t at = 0; at <= names.size();) {
    const size_t comma = std::min(names.find(',', at), names.size());
    const std::string_view name = std::string_view(names).substr(at, comma - at);
    at = comma + 1;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Column<T>& column) { return column.name == name; });
    if (found == all.end()) {
      std::string known;
      for (const Column<T>& column : all)
        known.append(known.empty() ? "" : ", ").append(column.name);
      return "there is no column '" + std::string(name) + "'; known are " + known;
    }
    chosen.push_back(*found);
  }
  return {};
}

}  // namespace tapeline::app
