#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <functional>

#include "app/commands/commands.h"
#include "app/configuration.h"
#include "app/usage.h"
#include "app/version.h"
#include "base/mutant.h"

namespace {

using namespace tapeline;
using namespace tapeline::app;

static_assert(!kHasMutants, "what people run has no bugs put in; make `tapeline_simulation` only");

/// What every subcommand that touches data takes.
struct Common {
  ConfigurationInputs inputs;
  std::string data_dir;
  std::string feed;

  void add_to(CLI::App& command) {
    command.add_option("--config", inputs.file, "Read settings from this file (TOML)")
        ->type_name("FILE");
    command.add_option("--set", inputs.overrides, "Give one setting as key=value; can be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command
        .add_option(
            "--data-dir", data_dir,
            "Keep log and bars here; default: one directory per feed in the user's data folder")
        ->type_name("DIR");
    command
        .add_option("--feed", feed,
                    "Name the feed that the data directory holds: finnhub, simulated, recording or "
                    "your own")
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
          "Serve these recordings instead of a generated market")
      ->type_name("FILE");
  command
      .add_option_function<std::string>(
          "--rate",
          [&settings](const std::string& rate) {
            settings.push_back("simulate.rate=" + rate);
            if (rate == "max") settings.push_back("simulate.speed=max");
          },
          "Send so many trades per second, or as fast as they are taken: max")
      ->type_name("RATE");
  add("--speed", "speed", "SPEED", "Serve a recording at this multiple of its own pace, or max");
  add("--seed", "seed", "NUMBER", "Choose market and misbehaviour; the same seed gives the same");
  add("--symbols", "symbols", "COUNT", "Generate so many symbols; 0 takes the built-in ones");
  add("--port", "port", "PORT", "Listen on this port; 0 takes any free one");
  add("--address", "address", "ADDRESS", "Listen on this address");
  add("--token", "token", "TOKEN", "Accept this token only; others get 401");
  add("--symbols-max", "symbols_max", "COUNT", "Let one connection subscribe to so many symbols");
  add("--misbehave", "misbehave", "LIST",
      "Misbehave as listed, such as duplicate=0.01,disconnect=30s");
  add("--ledger", "ledger_file", "FILE",
      "Write every frame sent to this file, a JSON object a line");
  add("--certificate", "certificate_file", "FILE",
      "Speak TLS with this certificate (PEM); needs --key");
  add("--key", "key_file", "FILE", "The certificate's key (PEM)");
  add("--trades-per-frame", "trades_per_frame", "COUNT", "Put at most so many trades in a frame");
  command.add_flag_callback(
      "--shift-to-now", [&settings] { settings.push_back("simulate.shift_to_now=true"); },
      "Move a recording's times to the present (at speed 1 only)");
}

void add_query_options(CLI::App& command, QueryArguments& query, bool with_intervals) {
  command.add_option("--from", query.from,
                     "Leave out what is before this time (RFC 3339, or ms since 1970)");
  command.add_option("--to", query.to, "Leave out what is at or after this time");
  command.add_option("--format", query.format, "Print as table, csv, or json (one object a line)")
      ->check(CLI::IsMember({"table", "csv", "json", "jsonl"}));
  command.add_flag_callback(
      "--json", [&query] { query.format = "json"; }, "Print as --format json does");
  command.add_option("--columns", query.columns, "Print these columns only, joined with commas");
  if (!with_intervals) return;
  command
      .add_option("--intervals", query.intervals,
                  "Show bars of these intervals, such as 1s,1m,5m; all that are kept if not given")
      ->delimiter(',');
  command.add_option("--basis", query.basis, "Show bars of this basis: which trades count")
      ->check(CLI::IsMember({"all", "eligible"}))
      ->capture_default_str();
}

/// Empty when `text` is a whole number from 0, else what it should be.
std::string is_count(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 0) return "";
  return fmt::format("{} is no whole number from 0", text);
}

/// The subcommands of `dead-letters`, each made by `add`.
template <typename Add>
void add_dead_letter_options(Add&& add, DeadLetterArguments& letters) {
  const auto add_filters = [&](CLI::App& command) {
    command.add_option("--reason", letters.reason, "Only those put aside for this reason");
    command.add_option("--source", letters.source, "Only those of this source");
    command.add_option("--from", letters.query.from,
                       "Only those received at or after this time (RFC 3339, or ms since 1970)");
    command.add_option("--to", letters.query.to, "Only those received before this time");
  };
  const auto add_format = [&](CLI::App& command) {
    command.add_flag_callback(
        "--json", [&letters] { letters.query.format = "json"; },
        "Print as JSON, one object a line");
  };

  CLI::App* list = add("list", "Show dead letters, the newest last", list_dead_letters);
  add_filters(*list);
  add_format(*list);
  list->add_flag_callback(
      "--csv", [&letters] { letters.query.format = "csv"; }, "Print as CSV");
  list->add_option("--columns", letters.query.columns,
                   "Print these columns only, joined with commas");
  list->add_option("--limit", letters.query.limit,
                   "Show the newest so many (default 50; 0 shows all)")
      ->type_name("COUNT")
      ->check(is_count, "");
  list->add_option("--before", letters.before, "Only those with a smaller id: the next page back")
      ->type_name("ID")
      ->check(is_count, "");
  list->preparse_callback([&letters](size_t) { letters.query.limit = 50; });

  CLI::App* show = add("show", "Show one dead letter with all its bytes", show_dead_letter);
  show->add_option("id", letters.ids, "Its id, as `list` shows it")
      ->type_name("ID")
      ->check(is_count, "")
      ->required()
      ->expected(1);
  add_format(*show);
  show->add_flag("--raw", letters.raw, "Write the bytes as they were received, and nothing else");

  CLI::App* replay =
      add("replay", "Read dead letters again and put in what is valid now, each once",
          replay_dead_letters);
  replay->add_option("ids", letters.ids, "Only these, by id as `list` shows it")
      ->type_name("ID")
      ->check(is_count, "");
  add_filters(*replay);
  add_format(*replay);
  replay->add_flag("--all", letters.all, "Every dead letter that is kept");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Exact bars from a live trade feed, with proof.", "tapeline");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tapeline ") + kVersion);
  app.footer(
      "Without a token `tapeline run` shows a simulated market; set FINNHUB_API_TOKEN for the real "
      "one.\nExit codes: 0 done, 1 failed, 2 wrong arguments or settings, 3 interrupted,\n"
      "4 different (verify), 5 no longer verifiable (verify, recompute).");

  Common common;
  int code = kOk;

  RunArguments run_arguments;
  std::vector<std::string> symbols;
  std::string url;
  std::string port;
  auto* run_command =
      app.add_subcommand("run", "Do everything in one process: feed, log, bars, dashboard and API");
  common.add_to(*run_command);
  auto* replay_option = run_command
                            ->add_option("--replay", run_arguments.recordings,
                                         "Play these recordings instead of connecting to a feed")
                            ->type_name("FILE");
  run_command
      ->add_option("--speed", run_arguments.speed,
                   "Play at this multiple of the recording's own pace, or max")
      ->capture_default_str();
  const auto* symbols_option =
      run_command
          ->add_option("--symbols", symbols, "Subscribe to these symbols, joined with commas")
          ->delimiter(',');
  run_command
      ->add_option("--url", url,
                   "Connect to this server, which speaks Finnhub's protocol, instead of Finnhub")
      ->type_name("URL")
      ->excludes(replay_option);
  run_command
      ->add_option("--port", port, "Serve dashboard and API on this port; 0 takes any free one")
      ->type_name("PORT");
  run_command->add_flag("--exit-at-end", run_arguments.exit_at_end,
                        "End when the recording has ended and its bars are final");
  run_command->callback([&] {
    std::erase(symbols, std::string());
    if (symbols_option->count() > 0 && symbols.empty()) {
      fmt::print(stderr,
                 "tapeline: --symbols names no symbol; leave it out to take feed.symbols\n");
      code = kUsage;
      return;
    }
    std::vector<std::string> more;
    if (!symbols.empty()) more.push_back("feed.symbols=" + joined(symbols));
    if (!url.empty()) more.push_back("feed.url=" + url);
    if (!port.empty()) more.push_back("serve.port=" + port);
    code = with_config(common, more, [&](Config& config) { return run(config, run_arguments); });
  });

  ReplayArguments replay_arguments;
  std::vector<std::string> replay_intervals;
  auto* replay_command =
      app.add_subcommand("replay", "Read recordings into log and bars; ends when all are final");
  common.add_to(*replay_command);
  replay_command
      ->add_option("files", replay_arguments.files,
                   "The recordings: CSV or JSON lines, plain or gzip")
      ->required();
  replay_command
      ->add_option("--speed", replay_arguments.speed,
                   "Play at this multiple of the recording's own pace, or max")
      ->capture_default_str();
  replay_command
      ->add_option("--intervals", replay_intervals,
                   "Keep bars of these intervals, such as 1s,1m,5m")
      ->delimiter(',');
  replay_command->callback([&] {
    std::vector<std::string> more;
    if (!replay_intervals.empty()) more.push_back("engine.intervals=" + joined(replay_intervals));
    code =
        with_config(common, more, [&](Config& config) { return replay(config, replay_arguments); });
  });

  auto* simulate_command =
      app.add_subcommand("simulate", "Serve a market that speaks Finnhub's WebSocket and REST");
  common.add_to(*simulate_command);
  std::vector<std::string> simulate_settings;
  add_simulate_options(*simulate_command, simulate_settings);
  simulate_command->callback([&] {
    code = with_config(common, simulate_settings,
                       [](Config& config) { return run_simulator(config); });
  });

  QueryArguments query;
  const auto query_command = [&](const char* name, const char* help, const char* format,
                                 bool with_intervals, int (*body)(Config&, const QueryArguments&)) {
    auto* command = app.add_subcommand(name, help);
    common.add_to(*command);
    command->add_option("symbol", query.symbol,
                        "Show this symbol only, such as AAPL or BINANCE:BTCUSDT");
    add_query_options(*command, query, with_intervals);
    command->add_option("--limit", query.limit, "Show the newest so many (default 50; 0 shows all)")
        ->type_name("COUNT")
        ->check(is_count, "");
    command->callback([&, body, format] {
      if (query.format.empty()) query.format = format;
      query.with_digest = true;
      code = with_config(common, {}, [&](Config& config) { return body(config, query); });
    });
    command->preparse_callback([&](size_t) { query.limit = 50; });
  };
  query_command("bars", "Show bars", "table", true, query_bars);
  query_command("trades", "Show trades", "table", false, query_trades);
  query_command("gaps", "Show where data cannot be complete, and why", "table", false, query_gaps);

  DeadLetterArguments letters;
  auto* letters_command =
      app.add_subcommand("dead-letters", "Look at what was put aside, and put it in after a fix");
  letters_command->require_subcommand(1);
  const auto letters_subcommand = [&](const char* name, const char* help,
                                      int (*body)(Config&, const DeadLetterArguments&)) {
    auto* command = letters_command->add_subcommand(name, help);
    common.add_to(*command);
    command->callback([&, body] {
      if (letters.query.format.empty()) letters.query.format = "table";
      code = with_config(common, {}, [&](Config& config) { return body(config, letters); });
    });
    return command;
  };
  add_dead_letter_options(letters_subcommand, letters);

  auto* export_command = app.add_subcommand("export", "Print all bars or trades in a stable form");
  export_command->require_subcommand(1);
  const auto export_subcommand = [&](const char* name, const char* help, bool with_intervals,
                                     int (*body)(Config&, const QueryArguments&)) {
    auto* command = export_command->add_subcommand(name, help);
    common.add_to(*command);
    command->add_option("--symbol", query.symbol, "Export this symbol only");
    add_query_options(*command, query, with_intervals);
    command->callback([&, body] {
      if (query.format.empty()) query.format = "csv";
      code = with_config(common, {}, [&](Config& config) { return body(config, query); });
    });
  };
  export_subcommand("bars", "Print bars sorted by symbol, interval and start", true, query_bars);
  export_subcommand("trades", "Print trades by symbol, in a form that can be replayed", false,
                    query_trades);

  auto* checkpoint_command = app.add_subcommand(
      "checkpoint", "Look at the checkpoint that a start goes on from, or drop it");
  checkpoint_command->require_subcommand(1);
  bool checkpoint_json = false;
  auto* checkpoint_show = checkpoint_command->add_subcommand("show", "Print what it holds");
  common.add_to(*checkpoint_show);
  checkpoint_show->add_flag("--json", checkpoint_json, "Print one JSON object");
  checkpoint_show->callback([&] {
    code = with_config(common, {},
                       [&](Config& config) { return show_checkpoint(config, checkpoint_json); });
  });
  auto* checkpoint_reset = checkpoint_command->add_subcommand(
      "reset", "Drop it: the next start rebuilds it from the log's newest snapshot");
  common.add_to(*checkpoint_reset);
  checkpoint_reset->callback([&] { code = with_config(common, {}, reset_checkpoint); });

  VerifyArguments verify_arguments;
  auto* verify_command = app.add_subcommand(
      "verify", "Work out the bars anew from the log and compare them with the store");
  common.add_to(*verify_command);
  verify_command->add_option("--from", verify_arguments.from,
                             "Leave out bars that start before this time");
  verify_command->add_option("--to", verify_arguments.to,
                             "Leave out bars that start at or after this time");
  verify_command->add_option("--symbol", verify_arguments.symbol, "Compare this symbol only");
  verify_command
      ->add_option("--limit", verify_arguments.limit,
                   "Show at most so many differences (0 shows all)")
      ->check(is_count)
      ->capture_default_str();
  verify_command->add_flag("--json", verify_arguments.json, "Print one JSON object");
  verify_command->callback([&] {
    code = with_config(common, {},
                       [&](Config& config) { return verify_bars(config, verify_arguments); });
  });

  ExplainArguments explain_arguments;
  auto* explain_command = app.add_subcommand(
      "explain", "Show what one bar is made of: its trades, revisions, coverage and gaps");
  common.add_to(*explain_command);
  explain_command->add_option("symbol", explain_arguments.symbol, "The bar's symbol")->required();
  explain_command->add_option("interval", explain_arguments.interval, "Its length, such as 1m")
      ->required();
  explain_command
      ->add_option("start", explain_arguments.start,
                   "Its start, or any time in it (RFC 3339, or ms since 1970)")
      ->required();
  explain_command
      ->add_option("--basis", explain_arguments.basis,
                   "The bar of this basis: which trades count in it")
      ->check(CLI::IsMember({"all", "eligible"}))
      ->capture_default_str();
  explain_command
      ->add_option("--limit", explain_arguments.limit,
                   "Show at most so many rows of each list (0 shows all)")
      ->check(is_count)
      ->capture_default_str();
  explain_command->add_flag("--json", explain_arguments.json, "Print one JSON object");
  explain_command->callback([&] {
    code = with_config(common, {},
                       [&](Config& config) { return explain_bar(config, explain_arguments); });
  });

  RecomputeArguments recompute_arguments;
  auto* recompute_command = app.add_subcommand(
      "recompute", "Make bars anew from the log of a closed directory; says what changed");
  common.add_to(*recompute_command);
  recompute_command
      ->add_option("--from", recompute_arguments.from,
                   "Bars that begin at or after this time (RFC 3339, or ms since 1970)")
      ->required();
  recompute_command->add_option("--to", recompute_arguments.to, "Bars that begin before this time")
      ->required();
  recompute_command->add_option("--symbol", recompute_arguments.symbol, "Of this symbol only");
  recompute_command->add_flag("--dry-run", recompute_arguments.dry_run,
                              "Only say what would change");
  recompute_command->add_flag("--json", recompute_arguments.json, "Print one JSON object a line");
  recompute_command->callback([&] {
    code = with_config(common, {},
                       [&](Config& config) { return recompute_bars(config, recompute_arguments); });
  });

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
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app.exit(error);
      return kOk;
    }
    fmt::print(stderr, "{}\n", diag::redacted(explain_usage(app, error)));
    return kUsage;
  }
  return code;
}
