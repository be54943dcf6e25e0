#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

#include "app/commands/commands.h"
#include "app/configuration.h"
#include "app/version.h"

namespace {

using namespace tapeline;
using namespace tapeline::app;

/// What every subcommand that touches data takes.
struct Common {
  ConfigurationInputs inputs;
  std::string data_dir;
  std::string feed;

  void add_to(CLI::App& command) {
    command.add_option("--config", inputs.file, "Settings file (TOML)")->type_name("FILE");
    command.add_option("--set", inputs.overrides, "One setting, as key=value; repeatable")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command.add_option("--data-dir", data_dir, "Where log and bars are kept")->type_name("DIR");
    command.add_option("--feed", feed, "Name of the feed that the data directory holds")
        ->type_name("NAME");
  }
};

/// Loads the settings, prints all their problems, then runs `body`.
int with_config(const Common& common, const std::vector<std::string>& more,
                const std::function<int(Config&)>& body) {
  ConfigurationInputs inputs = common.inputs;
  inputs.environment = process_environment();
  if (!common.data_dir.empty()) inputs.overrides.push_back("data.directory=" + common.data_dir);
  if (!common.feed.empty()) inputs.overrides.push_back("data.feed=" + common.feed);
  inputs.overrides.insert(inputs.overrides.end(), more.begin(), more.end());

  Config config;
  const auto problems = load_configuration(config.declarer, posix_file_system(), inputs);
  for (const std::string& problem : problems)
    fmt::print(stderr, "tapeline: {}\n", diag::redacted(problem));
  if (!problems.empty()) return kUsage;
  config.apply_diagnostics();
  return body(config);
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

/// Options of `simulate` are settings under a shorter name.
void add_simulate_options(CLI::App& command, std::vector<std::string>& settings) {
  const auto add = [&](const char* option, const char* key, const char* type, const char* help) {
    command
        .add_option_function<std::string>(
            option,
            [&settings, key](const std::string& value) {
              settings.push_back(fmt::format("simulate.{}={}", key, value));
            },
            help)
        ->type_name(type);
  };
  command
      .add_option_function<std::vector<std::string>>(
          "--recording",
          [&settings](const std::vector<std::string>& files) {
            settings.push_back("simulate.recordings=" + joined(files));
          },
          "Serve recordings instead of a generated market")
      ->type_name("FILE");
  command
      .add_option_function<std::string>(
          "--rate",
          [&settings](const std::string& rate) {
            settings.push_back("simulate.rate=" + rate);
            if (rate == "max") settings.push_back("simulate.speed=max");
          },
          "Trades per second, or max")
      ->type_name("RATE");
  add("--speed", "speed", "SPEED", "Of a recording: times real time, or max");
  add("--seed", "seed", "NUMBER", "Of the generated market and the misbehaviour");
  add("--symbols", "symbols", "COUNT", "Of the generated market; 0 takes the built-in ones");
  add("--port", "port", "PORT", "Where to listen; 0 takes any free one");
  add("--address", "address", "ADDRESS", "Where to listen");
  add("--token", "token", "TOKEN", "Refuse other tokens with 401");
  add("--symbols-max", "symbols_max", "COUNT", "Symbols that one connection may have");
  add("--misbehave", "misbehave", "LIST", "Such as duplicate=0.01,disconnect=30s");
  add("--ledger", "ledger_file", "FILE", "Write every frame sent, a JSON object a line");
  add("--certificate", "certificate_file", "FILE", "PEM; with --key the server speaks TLS");
  add("--key", "key_file", "FILE", "PEM of the certificate's key");
  add("--trades-per-frame", "trades_per_frame", "COUNT", "At most so many trades in a frame");
  command.add_flag_callback(
      "--shift-to-now", [&settings] { settings.push_back("simulate.shift_to_now=true"); },
      "Move a recording's times to the present (1x only)");
}

void add_query_options(CLI::App& command, QueryArguments& query, bool with_intervals) {
  command.add_option("--from", query.from, "Earliest time, RFC 3339 or ms since 1970");
  command.add_option("--to", query.to, "Time before which they lie");
  command.add_option("--format", query.format, "table, csv or json (a row a line)")
      ->check(CLI::IsMember({"table", "csv", "json", "jsonl"}));
  command.add_flag_callback(
      "--json", [&query] { query.format = "json"; }, "As --format json");
  command.add_option("--columns", query.columns, "Names of columns, joined with commas");
  if (!with_intervals) return;
  command
      .add_option("--intervals", query.intervals,
                  "Such as 1s,1m,5m; all that are kept if not given")
      ->delimiter(',');
  command.add_option("--basis", query.basis, "Which trades count")
      ->check(CLI::IsMember({"all", "eligible", "vendor"}))
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Exact bars from a live trade feed, with proof.", "tapeline");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tapeline ") + kVersion);
  app.footer(
      "Without a token `tapeline run` shows a simulated market; set FINNHUB_API_TOKEN for the real "
      "one.\nExit codes: 0 done, 1 failed, 2 wrong arguments or settings, 3 interrupted.");

  Common common;
  int code = kOk;

  RunArguments run_arguments;
  std::vector<std::string> symbols;
  std::string url;
  int port = -1;
  auto* run_command =
      app.add_subcommand("run", "Everything in one process: feed, log, bars, dashboard and API");
  common.add_to(*run_command);
  run_command->add_option("--replay", run_arguments.recordings, "Play recordings instead of a feed")
      ->type_name("FILE");
  run_command->add_option("--speed", run_arguments.speed, "Of a replay: times real time, or max")
      ->capture_default_str();
  run_command->add_option("--symbols", symbols, "What to subscribe, joined with commas")
      ->delimiter(',');
  run_command
      ->add_option("--url", url, "A server that speaks Finnhub's protocol, instead of Finnhub")
      ->type_name("URL");
  run_command->add_option("--port", port, "Where the dashboard listens; 0 takes any free port");
  run_command->add_flag("--exit-at-end", run_arguments.exit_at_end, "End when the recording has");
  run_command->callback([&] {
    std::vector<std::string> more;
    if (!symbols.empty()) more.push_back("feed.symbols=" + joined(symbols));
    if (!url.empty()) more.push_back("feed.url=" + url);
    if (port >= 0) more.push_back(fmt::format("serve.port={}", port));
    code = with_config(common, more, [&](Config& config) { return run(config, run_arguments); });
  });

  ReplayArguments replay_arguments;
  std::vector<std::string> replay_intervals;
  auto* replay_command =
      app.add_subcommand("replay", "Read recordings into log and bars; ends when all are final");
  common.add_to(*replay_command);
  replay_command->add_option("files", replay_arguments.files, "CSV or JSON lines, plain or gzip")
      ->required();
  replay_command->add_option("--speed", replay_arguments.speed, "Times real time, or max")
      ->capture_default_str();
  replay_command->add_option("--intervals", replay_intervals, "Of the bars, such as 1s,1m,5m")
      ->delimiter(',');
  replay_command->callback([&] {
    std::vector<std::string> more;
    if (!replay_intervals.empty()) more.push_back("engine.intervals=" + joined(replay_intervals));
    code =
        with_config(common, more, [&](Config& config) { return replay(config, replay_arguments); });
  });

  auto* simulate_command =
      app.add_subcommand("simulate", "A server that speaks Finnhub's WebSocket and REST");
  common.add_to(*simulate_command);
  std::vector<std::string> simulate_settings;
  add_simulate_options(*simulate_command, simulate_settings);
  simulate_command->callback([&] {
    code = with_config(common, simulate_settings, [](Config& config) { return run_simulator(config); });
  });

  QueryArguments query;
  const auto query_command = [&](const char* name, const char* help, const char* format,
                                 bool with_intervals, int (*body)(Config&, const QueryArguments&)) {
    auto* command = app.add_subcommand(name, help);
    common.add_to(*command);
    command->add_option("symbol", query.symbol,
                        "Such as AAPL or BINANCE:BTCUSDT; all if not given");
    add_query_options(*command, query, with_intervals);
    command->add_option("--limit", query.limit, "The newest so many (default 50; 0: all)");
    command->callback([&, body, format] {
      if (query.format.empty()) query.format = format;
      code = with_config(common, {}, [&](Config& config) { return body(config, query); });
    });
    command->preparse_callback([&](size_t) { query.limit = 50; });
  };
  query_command("bars", "Show bars", "table", true, query_bars);
  query_command("trades", "Show trades", "table", false, query_trades);
  query_command("gaps", "Show where data cannot be complete, and why", "table", false, query_gaps);

  auto* export_command = app.add_subcommand("export", "All bars or trades, in a stable form");
  export_command->require_subcommand(1);
  const auto export_subcommand = [&](const char* name, const char* help, bool with_intervals,
                                     int (*body)(Config&, const QueryArguments&)) {
    auto* command = export_command->add_subcommand(name, help);
    common.add_to(*command);
    command->add_option("--symbol", query.symbol, "Only this one");
    add_query_options(*command, query, with_intervals);
    command->callback([&, body] {
      if (query.format.empty()) query.format = "csv";
      code = with_config(common, {}, [&](Config& config) { return body(config, query); });
    });
  };
  export_subcommand("bars", "Sorted by symbol, interval, start", true, query_bars);
  export_subcommand("trades", "In the order of the log; can be replayed", false, query_trades);

  auto* check_command = app.add_subcommand(
      "check", "Try settings, credentials, connections and disk; say what to do");
  common.add_to(*check_command);
  check_command->callback(
      [&] { code = with_config(common, {}, [](Config& config) { return check(config); }); });

  bool effective = false;
  auto* config_command =
      app.add_subcommand("config", "Print all settings with their meaning and default");
  common.add_to(*config_command);
  config_command->add_flag("--effective", effective, "Print the values in force, secrets masked");
  config_command->callback([&] {
    code = with_config(common, {}, [&](Config& config) { return print_config(config, effective); });
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return code;
}
