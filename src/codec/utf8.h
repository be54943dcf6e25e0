#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tapeline::codec {

/// Whether `bytes` is UTF-8 without overlong forms, surrogates or code points above U+10FFFF. Fast
/// for ASCII, which nearly all is.
bool is_utf8(std::string_view bytes);

/// Appends the UTF-8 of `code_point`, which is at most U+10FFFF and no surrogate.
void append_utf8(std::string& out, uint32_t code_point);

}  // namespace tapeline::codec
