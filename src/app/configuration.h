#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/settings.h"

namespace tapeline::app {

/// Where settings come from, weakest first: file, environment, command line.
struct ConfigurationInputs {
  std::string file;  ///< TOML; empty: none.
  /// Name and value of each environment variable of the process.
  std::vector<std::pair<std::string, std::string>> environment;
  /// "key=value" as given by --set.
  std::vector<std::string> overrides;
};

/// Sets everything declared from the inputs. Returns all problems at once, a sentence each, naming
/// the place, the key, the allowed range and the nearest known key; empty when all is well.
std::vector<std::string> load_configuration(settings::Declarer& declarer, FileSystem& files,
                                            const ConfigurationInputs& inputs);

/// "log.group_ms_max" is TAPELINE_LOG_GROUP_MS_MAX in the environment.
std::string environment_name(const std::string& key);

/// A TOML file that says what every setting does, with its unit, range, environment variable and
/// default. With `present_values` the values in force instead; secrets are masked.
std::string annotated_configuration(const settings::Declarer& declarer, bool present_values);

/// The process's environment.
std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace tapeline::app
