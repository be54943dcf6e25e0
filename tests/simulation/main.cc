// Runs the simulation over many seeds and says what it saw; see README.md.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "base/diag.h"
#include "base/mutant.h"
#include "simulation/world.h"

namespace {

using tapeline::simulation::Fault;
using tapeline::simulation::Report;

constexpr uint64_t kProcessesMax = 256;
/// Of so many worlds and more, each kind of fault has to come in at least one.
constexpr uint64_t kSeedsWithAllFaults = 500;

struct Arguments {
  uint64_t seeds = 100;
  uint64_t from = 1;
  uint64_t processes = 1;   ///< The seeds are dealt out among them.
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
                       (name == "--processes" && parse(value, out.processes)) ||
                       (name == "--seconds" && parse(value, out.seconds_max));
    if (name == "--mutant")
      out.mutant = value;
    else if (!known)
      return std::nullopt;
  }
  if (out.processes == 0 || out.processes > kProcessesMax) return std::nullopt;
  return out;
}

void list_mutants() {
  for (const tapeline::MutantText& mutant : tapeline::mutants())
    fmt::print("{}\t{}\n", mutant.name, mutant.sentence);
}

/// Of the worlds of one process, or of all. Lies in memory that processes share.
struct Totals {
  uint64_t seed = 0;  ///< Of the world that runs.
  uint64_t seeds = 0;
  uint64_t failed = 0;
  std::array<int64_t, tapeline::simulation::kFaults> fired{};
  int64_t offered = 0;
  int64_t trades = 0;
  int64_t bars = 0;
  int64_t starts = 0;
  int64_t offered_least = INT64_MAX;
  int64_t trades_least = INT64_MAX;
  int64_t kinds_least = INT64_MAX;
  int64_t crashes_least = INT64_MAX;

  void add(const Report& report) {
    Totals one;
    one.seeds = 1;
    one.failed = report.violations.empty() ? 0 : 1;
    one.fired = report.fired;
    one.offered = one.offered_least = report.offered;
    one.trades = one.trades_least = report.trades;
    one.bars = report.bars;
    one.starts = report.starts;
    one.kinds_least = report.kinds();
    one.crashes_least = report.crashes();
    add(one);
  }

  void add(const Totals& other) {
    seeds += other.seeds;
    failed += other.failed;
    for (size_t i = 0; i < fired.size(); ++i) fired[i] += other.fired[i];
    offered += other.offered;
    trades += other.trades;
    bars += other.bars;
    starts += other.starts;
    offered_least = std::min(offered_least, other.offered_least);
    trades_least = std::min(trades_least, other.trades_least);
    kinds_least = std::min(kinds_least, other.kinds_least);
    crashes_least = std::min(crashes_least, other.crashes_least);
  }
};

class Run {
 public:
  Run(const Arguments& arguments, const char* program)
      : arguments_(arguments), program_(program), begun_(std::chrono::steady_clock::now()) {}

  /// True when every seed ran and kept the laws, and each kind of fault came that had to.
  bool all() {
    Totals total;
    if (arguments_.processes == 1)
      share(0, total);
    else
      split(total);
    tell(total);
    bool good = total.failed == 0;
    if (total.seeds < arguments_.seeds) {
      fmt::print("FAILED: only {} of {} seeds ran; the limit is {} s\n", total.seeds,
                 arguments_.seeds, arguments_.seconds_max);
      good = false;
    }
    for (size_t i = 0; total.seeds >= kSeedsWithAllFaults && i < total.fired.size(); ++i) {
      if (total.fired[i] > 0) continue;
      fmt::print("FAILED: fault {} never came\n", to_string(static_cast<Fault>(i)));
      good = false;
    }
    return good;
  }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

  /// Every so many-th seed.
  void share(uint64_t first, Totals& totals) const {
    for (uint64_t i = first; i < arguments_.seeds; i += arguments_.processes) {
      if (arguments_.seconds_max > 0 && elapsed() > arguments_.seconds_max) return;
      totals.seed = arguments_.from + i;
      const Report report = tapeline::simulation::simulate(totals.seed);
      totals.add(report);
      if (arguments_.verbose)
        fmt::print("seed {}: digest {:016x}, {} of {} trades logged\n", report.seed, report.digest,
                   report.trades, report.offered);
      if (!report.violations.empty()) tell_failure(report);
    }
  }

  void split(Totals& total) const {
    const uint64_t count = arguments_.processes;
    void* const memory = ::mmap(nullptr, count * sizeof(Totals), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("cannot share memory with the processes");
      std::exit(2);
    }
    auto* const totals = static_cast<Totals*>(memory);
    std::vector<pid_t> running;
    for (uint64_t i = 0; i < count; ++i) {
      new (totals + i) Totals();
      const pid_t child = ::fork();
      if (child < 0) {
        std::perror("cannot start another process");
        std::exit(2);
      }
      if (child == 0) {
        share(i, totals[i]);
        std::fflush(stdout);
        ::_exit(0);
      }
      running.push_back(child);
    }
    for (uint64_t i = 0; i < count; ++i) {
      int status = 0;
      ::waitpid(running[i], &status, 0);
      if (status != 0) {
        ++totals[i].failed;
        fmt::print("seed {} ended its process ({} {})\n", totals[i].seed,
                   WIFSIGNALED(status) ? "signal" : "exit code",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        tell_again(totals[i].seed);
      }
      total.add(totals[i]);
    }
    ::munmap(memory, count * sizeof(Totals));
  }

  void tell_failure(const Report& report) const {
    fmt::print("seed {} breaks the laws:\n", report.seed);
    for (const std::string& violation : report.violations) fmt::print("  {}\n", violation);
    tell_again(report.seed);
  }

  void tell_again(uint64_t seed) const {
    fmt::print("  again: {} --seeds 1 --from {} --verbose{}{}\n", program_, seed,
               arguments_.mutant.empty() ? "" : " --mutant ", arguments_.mutant);
    std::fflush(stdout);
  }

  void tell(const Totals& total) const {
    fmt::print(
        "{} seeds from {} in {:.1f} s: {} failed; {} trades offered (at least {} a seed), {} "
        "logged (at least {}), {} bars, {} starts; at least {} kinds of fault and {} crashes a "
        "seed\n",
        total.seeds, arguments_.from, elapsed(), total.failed, total.offered, total.offered_least,
        total.trades, total.trades_least, total.bars, total.starts, total.kinds_least,
        total.crashes_least);
    fmt::print("faults:");
    for (size_t i = 0; i < total.fired.size(); ++i)
      fmt::print(" {} {}", to_string(static_cast<Fault>(i)), total.fired[i]);
    fmt::print("\n");
  }

  const Arguments arguments_;
  const char* const program_;
  const std::chrono::steady_clock::time_point begun_;
};

}  // namespace

int main(int count, char** words) {
  if (count == 2 && words[1] == std::string_view("--mutants")) {
    list_mutants();
    return 0;
  }
  const auto arguments = parse_arguments(count, words);
  if (!arguments) {
    fmt::print(stderr,
               "usage: {} [--seeds N] [--from S] [--processes P] [--seconds T] [--mutant NAME] "
               "[--verbose]\n"
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
  return Run(*arguments, words[0]).all() ? 0 : 1;
}
