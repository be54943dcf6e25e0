#include "base/diag.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace tapeline::diag {
namespace {

struct State {
  std::mutex mutex;
  std::vector<std::string> secrets;                        // Guarded by mutex; longest first.
  std::function<void(Level, std::string_view)> sink;       // Guarded by mutex.
  Format format = Format::text;                            // Constant after configure().
  Level least = Level::info;                               // Constant after configure().
  std::shared_ptr<spdlog::logger> logger = make_logger();  // Thread-safe by itself.

  static std::shared_ptr<spdlog::logger> make_logger() {
    auto logger = std::make_shared<spdlog::logger>(
        "tapeline", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    set_pattern(*logger, Format::text);
    return logger;
  }

  static void set_pattern(spdlog::logger& logger, Format format) {
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        format == Format::json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}"
                               : "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v",
        spdlog::pattern_time_type::utc));
  }
};

State& state() {
  // Never destroyed: threads may still print while the process exits.
  static State& instance = *new State;
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string json_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void configure(Level least, Format format) {
  State& s = state();
  s.least = least;
  s.format = format;
  State::set_pattern(*s.logger, format);
}

void redact(std::string_view secret) {
  if (secret.empty()) return;
  State& s = state();
  const std::lock_guard lock(s.mutex);
  // Longest first: a secret that begins with another one must not leave its end behind.
  const auto place = std::find_if(s.secrets.begin(), s.secrets.end(),
                                  [&](const auto& other) { return other.size() < secret.size(); });
  s.secrets.emplace(place, secret);
}

std::string redacted(std::string_view text) {
  State& s = state();
  std::string out(text);
  const std::lock_guard lock(s.mutex);
  for (const std::string& secret : s.secrets)
    for (size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + 3))
      out.replace(at, secret.size(), "***");
  return out;
}

void write(Level level, std::string_view event, std::string_view message) {
  State& s = state();
  if (level < s.least) return;
  const std::string clean = redacted(message);
  {
    const std::lock_guard lock(s.mutex);
    if (s.sink) {
      s.sink(level, fmt::format("{}: {}", event, clean));
      return;
    }
  }
  if (s.format == Format::json)
    s.logger->log(to_spdlog(level), R"("event":"{}","message":"{}")", json_escaped(event),
                  json_escaped(clean));
  else
    s.logger->log(to_spdlog(level), "{}: {}", event, clean);
}

void set_sink(std::function<void(Level, std::string_view line)> sink) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.sink = std::move(sink);
}

}  // namespace tapeline::diag
