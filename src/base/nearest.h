#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tapeline {

/// The one of `known` with the least edit distance to `word`, for "did you mean"; empty when none
/// is near.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace tapeline
