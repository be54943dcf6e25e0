#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/element.h"

/// Rows of recordings: symbol,price,volume,trade_timestamp_ms,conditions.
namespace tapeline::codec {

/// Raised when a letter's code changes (model::condition_names): what is logged under one version
/// keeps its codes.
inline constexpr int kTapeLettersVersion = 1;

/// The texts of one row as they stand in it, quotes removed, and its conditions as codes.
struct CsvFields {
  std::string_view symbol;
  std::string_view price;
  std::string_view volume;
  std::string_view time;
  ConditionsView conditions;
};

/// Reads rows. One owner thread. No allocation once it has seen its longest row.
///
/// Fields may be quoted (RFC 4180); a row has five. Whatever else is wrong with a row as such is
/// malformed_row or not_utf8; its fields are judged like those of a frame, in the order symbol,
/// price, volume, time.
///
/// Conditions are joined with ';'. An empty field is an empty list. Each is
///
///     letter          of the tape: becomes Finnhub's code (model::condition_names), or "tape:X"
///     'code:' text    a condition as Finnhub has it, for those without a letter; "%3B" stands for
///                     the byte 3b, so that any text can be written
///     text            any other, of the tape: becomes "tape:text"
class CsvRowParser {
 public:
  explicit CsvRowParser(size_t symbol_bytes_max = 64) : symbol_bytes_max_(symbol_bytes_max) {}

  /// One row without its line end (one '\r' is read over). `latest` is the greatest event time
  /// that is not in the future. The answer's views are valid until the next call, and as long as
  /// the line.
  Element parse(std::string_view line, model::EventTime latest);

  /// The same row unjudged, for whoever passes its texts on. Nothing when it is malformed_row or
  /// not_utf8. The views are valid as long as those of `parse`.
  std::optional<CsvFields> fields(std::string_view line);

 private:
  static constexpr size_t kColumns = 5;

  bool split(std::string_view line);
  bool split_quoted(std::string_view line);
  ConditionsView map_conditions(std::string_view field);
  std::string_view map_text(std::string_view text);

  const size_t symbol_bytes_max_;
  std::string_view fields_[kColumns];
  std::string unquoted_;  ///< Fields without their quotes.
  std::string texts_;     ///< Of conditions longer than a letter.
  std::vector<std::string_view> conditions_;
};

/// A trade's conditions as a recording has them: CsvRowParser reads the same ones from it. Not
/// quoted.
void append_conditions(std::string& out, const ConditionsView& conditions);

}  // namespace tapeline::codec
