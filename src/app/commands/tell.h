#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

/// What subcommands tell the person who called them, as a line on standard error.
namespace tapeline::app {

/// Tells why a command failed, secrets masked. Returns kFailed.
int failed(const Error& error);

/// The value of --speed, a factor on real time: "max" is 0; else a positive number, with or without
/// an "x" behind it. Tells what is wrong with any other text.
std::optional<double> speed_or_say(std::string_view text);

}  // namespace tapeline::app
