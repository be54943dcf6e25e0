#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace tapeline::app {

/// What is wrong with the arguments, and what to do, in one line without its end: names the
/// command, the unknown word or option and the nearest known one. For a parse of `app` that
/// failed with `error`.
std::string explain_usage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace tapeline::app
