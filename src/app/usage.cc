#include "app/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/nearest.h"

namespace tapeline::app {
namespace {

/// "tapeline export bars": the commands that were understood, and the last of them.
struct Place {
  const CLI::App* command;
  std::string words;
};

Place place_of(const CLI::App& app) {
  Place place{&app, app.get_name()};
  while (true) {
    const auto below = place.command->get_subcommands();
    if (below.empty()) return place;
    place.command = below.front();
    place.words += " " + place.command->get_name();
  }
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_name().empty()) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string unknown(const Place& place, const std::string& word) {
  const bool is_option = word.starts_with('-');
  const auto commands = commands_of(*place.command);
  if (!is_option && commands.empty())
    return fmt::format("{} does not take \"{}\"", place.words, word);
  const auto known = is_option ? options_of(*place.command) : commands;
  const std::string nearest = nearest_word(word.substr(0, word.find('=')), known);
  const std::string what = is_option ? fmt::format("{} has no option {}", place.words, word)
                                     : fmt::format("{} has no command {}", place.words, word);
  if (!nearest.empty()) return fmt::format("{}; did you mean {}?", what, nearest);
  return is_option ? what : fmt::format("{}; it has {}", what, joined(commands));
}

}  // namespace

std::string explain_usage(const CLI::App& app, const CLI::ParseError& error) {
  const Place place = place_of(app);
  const auto see = [&place](const std::string& what) {
    return fmt::format("{} (`{} --help` shows all)", what, place.words);
  };
  const std::vector<std::string> left = app.remaining(true);
  if (!left.empty()) {
    // An unknown command leaves its options over, and an unknown option its value.
    const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
    const bool wants_command = !commands_of(*place.command).empty();
    const auto word = wants_command ? std::find_if_not(left.begin(), left.end(), is_option)
                                    : std::find_if(left.begin(), left.end(), is_option);
    return see(unknown(place, word == left.end() ? left.front() : *word));
  }
  if (const auto commands = commands_of(*place.command);
      !commands.empty() && place.command->get_subcommands().empty())
    return see(fmt::format("{} needs a command: {}", place.words, joined(commands)));
  const std::string what = error.what();
  if (const auto at = what.find(" is required"); at != std::string::npos)
    return see(fmt::format("{} needs {}", place.words, what.substr(0, at)));
  return see(fmt::format("{}: {}", place.words, what));
}

}  // namespace tapeline::app
