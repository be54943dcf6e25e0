#include "app/speed.h"

#include <charconv>
#include <cmath>

namespace tapeline::app {

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

}  // namespace tapeline::app
