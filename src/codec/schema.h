#pragma once

#include <string>
#include <string_view>

namespace tapeline::codec {

/// JSON without the white space between its tokens.
std::string minified(std::string_view json);

}  // namespace tapeline::codec
