#pragma once

#include <fmt/format.h>

#include <string_view>

namespace tapeline {

/// Ends the process after printing what was expected, where, and the values. Never returns.
[[noreturn]] void check_failed(std::string_view condition, std::string_view file, int line,
                               std::string_view message);

}  // namespace tapeline

/// Stops the program when a condition that only a bug can break is false. On in every build.
/// Further arguments are a format string and its values.
#define CHECK(condition, ...)                                                     \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::tapeline::check_failed(#condition, __FILE__, __LINE__,                    \
                               ::tapeline::internal::check_message(__VA_ARGS__)); \
  } while (false)

namespace tapeline::internal {

inline std::string check_message() {
  return {};
}

template <typename... Args>
std::string check_message(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

}  // namespace tapeline::internal
