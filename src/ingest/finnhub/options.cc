#include "ingest/finnhub/options.h"

#include <fmt/format.h>

#include "base/diag.h"
#include "net/http.h"

namespace tapeline::ingest::finnhub {

namespace {

/// What is wrong with an address of which `plain` or `secure` is the scheme; empty when nothing is.
/// A token inside, as in the feed's own examples, would be shown with the settings: it is refused
/// and redacted from now on.
std::string wrong_address(std::string_view address, std::string_view plain,
                          std::string_view secure) {
  constexpr std::string_view kToken = "token=";
  if (const size_t at = address.find(kToken); at != std::string_view::npos) {
    const std::string_view rest = address.substr(at + kToken.size());
    diag::redact(rest.substr(0, rest.find_first_of("&#")));
    return "must not hold the token; give that as feed.token (FINNHUB_API_TOKEN)";
  }
  const bool scheme = address.starts_with(plain) || address.starts_with(secure);
  if (scheme && net::parse_url(address)) return {};
  return fmt::format("must be {}HOST[:PORT][/PATH] or {}HOST[:PORT][/PATH]", plain, secure);
}

void declare_address(settings::Declarer& declarer, Options& options) {
  declarer.text("url", options.url,
                "Address of the feed's WebSocket; the token is added to it. A simulator's is "
                "ws://127.0.0.1:PORT.");
  declarer.refine("feed.url", [&options] { return wrong_address(options.url, "ws://", "wss://"); });
  declarer.text("rest_url", options.rest_url,
                "Address of the REST interface: symbol search and validation.");
  declarer.refine("feed.rest_url",
                  [&options] { return wrong_address(options.rest_url, "http://", "https://"); });
  declarer.secret("token", options.token,
                  "The key of the feed; without one `run` simulates a market.");
  declarer.text("ca_file", options.ca_file,
                "PEM file of the authorities trusted for TLS; empty: the system's.");
  declarer.integer("connect_timeout_ms", options.connect_timeout_ms, 100, 600'000, "ms",
                   "Resolving, connecting, TLS and the WebSocket handshake may take this long.");
  declarer.integer("rest_timeout_ms", options.rest_timeout_ms, 100, 600'000, "ms",
                   "A REST call may take this long.");
  declarer.integer("message_bytes_max", options.message_bytes_max, 1 << 10, 256 << 20, "bytes",
                   "A larger message is put aside.");
}

void declare_symbols(settings::Declarer& declarer, Options& options) {
  declarer.list("symbols", options.symbols,
                "Symbols to subscribe to, such as AAPL or "
                "BINANCE:BTCUSDT.");
  declarer.boolean(
      "validate_symbols", options.validate_symbols,
      "Look a symbol up by REST before it is asked for; one that the feed does not know "
      "is left out and told. What cannot be looked up is asked for as it is.");
  declarer.integer("symbols_max", options.symbols_max, 1, 100'000, "symbols",
                   "How many symbols the plan of the key allows at once; a lower limit of the feed "
                   "is learned from its answers.");
  declarer.integer("subscribe_per_second", options.subscribe_per_second, 1, 10'000, "1/s",
                   "Subscriptions are sent no faster than this.");
  declarer.integer("refused_retry_ms", options.refused_retry_ms, 1'000, 86'400'000, "ms",
                   "A symbol that the feed calls invalid is tried again after this, then after "
                   "twice as long, up to eight times; valid ones were refused for 45 minutes.");
  declarer.integer("cap_retry_ms", options.cap_retry_ms, 1'000, 86'400'000, "ms",
                   "How often one symbol more than the learned limit is tried.");
  declarer.integer("stale_ms", options.stale_ms, 1'000, 86'400'000, "ms",
                   "A symbol without a trade for so long while its market is open is stale. When "
                   "all such symbols are, one of which had traded on the connection, the feed is "
                   "taken for frozen: a gap since the last trade, and a new connection.");
}

void declare_connection(settings::Declarer& declarer, Options& options) {
  declarer.integer("watchdog_ms", options.watchdog_ms, 1'000, 86'400'000, "ms",
                   "Without any frame for so long the connection is taken for dead and made anew; "
                   "the feed pings about once a minute.");
  declarer.integer("frozen_ms", options.frozen_ms, 1'000, 3'600'000, "ms",
                   "When the program stood still for so long (a suspended laptop), it connects "
                   "anew and records a gap.");
  declarer.integer("backoff_first_ms", options.backoff_first_ms, 1, 3'600'000, "ms",
                   "Greatest wait after one failure; it doubles with each, with full jitter.");
  declarer.integer("backoff_max_ms", options.backoff_max_ms, 1, 3'600'000, "ms",
                   "Greatest wait between attempts.");
  declarer.integer("backoff_refused_ms", options.backoff_refused_ms, 0, 3'600'000, "ms",
                   "Least wait after the feed refused the token or asked to slow down.");
  declarer.integer("stable_ms", options.stable_ms, 0, 3'600'000, "ms",
                   "A connection of this length resets the waits.");
}

}  // namespace

void declare(settings::Declarer& declarer, Options& options) {
  declarer.section("feed", "Where trades come from.");
  declare_address(declarer, options);
  declare_symbols(declarer, options);
  declare_connection(declarer, options);
}

}  // namespace tapeline::ingest::finnhub
