// Runs the simulation over many seeds and says what it saw; see README.md.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/diag.h"
#include "base/mutant.h"
#include "simulation/world.h"

namespace {

using tapeline::simulation::Fault;
using tapeline::simulation::Report;

struct Arguments {
  uint64_t seeds = 100;
  uint64_t from = 1;
  double seconds_max = 0;   ///< 0: no limit.
  std::string_view mutant;  ///< Empty: none.
  bool verbose = false;
};

template <typename T>
bool parse(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Arguments> parse_arguments(int count, char** words) {
  Arguments out;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = words[i];
    if (name == "--verbose") {
      out.verbose = true;
      continue;
    }
    if (i + 1 == count) return std::nullopt;
    const std::string_view value = words[++i];
    const bool known = (name == "--seeds" && parse(value, out.seeds)) ||
                       (name == "--from" && parse(value, out.from)) ||
                       (name == "--seconds" && parse(value, out.seconds_max));
    if (name == "--mutant")
      out.mutant = value;
    else if (!known)
      return std::nullopt;
  }
  return out;
}

void list_mutants() {
  for (const tapeline::MutantText& mutant : tapeline::mutants())
    fmt::print("{}\t{}\n", mutant.name, mutant.sentence);
}

void tell_failure(const Report& report, const char* program, std::string_view mutant) {
  fmt::print("seed {} breaks the laws:\n", report.seed);
  for (const std::string& violation : report.violations) fmt::print("  {}\n", violation);
  fmt::print("  again: {} --seeds 1 --from {} --verbose{}{}\n", program, report.seed,
             mutant.empty() ? "" : " --mutant ", mutant);
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && words[1] == std::string_view("--mutants")) {
    list_mutants();
    return 0;
  }
  const auto arguments = parse_arguments(count, words);
  if (!arguments) {
    fmt::print(stderr,
               "usage: {} [--seeds N] [--from S] [--seconds T] [--mutant NAME] [--verbose]\n"
               "       {} --mutants\n",
               words[0], words[0]);
    return 2;
  }
  if (!arguments->mutant.empty()) {
    if (const auto put_in = tapeline::put_in_mutant(arguments->mutant); !put_in) {
      fmt::print(stderr, "{}: {}\n", words[0], put_in.error().message());
      return 2;
    }
  }
  if (!arguments->verbose)
    tapeline::diag::set_sink([](tapeline::diag::Level, std::string_view) {});
  else
    tapeline::diag::configure(tapeline::diag::Level::info, tapeline::diag::Format::text);

  const auto begun = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  Report total;
  uint64_t seeds = 0;
  uint64_t failed = 0;
  int64_t trades_least = INT64_MAX;
  int64_t kinds_least = INT64_MAX;
  for (; seeds < arguments->seeds; ++seeds) {
    if (arguments->seconds_max > 0 && elapsed() > arguments->seconds_max) break;
    const Report report = tapeline::simulation::simulate(arguments->from + seeds);
    for (size_t i = 0; i < report.fired.size(); ++i) total.fired[i] += report.fired[i];
    total.trades += report.trades;
    total.offered += report.offered;
    total.bars += report.bars;
    total.starts += report.starts;
    trades_least = std::min(trades_least, report.offered);
    kinds_least = std::min(kinds_least, report.kinds());
    if (arguments->verbose)
      fmt::print("seed {}: digest {:016x}, {} of {} trades logged\n", report.seed, report.digest,
                 report.trades, report.offered);
    if (!report.violations.empty()) {
      ++failed;
      tell_failure(report, words[0], arguments->mutant);
    }
  }
  fmt::print(
      "{} seeds from {} in {:.1f} s: {} failed; {} trades offered (at least {} a seed), {} "
      "logged, {} bars, {} starts, at least {} kinds of fault a seed\n",
      seeds, arguments->from, elapsed(), failed, total.offered, trades_least, total.trades,
      total.bars, total.starts, kinds_least);
  fmt::print("faults:");
  for (size_t i = 0; i < total.fired.size(); ++i)
    fmt::print(" {} {}", to_string(static_cast<Fault>(i)), total.fired[i]);
  fmt::print("\n");
  return failed == 0 ? 0 : 1;
}
