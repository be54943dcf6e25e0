#include "app/configuration.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/diag.h"
#include "base/units.h"

namespace tapeline::app {
namespace {

constexpr uint64_t kFileBytesMax = 1_MiB;
constexpr std::string_view kPrefix = "TAPELINE_";

/// Names with our prefix that are no settings: the test suite's own.
constexpr std::array<std::string_view, 4> kOtherNames = {
    "TAPELINE_BIN", "TAPELINE_RECORDINGS", "TAPELINE_CONFIG", "TAPELINE_UPDATE_GOLDEN"};

/// The names that the pipelines before us used; see docs/migrating.md.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPredecessorNames = {{
    {"FINNHUB_API_TOKEN", "feed.token"},
    {"FINNHUB_STOCKS_TICKERS", "feed.symbols"},
    {"FINNHUB_VALIDATE_TICKERS", "feed.validate_symbols"},
}};

std::string unknown(const settings::Declarer& declarer, std::string_view key,
                    std::string_view place) {
  const std::string nearest = declarer.nearest(key);
  if (nearest.empty())
    return fmt::format("{} ({}) is not a setting; `tapeline config` lists them all", key, place);
  return fmt::format("{} ({}) is not a setting; did you mean {}?", key, place, nearest);
}

class Loader {
 public:
  Loader(settings::Declarer& declarer, FileSystem& files) : declarer_(declarer), files_(files) {}

  void file(const std::string& path) {
    const auto text = files_.read_all(path, kFileBytesMax);
    if (!text) {
      problems_.push_back(text.error().message());
      return;
    }
    try {
      const toml::table table = toml::parse(text.value(), path);
      walk(table, "", path);
    } catch (const toml::parse_error& error) {
      problems_.push_back(fmt::format("{}:{}: {}", path, error.source().begin.line,
                                      std::string_view(error.description())));
    }
  }

  void environment(const std::vector<std::pair<std::string, std::string>>& variables) {
    for (const auto& [name, key] : kPredecessorNames)
      for (const auto& [variable, value] : variables)
        if (variable == name && !value.empty()) set(std::string(key), unlisted(value), variable);
    for (const auto& [variable, value] : variables) {
      if (!variable.starts_with(kPrefix) ||
          std::find(kOtherNames.begin(), kOtherNames.end(), variable) != kOtherNames.end())
        continue;
      if (const settings::Setting* setting = by_environment_name(variable))
        set(setting->key, value, "environment " + variable);
      else
        problems_.push_back(unknown_variable(variable));
    }
  }

  void overrides(const std::vector<std::string>& pairs) {
    for (const std::string& pair : pairs) {
      const auto equals = pair.find('=');
      if (equals == std::string::npos || equals == 0)
        problems_.push_back(fmt::format("--set {}: expected key=value", pair));
      else
        set(pair.substr(0, equals), pair.substr(equals + 1), "command line");
    }
  }

  std::vector<std::string> take_problems() { return std::move(problems_); }

 private:
  void walk(const toml::table& table, const std::string& prefix, const std::string& path) {
    for (const auto& [name, node] : table) {
      const std::string key =
          prefix.empty() ? std::string(name.str()) : fmt::format("{}.{}", prefix, name.str());
      const std::string place = fmt::format("{}:{}", path, node.source().begin.line);
      if (const toml::table* below = node.as_table()) {
        walk(*below, key, path);
      } else if (const auto text = as_text(node)) {
        set(key, *text, place);
      } else {
        problems_.push_back(fmt::format(
            "{} ({}): must be text, a number, true or false, or a list of them", key, place));
      }
    }
  }

  static std::optional<std::string> as_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
    if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
    if (const auto* array = node.as_array()) {
      std::string joined;
      for (const toml::node& item : *array) {
        const auto text = as_text(item);
        if (!text) return std::nullopt;
        if (!joined.empty()) joined += ',';
        joined += *text;
      }
      return joined;
    }
    return std::nullopt;
  }

  /// The predecessors wrote lists as JSON: ["AAPL", "MSFT"].
  static std::string unlisted(std::string text) {
    if (text.starts_with('['))
      std::erase_if(text, [](char c) { return c == '[' || c == ']' || c == '"' || c == '\''; });
    if (text == "0") return "false";
    if (text == "1") return "true";
    return text;
  }

  const settings::Setting* by_environment_name(const std::string& variable) const {
    for (const settings::Setting& setting : declarer_.all())
      if (environment_name(setting.key) == variable) return &setting;
    return nullptr;
  }

  std::string unknown_variable(const std::string& variable) const {
    std::string guess = variable.substr(kPrefix.size());
    std::transform(guess.begin(), guess.end(), guess.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::replace(guess.begin(), guess.end(), '_', '.');
    std::string nearest;
    size_t best = 0;
    // Compared without separators, as the variable's name has lost the difference.
    const auto flat = [](std::string text) {
      std::erase_if(text, [](char c) { return c == '.' || c == '_'; });
      return text;
    };
    for (const settings::Setting& setting : declarer_.all()) {
      const std::string a = flat(setting.key), b = flat(guess);
      const auto same = static_cast<size_t>(
          std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
      if (same > best && same * 2 >= a.size()) {
        best = same;
        nearest = setting.key;
      }
    }
    if (nearest.empty())
      return fmt::format("environment {} is not a setting; `tapeline config` lists them all",
                         variable);
    return fmt::format("environment {} is not a setting; did you mean {}?", variable,
                       environment_name(nearest));
  }

  void set(const std::string& key, const std::string& value, std::string_view place) {
    const settings::Setting* setting = declarer_.find(key);
    if (setting == nullptr) {
      problems_.push_back(unknown(declarer_, key, place));
      return;
    }
    if (setting->secret) diag::redact(value);
    if (const std::string wrong = setting->set(value); !wrong.empty())
      problems_.push_back(
          fmt::format("{} = {} ({}): {}", key, setting->secret ? "***" : value, place, wrong));
  }

  settings::Declarer& declarer_;
  FileSystem& files_;
  std::vector<std::string> problems_;
};

std::string toml_value(const settings::Setting& setting, const std::string& value) {
  if (setting.kind == settings::Kind::text) return fmt::format("{:?}", value);
  if (setting.kind != settings::Kind::list) return value;
  std::string out = "[";
  for (size_t at = 0; at < value.size();) {
    const size_t comma = std::min(value.find(',', at), value.size());
    out += fmt::format("{}{:?}", at == 0 ? "" : ", ", value.substr(at, comma - at));
    at = comma + 1;
  }
  return out + "]";
}

}  // namespace

std::vector<std::string> load_configuration(settings::Declarer& declarer, FileSystem& files,
                                            const ConfigurationInputs& inputs) {
  Loader loader(declarer, files);
  if (!inputs.file.empty()) loader.file(inputs.file);
  loader.environment(inputs.environment);
  loader.overrides(inputs.overrides);
  return loader.take_problems();
}

std::string environment_name(const std::string& key) {
  std::string name(kPrefix);
  for (const char c : key)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string annotated_configuration(const settings::Declarer& declarer, bool present_values) {
  std::string out =
      "# Tapeline's settings. Each can be given in a file like this (--config FILE), by the\n"
      "# environment variable named beside it, or by --set key=value, the later the stronger.\n";
  for (const auto& section : declarer.sections()) {
    out += fmt::format("\n# {}\n[{}]\n", section.sentence, section.name);
    for (const settings::Setting& setting : declarer.all()) {
      const auto dot = setting.key.find('.');
      if (setting.key.substr(0, dot) != section.name) continue;
      out += fmt::format("\n# {}\n# {}{}{}. Environment: {}\n", setting.sentence, setting.range,
                         setting.unit.empty() ? "" : ", ", setting.unit,
                         environment_name(setting.key));
      std::string value = present_values ? setting.get() : setting.fallback;
      if (setting.secret && !value.empty()) value = "***";
      out += fmt::format("{} = {}\n", setting.key.substr(dot + 1), toml_value(setting, value));
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos)
      variables.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

}  // namespace tapeline::app
