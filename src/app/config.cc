#include "app/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace tapeline::app {

Config::Config() {
  declarer.section("data", "Where the tape is kept.");
  declarer.text("directory", data.directory,
                "Folder of log and bars; empty: one per feed below the user's data folder.");
  declarer.text(
      "feed", data.feed,
      "Name of the feed that the folder holds; empty: finnhub, simulated or recording, by "
      "what is run.");
  declarer.refine("data.feed", [this]() -> std::string {
    const bool plain = std::all_of(data.feed.begin(), data.feed.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
    return plain ? "" : "must be made of letters, digits, - and _";
  });
  declarer.section("diag", "What the program prints about itself, on standard error.");
  declarer.choice("level", diag.level, {"debug", "info", "warning", "error"},
                  "The least important lines that are printed.");
  declarer.choice("format", diag.format, {"auto", "text", "json"},
                  "Lines for people or JSON; auto: people on a terminal.");
  declarer.section("log", "The durable log: Avro segments.");
  log::declare(declarer, log);
  declarer.section("dead_letters", "What was put aside, with its reason.");
  declarer.integer(
      "bytes_max", dead_letters.bytes_max, 1 << 20, int64_t{1} << 40, "bytes",
      "Beyond this the oldest are removed: by `run` every log.retention_every_ms, by a "
      "replay while it goes on, and at the end of both.");
  ingest::finnhub::declare(declarer, feed);
  ingest::declare(declarer, ingest);
  engine::declare(declarer, engine, content);
  declare(declarer, pipeline);
  store::declare(declarer, store);
  serve::declare(declarer, serve);
  simulate::declare(declarer, simulate);
}

void Config::apply_diagnostics() const {
  using tapeline::diag::Format;
  using tapeline::diag::Level;
  const Level level = diag.level == "debug"     ? Level::debug
                      : diag.level == "warning" ? Level::warning
                      : diag.level == "error"   ? Level::error
                                                : Level::info;
  const bool text = diag.format == "text" || (diag.format == "auto" && isatty(STDERR_FILENO) != 0);
  tapeline::diag::configure(level, text ? Format::text : Format::json);
}

std::string Config::data_directory(const std::string& feed_name) const {
  if (!data.directory.empty()) return data.directory;
  const char* base = std::getenv("XDG_DATA_HOME");
  if (base != nullptr && *base != '\0') return fmt::format("{}/tapeline/{}", base, feed_name);
  const char* home = std::getenv("HOME");
  return fmt::format("{}/.local/share/tapeline/{}", home != nullptr ? home : ".", feed_name);
}

}  // namespace tapeline::app
