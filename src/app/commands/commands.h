#pragma once

#include <string>
#include <vector>

#include "app/config.h"

/// The subcommands. Each takes the settings as loaded and its own arguments, prints to standard
/// output, and returns the process's exit code.
namespace tapeline::app {

/// Documented in docs/command-line.md.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,        ///< An operating failure: the message says what to do.
  kUsage = 2,         ///< Wrong arguments or settings.
  kInterrupted = 3,   ///< Stopped by a signal before the work was done; what was done is kept.
  kDifferent = 4,     ///< verify: bars of the store are not what the log says.
  kUnverifiable = 5,  ///< The log no longer tells of the whole range.
};

struct RunArguments {
  std::vector<std::string> recordings;  ///< Played instead of connecting to a feed.
  std::string speed = "1";              ///< Times real time, or "max".
  bool exit_at_end = false;             ///< Ends when the recording has.
};
int run(Config& config, const RunArguments& arguments);

struct ReplayArguments {
  std::vector<std::string> files;
  std::string speed = "max";
};
int replay(Config& config, const ReplayArguments& arguments);

int run_simulator(Config& config);

struct QueryArguments {
  std::string symbol;  ///< Empty: all.
  std::vector<std::string> intervals;
  std::string basis = "all";
  std::string from, to;      ///< RFC 3339 or milliseconds; empty: open.
  int64_t limit = 0;         ///< The newest so many; 0: all.
  std::string format;        ///< "table", "csv", "json".
  std::string columns;       ///< Names joined with commas; empty: the stable ones.
  bool with_digest = false;  ///< JSON of bars without `columns` ends with the digest.
};
int query_bars(Config& config, const QueryArguments& arguments);
int query_trades(Config& config, const QueryArguments& arguments);
int query_gaps(Config& config, const QueryArguments& arguments);

/// What the store's checkpoint says, as a table or one JSON object.
int show_checkpoint(Config& config, bool json);
/// Empties the checkpoint of a closed directory.
int reset_checkpoint(Config& config);

struct VerifyArguments {
  std::string symbol;     ///< Empty: all.
  std::string from, to;   ///< Of starts; RFC 3339 or milliseconds; empty: open.
  int64_t limit = 1'000;  ///< Differences shown; 0: all.
  bool json = false;
};
int verify_bars(Config& config, const VerifyArguments& arguments);

struct ExplainArguments {
  std::string symbol, interval, start;
  std::string basis = "all";
  int64_t limit = 50;  ///< Rows of each list; 0: all.
  bool json = false;
};
int explain_bar(Config& config, const ExplainArguments& arguments);

struct RecomputeArguments {
  std::string from, to;  ///< RFC 3339 or milliseconds.
  std::string symbol;    ///< Empty: all.
  bool dry_run = false;
  bool json = false;
};
/// Makes the bars of a range anew from the log of a closed directory and says what changed.
int recompute_bars(Config& config, const RecomputeArguments& arguments);

struct DeadLetterArguments {
  QueryArguments query;      ///< `symbol` and `intervals` unused.
  std::vector<int64_t> ids;  ///< Of `show` one.
  std::string reason;        ///< Empty: all.
  std::string source;        ///< Empty: all.
  int64_t before = 0;        ///< Only ids below; 0: no bound.
  bool all = false;          ///< Replays every dead letter.
  bool raw = false;          ///< Shows nothing but the bytes.
};
int list_dead_letters(Config& config, const DeadLetterArguments& arguments);
int show_dead_letter(Config& config, const DeadLetterArguments& arguments);
int replay_dead_letters(Config& config, const DeadLetterArguments& arguments);

int check(Config& config);
int print_config(const Config& config, bool effective);

}  // namespace tapeline::app
