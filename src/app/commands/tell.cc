#include "app/commands/tell.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>

#include "app/commands/commands.h"
#include "base/diag.h"

namespace tapeline::app {
namespace {

std::optional<double> parse_speed(std::string_view text) {
  if (text == "max") return 0;
  if (text.ends_with('x') || text.ends_with('X')) text.remove_suffix(1);
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(speed) ||
      speed <= 0)
    return std::nullopt;
  return speed;
}

}  // namespace

int failed(const Error& error) {
  fmt::print(stderr, "tapeline: {}\n", diag::redacted(error.message()));
  return kFailed;
}

std::optional<double> speed_or_say(std::string_view text) {
  const auto speed = parse_speed(text);
  if (!speed)
    fmt::print(stderr, "tapeline: --speed {} is neither a positive number nor max\n", text);
  return speed;
}

}  // namespace tapeline::app
