#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "app/commands/commands.h"
#include "app/commands/time_range.h"
#include "app/rows.h"
#include "base/result.h"
#include "model/trade.h"

/// What the subcommands that look into a tape read from their arguments alike.
namespace tapeline::app {

/// As log and store count: microseconds. A bound beyond what they hold is the nearest they do.
model::IngestTime in_microseconds(model::EventTime time);

/// What was asked for, once the arguments are right.
template <typename T>
struct Question {
  TimeRange range;
  RowFormat format;
  std::vector<Column<T>> columns;
};

/// Tells all that is wrong and gives nothing. A table without --columns has `table_columns`, other
/// formats the first `stable` ones.
template <typename T>
std::optional<Question<T>> question_or_say(const QueryArguments& arguments,
                                           const std::vector<Column<T>>& all, size_t stable,
                                           const char* table_columns) {
  const auto range = parse_time_range(arguments.from, arguments.to);
  const auto format = parse_row_format(arguments.format);
  const bool table = format == RowFormat::table && arguments.columns.empty();
  std::vector<Column<T>> columns;
  const std::string wrong =
      choose_columns(all, stable, table ? table_columns : arguments.columns, columns);
  if (!wrong.empty()) fmt::print(stderr, "tapeline: --columns: {}\n", wrong);
  if (!range || !format || !wrong.empty()) return std::nullopt;
  return Question<T>{*range, *format, std::move(columns)};
}

/// The exit code of a command that wrote rows: tells when it failed, or `written` is false.
int report(const Result<>& outcome, bool written);

}  // namespace tapeline::app
