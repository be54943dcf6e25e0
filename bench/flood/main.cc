// How fast do frames on disk become bars in the store? README.md in this folder says how it is
// measured.

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "generate.h"

namespace tapeline::bench {
namespace {

namespace fs = std::filesystem;

struct Options {
  FloodSpec spec;
  std::string tapeline;
  std::string oracle;
  std::string cache;
  std::string durability = "os";
  int runs = 1;
  bool keep = false;
};

/// What a child process cost.
struct Cost {
  int exit_code = -1;
  double seconds = 0;
  double cpu_seconds = 0;
  double peak_mib = 0;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Runs a program to its end, its standard output into a file if one is given.
Cost run(const std::vector<std::string>& command, const std::string& output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!output.empty())
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const auto begin = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int spawned =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  CHECK(spawned == 0, "cannot run {}: {}", command[0], std::strerror(spawned));
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  rusage usage{};
  CHECK(wait4(child, &status, 0, &usage) == child);
  Cost cost;
  cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  cost.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  cost.peak_mib = static_cast<double>(usage.ru_maxrss) / 1'024;
  cost.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return cost;
}

/// In a process of its own: the memory of a parent counts as a child's peak.
void generate_apart(const FloodFiles& files, const FloodSpec& spec) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    generate(files, spec);
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0, "the recording could not be generated");
}

/// Into the page cache, so that the disk is not what is measured.
void read_through(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> chunk(1 << 20);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()))) {
  }
}

/// Number of lines compared, or nothing after saying where the files differ.
std::optional<int64_t> compare(const std::string& expected_path, const std::string& actual_path) {
  std::ifstream expected(expected_path);
  std::ifstream actual(actual_path);
  std::string left;
  std::string right;
  for (int64_t line = 1;; ++line) {
    const bool more_left = static_cast<bool>(std::getline(expected, left));
    const bool more_right = static_cast<bool>(std::getline(actual, right));
    if (!more_left && !more_right) return line - 1;
    if (more_left && more_right && left == right) continue;
    fmt::print(stderr, "flood: WRONG BARS at line {}\n  expected {}\n  got      {}\n", line,
               more_left ? left : "the end", more_right ? right : "the end");
    return std::nullopt;
  }
}

std::string first_line_of(const std::string& command) {
  std::string line;
  if (std::FILE* const pipe = popen(command.c_str(), "r")) {
    char buffer[256];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) line += buffer;
    pclose(pipe);
  }
  return line.substr(0, line.find('\n'));
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

bool measure(const Options& options, const FloodFiles& files, const fs::path& build) {
  const std::string data = fmt::format("{}/flood-data-{}", options.cache, getpid());
  const std::string exported = data + ".export.csv";
  fs::remove_all(data);
  read_through(files.recording);
  const Cost cost = run({options.tapeline, "replay", files.recording, "--speed", "max",
                         "--data-dir", data, "--intervals", "1s,1m,5m"},
                        "");
  CHECK(cost.exit_code == 0, "tapeline replay ended with exit code {}", cost.exit_code);
  const Cost export_cost = run({options.tapeline, "export", "bars", "--data-dir", data,
                                "--intervals", "1s,1m,5m", "--format", "csv"},
                               exported);
  CHECK(export_cost.exit_code == 0, "tapeline export ended with exit code {}",
        export_cost.exit_code);
  const auto lines = compare(files.bars, exported);
  uint64_t disk_bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data))
    if (entry.is_regular_file()) disk_bytes += entry.file_size();
  if (!options.keep) {
    fs::remove_all(data);
    fs::remove(exported);
  }
  if (!lines) return false;

  const auto trades = static_cast<double>(options.spec.trades);
  const auto bars = static_cast<double>(*lines - 1);
  const std::string machine =
      fmt::format("{}, {} cores", first_line_of("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"),
                  std::thread::hardware_concurrency());
  const std::string commit =
      first_line_of(fmt::format("git -C '{}' describe --always --dirty 2>&1", build.string()));
  fmt::print(
      "flood: {:.2f} M trades/s, {:.2f} M trades per CPU-second, {:.0f} k bars/s, peak {:.0f} MiB\n"
      "       {:.0f} trades, {:.0f} bars (all as expected), {:.2f} s, {:.2f} CPU-s, {:.0f} MiB on "
      "disk, durability {}\n"
      "       {}; commit {}\n",
      trades / cost.seconds / 1e6, trades / cost.cpu_seconds / 1e6, bars / cost.seconds / 1e3,
      cost.peak_mib, trades, bars, cost.seconds, cost.cpu_seconds,
      static_cast<double>(disk_bytes) / 1'048'576, options.durability, machine, commit);
  std::ofstream(build / "bench_flood.jsonl", std::ios::app) << fmt::format(
      "{{\"bench\":\"flood\",\"trades\":{},\"symbols\":{},\"seed\":{},\"durability\":\"{}\","
      "\"seconds\":{:.3f},\"cpu_seconds\":{:.3f},\"trades_per_s\":{:.0f},"
      "\"trades_per_cpu_s\":{:.0f},\"bars\":{:.0f},\"bars_per_s\":{:.0f},\"peak_mib\":{:.1f},"
      "\"disk_bytes\":{},\"machine\":{},\"commit\":{}}}\n",
      options.spec.trades, options.spec.symbols, options.spec.seed, options.durability,
      cost.seconds, cost.cpu_seconds, trades / cost.seconds, trades / cost.cpu_seconds, bars,
      bars / cost.seconds, cost.peak_mib, disk_bytes, json_text(machine), json_text(commit));
  return true;
}

/// The generator's tally against the project's oracle, which is slow: for small floods.
bool agrees_with_oracle(const Options& options, const FloodFiles& files) {
  const std::string output = files.bars + ".oracle";
  const Cost cost = run(
      {"python3", options.oracle, files.recording, "--intervals", "1s,1m,5m", "--output", output},
      "/dev/null");
  CHECK(cost.exit_code == 0, "the oracle ended with exit code {}", cost.exit_code);
  const bool same = compare(output, files.bars).has_value();
  fs::remove(output);
  if (same) fmt::print("flood: the tally equals the oracle's bars in every byte\n");
  return same;
}

std::string default_cache() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/tapeline/bench";
  const char* const home = std::getenv("HOME");
  CHECK(home != nullptr, "neither XDG_CACHE_HOME nor HOME is set; give --cache FOLDER");
  return std::string(home) + "/.cache/tapeline/bench";
}

int main(int count, char** arguments) {
  const fs::path build = fs::read_symlink("/proc/self/exe").parent_path();
  Options options;
  options.tapeline = (build / "tapeline").string();
  CLI::App app("Replays a generated recording through tapeline, checks the bars, prints the speed");
  app.add_option("--trades", options.spec.trades, "How many")->check(CLI::Range(1'000, 1 << 30));
  app.add_option("--symbols", options.spec.symbols, "Of how many symbols")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", options.spec.seed, "Of the generated market");
  app.add_option("--tapeline", options.tapeline, "The program to be measured");
  app.add_option("--durability", options.durability, "Of the log: fsync, os or none");
  app.add_option("--runs", options.runs, "How often");
  app.add_option("--cache", options.cache, "Where generated recordings are kept");
  app.add_option("--oracle", options.oracle,
                 "tests/oracle/oracle.py: compare the expected bars with it first");
  app.add_flag("--keep", options.keep, "Leave the data directory and the export there");
  CLI11_PARSE(app, count, arguments);
  // Whole frames.
  options.spec.trades =
      (options.spec.trades + kTradesPerFrame - 1) / kTradesPerFrame * kTradesPerFrame;
  if (options.cache.empty()) options.cache = default_cache();
  CHECK(fs::exists(options.tapeline), "there is no {}; build it or give --tapeline PATH",
        options.tapeline);

  fs::create_directories(options.cache);
  setenv("TAPELINE_LOG_DURABILITY", options.durability.c_str(), 1);
  const FloodFiles files = files_of(options.cache, options.spec);
  generate_apart(files, options.spec);
  if (!options.oracle.empty() && !agrees_with_oracle(options, files)) return 1;
  for (int i = 0; i < options.runs; ++i)
    if (!measure(options, files, build)) return 1;
  return 0;
}

}  // namespace
}  // namespace tapeline::bench

int main(int count, char** arguments) {
  return tapeline::bench::main(count, arguments);
}
