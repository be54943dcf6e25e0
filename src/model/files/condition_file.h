#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/conditions.h"

namespace tapeline::model {

struct ConditionFile {
  ConditionTable table;
  std::vector<ConditionName> names;  ///< By code.
};

/// A table from the TOML of config/conditions. `name` stands in the errors, each of which says
/// which entry is wrong and how.
///
///     [[condition]]
///       code, name             a number from 1 to 255; words
///       last                   true, false, "conditional"
///       high_low, volume       true, false
///       letter                 of the US tape, one character; of at most one code
///       session                "extended", "closing"
///       unverified             true: it must then have all rights
Result<ConditionFile> parse_condition_file(std::string_view toml, std::string_view name);

}  // namespace tapeline::model
