#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

/// What the program prints about itself ("log" is the durable log). One line an event, on
/// standard error; text on a terminal, JSON lines otherwise or on request. Secrets registered with
/// `redact` never appear. Thread-safe.
namespace tapeline::diag {

enum class Level { debug, info, warning, error };

enum class Format { text, json };

/// Call once, before other threads start.
void configure(Level least, Format format);

/// From now on every occurrence of `secret` is printed as `***`. Empty secrets are ignored.
void redact(std::string_view secret);

/// `text` with every registered secret replaced.
std::string redacted(std::string_view text);

/// `event` is a constant such as "feed_connected": the same name as the metric's and the test's.
void write(Level level, std::string_view event, std::string_view message);

template <typename... Args>
void info(std::string_view event, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(std::string_view event, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view event, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, event, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(std::string_view event, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, event, fmt::format(format, std::forward<Args>(args)...));
}

/// Replaces where finished lines go; tests collect them. An empty function restores stderr.
void set_sink(std::function<void(Level, std::string_view line)> sink);

}  // namespace tapeline::diag
