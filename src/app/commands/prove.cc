#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "app/commands/commands.h"
#include "app/commands/tell.h"
#include "app/commands/time_range.h"
#include "app/proof.h"
#include "app/registry.h"
#include "app/rows.h"
#include "model/digest.h"
#include "model/time.h"

namespace tapeline::app {
namespace {

/// A tape that is looked into. The log is opened anew for each reading, so that it reaches as far
/// as the store does, also while another process writes both.
class ProvenTape {
 public:
  static Result<std::unique_ptr<ProvenTape>> open(const Config& config) {
    std::unique_ptr<ProvenTape> tape(new ProvenTape(config));
    TAPELINE_TRY(tape->look());
    auto reader = tape->first_.store->open_reader();
    if (!reader) return reader.error();
    tape->reader_ = std::move(reader).value();
    return tape;
  }

  verify::Ports ports() {
    return proof_ports(
        *reader_,
        [this]() -> Result<log::Source*> {
          auto view = open_tape_to_read(config_, posix_file_system(), system_clock(),
                                        metrics_again_.emplace());
          if (!view) return view.error();
          again_ = std::move(view).value();
          return again_.log.get();
        },
        config_.ingest.future_ms_max);
  }

 private:
  explicit ProvenTape(const Config& config) : config_(config) {}

  Result<> look() {
    auto view = open_tape_to_read(config_, posix_file_system(), system_clock(), metrics_);
    if (!view) return view.error();
    first_ = std::move(view).value();
    return {};
  }

  const Config& config_;
  metrics::Registry metrics_;
  std::optional<metrics::Registry> metrics_again_;
  TapeView first_;
  std::unique_ptr<store::Reader> reader_;
  TapeView again_;
};

int code_of(verify::Outcome outcome) {
  switch (outcome) {
    case verify::Outcome::equal:
      return kOk;
    case verify::Outcome::different:
      return kDifferent;
    case verify::Outcome::unverifiable:
      return kUnverifiable;
  }
  return kFailed;
}

int written(const std::string& text) {
  const bool all = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (all && std::fflush(stdout) == 0) return kOk;
  fmt::print(stderr, "tapeline: standard output could not be written to its end\n");
  return kFailed;
}

template <typename T>
int print_table(const std::vector<T>& rows, const std::vector<Column<T>>& columns) {
  RowWriter<T> writer(RowFormat::table, columns);
  for (const T& row : rows) writer.add(row);
  return writer.finish() ? kOk : kFailed;
}

void print_bar(const verify::Explanation& explanation) {
  const model::Bar& bar = *explanation.bar;
  const auto price = [](const std::optional<model::Decimal>& value) {
    return value ? model::to_text(*value) : std::string("none");
  };
  fmt::print("bar       {} {} {} to {}{}\n", bar.key.symbol, model::to_text(bar.key.interval),
             model::time_text(bar.key.start), model::time_text(bar.end),
             bar.key.basis == model::Basis::all ? "" : ", of what conditions let through");
  fmt::print("prices    open {}  high {}  low {}  close {}  (by {})\n", price(bar.open),
             price(bar.high), price(bar.low), price(bar.close), model::to_string(bar.priced_by));
  fmt::print("sums      volume {}  notional {}  vwap {}\n", model::to_text(bar.volume),
             model::to_text(bar.notional), model::vwap_text(bar.notional, bar.volume));
  fmt::print("counts    {} trades, {} price updates, {} excluded, {} suspected duplicates\n",
             bar.trade_count, bar.price_update_count, bar.excluded_count,
             bar.suspect_duplicate_count);
  if (!bar.excluded_by.empty())
    fmt::print("excluded  by condition: {}\n", model::to_text(bar.excluded_by));
  if (bar.coverage_ms) {
    fmt::print("coverage  {} of {} ms, {}{}\n", *bar.coverage_ms, (bar.end - bar.key.start).count(),
               model::to_string(bar.coverage_kind), bar.gap ? ", touched by a gap" : "");
  } else {
    fmt::print("coverage  unknown{}\n", bar.gap ? ", touched by a gap" : "");
  }
  fmt::print("state     {}, revision {}\n", bar.final ? "final" : "open", bar.revision);
  fmt::print("digest    {}\n", model::digest(bar));
}

void print_store(const verify::Explanation& explanation) {
  if (!explanation.stored) {
    fmt::print("store     has no such bar{}\n",
               explanation.bar ? " (yet): `tapeline verify` tells whether it should" : "");
  } else if (explanation.differences.empty()) {
    fmt::print("store     has it as the log says\n");
  } else {
    fmt::print("store     differs from the log:\n");
    for (const verify::Difference& difference : explanation.differences)
      fmt::print("          {} is {}, should be {}\n", difference.column, difference.stored,
                 difference.expected);
  }
  for (const std::string& damage : explanation.damage) fmt::print("damage    {}\n", damage);
  if (explanation.cut)
    fmt::print("note      retention removed the log's beginning; what it said is not here\n");
}

void note_rest(std::string_view what, size_t shown, uint64_t total) {
  if (shown < total) fmt::print("({} of {} {}; --limit 0 shows all)\n", shown, total, what);
}

int print_explanation(const verify::Explanation& explanation) {
  if (explanation.bar) {
    print_bar(explanation);
  } else {
    fmt::print("bar       {} {} {}: no trade or price update of the log fell into it\n",
               explanation.key.symbol, model::to_text(explanation.key.interval),
               model::time_text(explanation.key.start));
  }
  print_store(explanation);
  fmt::print("\nhistory\n");
  if (print_table(explanation.history, event_columns()) != kOk) return kFailed;
  note_rest("events", explanation.history.size(), explanation.history_total);
  if (!explanation.conditions.empty()) {
    fmt::print("\nconditions of its trades\n");
    if (print_table(explanation.conditions, explained_condition_columns()) != kOk) return kFailed;
  }
  fmt::print("\ntrades: {}, {} of them late\n", explanation.trades_total, explanation.late_total);
  if (print_table(explanation.trades, explained_trade_columns()) != kOk) return kFailed;
  note_rest("trades", explanation.trades.size(), explanation.trades_total);
  fmt::print("\ngaps: {}{}\n", explanation.gaps.size(), explanation.more_gaps ? " or more" : "");
  if (explanation.gaps.empty()) return kOk;
  return print_table(explanation.gaps, gap_columns());
}

}  // namespace

int verify_bars(Config& config, const VerifyArguments& arguments) {
  const auto range = parse_time_range(arguments.from, arguments.to);
  if (!range) return kUsage;
  auto tape = ProvenTape::open(config);
  if (!tape) return failed(tape.error());
  verify::Question question;
  question.symbol = arguments.symbol;
  question.from = range->from;
  question.to = range->to;
  question.differences_max = arguments.limit == 0 ? SIZE_MAX : static_cast<size_t>(arguments.limit);
  const auto report = verify::verify(question, tape.value()->ports());
  if (!report) return failed(report.error());
  if (arguments.json) {
    if (const int code = written(to_json(report.value()) + "\n"); code != kOk) return code;
    return code_of(report.value().outcome());
  }
  if (!report.value().differences.empty() &&
      print_table(report.value().differences, difference_columns()) != kOk)
    return kFailed;
  for (const std::string& damage : report.value().damage) fmt::print("damage: {}\n", damage);
  if (const int code = written(summary(report.value()) + "\n"); code != kOk) return code;
  return code_of(report.value().outcome());
}

int explain_bar(Config& config, const ExplainArguments& arguments) {
  const auto interval = model::parse_interval(arguments.interval);
  const auto start = model::parse_time(arguments.start);
  if (!interval)
    fmt::print(stderr,
               "tapeline: '{}' is not a known length of bars; 1s, 1m, 5m, 1h, 1d are some\n",
               arguments.interval);
  if (!start)
    fmt::print(stderr,
               "tapeline: {} is no time: give the bar's start as RFC 3339 such as "
               "2026-11-21T09:30:00Z, or milliseconds since 1970\n",
               arguments.start);
  if (!interval || !start) return kUsage;
  auto tape = ProvenTape::open(config);
  if (!tape) return failed(tape.error());
  const model::BarKey key{arguments.symbol, *interval,
                          std::chrono::floor<std::chrono::milliseconds>(*start),
                          *model::parse_basis(arguments.basis)};
  const auto explanation =
      verify::explain(key, static_cast<size_t>(arguments.limit), {}, tape.value()->ports());
  if (!explanation) return failed(explanation.error());
  if (arguments.json) return written(to_json(explanation.value()) + "\n");
  return print_explanation(explanation.value());
}

}  // namespace tapeline::app
