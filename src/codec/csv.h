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
/// Conditions are the tape's letters joined with ';': each becomes Finnhub's code (those of
/// model::condition_names), or stays as
/// "tape:X" when it has none. An empty field is an empty list.
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
  ConditionsView map_conditions(std::string_view letters);

  const size_t symbol_bytes_max_;
  std::string_view fields_[kColumns];
  std::string unquoted_;         ///< Fields without their quotes.
  std::string unknown_letters_;  ///< "tape:..." of conditions longer than a letter.
  std::vector<std::string_view> conditions_;
};

}  // namespace tapeline::codec
