#include "simulate/options.h"

#include <fmt/ranges.h>

#include <charconv>
#include <limits>
#include <optional>

namespace tapeline::simulate {
namespace {

constexpr double kGreatest = 1e9;

std::optional<double> number_or_max(std::string_view text, double least) {
  if (text == "max") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= least && value <= kGreatest)) return std::nullopt;
  return value;
}

}  // namespace

void declare(settings::Declarer& declarer, Options& options) {
  declarer.section("simulate", "The simulated feed: a server that speaks Finnhub's protocol.");
  declarer.text("address", options.address, "Where the simulator listens.");
  declarer.integer("port", options.port, 0, 65'535, "", "Its port; 0 takes any free one.");
  declarer.text("certificate_file", options.certificate_file,
                "Certificate chain in PEM; with simulate.key_file the simulator speaks TLS.");
  declarer.text("key_file", options.key_file, "Private key of the certificate in PEM.");
  declarer.secret("token", options.token,
                  "The only token that clients may use; without it any will do.");
  declarer.list(
      "recordings", options.recordings,
      "Files to serve one after the other, CSV or JSON lines, plain or gzip; without them "
      "the market is generated.");
  declarer.text("speed", options.speed,
                "How much faster than recorded: a number from 0.001, or max for as fast as the "
                "readers take it.");
  declarer.boolean("shift_to_now", options.shift_to_now,
                   "Whether a recording's times are moved so that it begins now (speed 1 only).");
  declarer.integer("subscription_wait_ms", options.subscription_wait_ms, 0, 600'000, "ms",
                   "A recording begins when all its symbols are subscribed, or when this long none "
                   "was added.");
  declarer.text("rate", options.rate,
                "Trades per second of the generated market: a number from 0.001, or max.");
  declarer.integer("symbols", options.symbols, 0, 1'000'000, "",
                   "Symbols of the generated market, SYM0001 and so on; 0: 24 well-known ones.");
  declarer.integer("seed", options.seed, 0, std::numeric_limits<int64_t>::max(), "",
                   "Where the market's and the misbehaviours' chance begins.");
  declarer.integer("trades_per_frame", options.trades_per_frame, 1, 10'000, "",
                   "The most trades in one frame.");
  declarer.integer("symbols_max", options.symbols_max, 1, 1'000'000, "",
                   "Symbols one connection may subscribe to.");
  declarer.integer("ping_interval_s", options.ping_interval_s, 1, 86'400, "s",
                   "After this long without a frame a ping is sent.");
  declarer.integer("rest_calls_per_min", options.rest_calls_per_min, 1, 1'000'000, "1/min",
                   "REST calls allowed in a minute; 30 in a second are allowed besides.");
  declarer.text("misbehave", options.misbehave,
                "What goes wrong, such as duplicate=0.01,disconnect=30s; the names are in "
                "src/simulate/README.md.");
  declarer.text("ledger_file", options.ledger_file,
                "Where every frame sent is written down as JSON lines; empty: nowhere.");
}

Result<ParsedOptions> parse(const Options& options) {
  std::vector<std::string> problems;
  ParsedOptions parsed;
  const auto speed = number_or_max(options.speed, 0.001);
  if (!speed)
    problems.push_back(
        fmt::format("simulate.speed must be a number from 0.001 to 1000000000 or max, not \"{}\"",
                    options.speed));
  parsed.speed = speed.value_or(1);
  const auto rate = number_or_max(options.rate, 0.001);
  if (!rate)
    problems.push_back(
        fmt::format("simulate.rate must be a number from 0.001 to 1000000000 or max, not \"{}\"",
                    options.rate));
  parsed.rate = rate.value_or(20);
  if (options.shift_to_now && parsed.speed != 1)
    problems.push_back(fmt::format(
        "simulate.shift_to_now goes with simulate.speed 1 only, not {}: shifted times would run "
        "ahead of the clock",
        options.speed));
  if (options.certificate_file.empty() != options.key_file.empty())
    problems.push_back(
        "simulate.certificate_file and simulate.key_file must both be given, or neither");
  if (auto misbehaviour = parse_misbehaviour(options.misbehave); misbehaviour.ok())
    parsed.misbehaviour = misbehaviour.value();
  else
    problems.push_back(misbehaviour.error().message());
  if (problems.empty()) return parsed;
  return make_error(ErrorCode::invalid, "{}", fmt::join(problems, "; "));
}

}  // namespace tapeline::simulate
