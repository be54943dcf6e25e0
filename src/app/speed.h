#pragma once

#include <optional>
#include <string_view>

namespace tapeline::app {

/// "max" is 0; else a positive number, with or without an "x" behind it.
std::optional<double> parse_speed(std::string_view text);

}  // namespace tapeline::app
