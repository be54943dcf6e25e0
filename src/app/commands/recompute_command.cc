#include <fmt/format.h>

#include <cstdio>

#include "app/commands/commands.h"
#include "app/commands/tell.h"
#include "app/commands/time_range.h"
#include "app/recompute.h"
#include "app/rows.h"
#include "model/time.h"
#include "serve/json.h"

namespace tapeline::app {
namespace {

/// One cell that is not what it was.
struct CellChange {
  std::string_view column;
  std::string before, after;
};

/// Columns that say the same in another form, or when a row was written.
bool shown_elsewhere(std::string_view column) {
  return column == "through" || column == "digest" || column == "interval" || column == "start" ||
         column == "vwap";
}

std::vector<CellChange> cells_of(const BarChange& change) {
  std::vector<CellChange> cells;
  if (change.unreadable) {
    cells.push_back({"bar", "unreadable", change.after ? "as in the log" : "removed"});
    return cells;
  }
  if (!change.before || !change.after) {
    cells.push_back({"bar", change.before ? "invented" : "missing",
                     change.after ? "as in the log" : "removed"});
    return cells;
  }
  for (const auto& column : bar_columns()) {
    if (shown_elsewhere(column.name)) continue;
    CellChange cell{column.name, {}, {}};
    column.text(*change.before, cell.before);
    column.text(*change.after, cell.after);
    if (cell.before != cell.after) cells.push_back(std::move(cell));
  }
  if (change.before->first_id != change.after->first_id ||
      change.before->last_id != change.after->last_id)
    cells.push_back({"first_id, last_id", "other trades", "as in the log"});
  if (change.state) cells.push_back({"state", "damaged", "as in the log"});
  return cells;
}

void print_json(const BarChange& change, const CellChange& cell) {
  std::string out;
  serve::JsonWriter json(out);
  json.begin_object();
  json.key("symbol").text(change.key.symbol);
  json.key("interval_ms").number(change.key.interval.ms());
  json.key("start_ms").number(change.key.start.time_since_epoch().count());
  json.key("basis").text(model::to_string(change.key.basis));
  json.key("column").text(cell.column);
  json.key("before").text(cell.before);
  json.key("after").text(cell.after);
  json.end_object();
  fmt::print("{}\n", out);
}

void print_changes(const Recomputed& result, bool json) {
  if (!json && !result.changes.empty())
    fmt::print("{:<20} {:>8} {:<24} {:<12} {:<16} {:>24} {:>24}\n", "symbol", "interval", "start",
               "basis", "column", "before", "after");
  for (const BarChange& change : result.changes) {
    for (const CellChange& cell : cells_of(change)) {
      if (json) {
        print_json(change, cell);
        continue;
      }
      fmt::print("{:<20} {:>8} {:<24} {:<12} {:<16} {:>24} {:>24}\n", change.key.symbol,
                 model::to_text(change.key.interval), model::time_text(change.key.start),
                 model::to_string(change.key.basis), cell.column, cell.before, cell.after);
    }
  }
}

void print_summary(const Recomputed& result, bool dry_run, bool json) {
  if (json) {
    std::string out;
    serve::JsonWriter line(out);
    line.begin_object();
    line.key("bars").number(static_cast<int64_t>(result.bars));
    line.key("changed").number(static_cast<int64_t>(result.changes.size()));
    line.key("dry_run").boolean(dry_run);
    line.key("generation").number(static_cast<int64_t>(result.position.generation()));
    line.end_object();
    fmt::print("{}\n", out);
    return;
  }
  const std::string found = fmt::format("{} bars by the log, {} of the store were different",
                                        result.bars, result.changes.size());
  dry_run ? fmt::print("{}; nothing was changed\n", found)
          : fmt::print("{}; the range is as in the log, under generation {}\n", found,
                       result.position.generation());
}

}  // namespace

int recompute_bars(Config& config, const RecomputeArguments& arguments) {
  const auto range = parse_time_range(arguments.from, arguments.to);
  if (!range) return kUsage;
  metrics::Registry metrics;
  auto tape = open_existing_tape(config, posix_file_system(), system_clock(), metrics);
  if (!tape) return failed(tape.error());
  // What an earlier one left undone is done with it.
  auto ranges = unfinished_recomputes(tape.value());
  if (!ranges) return failed(ranges.error());
  ranges.value().push_back({arguments.symbol, range->from, range->to});
  const auto result = recompute(tape.value(), config, posix_file_system(), system_clock(), metrics,
                                std::move(ranges).value(),
                                arguments.dry_run ? RecomputeMode::compare : RecomputeMode::repair);
  if (!result) {
    const int code = failed(result.error());
    return result.error().code() == ErrorCode::not_found ? kUnverifiable : code;
  }
  print_changes(result.value(), arguments.json);
  print_summary(result.value(), arguments.dry_run, arguments.json);
  if (const auto closed = tape.value().log->close(); !closed) return failed(closed.error());
  return kOk;
}

}  // namespace tapeline::app
