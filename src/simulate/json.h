#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// The little JSON that the simulator needs: cutting a text into members and elements without
/// touching their bytes, and writing strings. Not a validating parser; hostile text gives false or
/// nothing, never more.
namespace tapeline::simulate::json {

/// Calls `each` with every member's name and the text of its value, in order. False when `text` is
/// not an object from end to end, or as soon as `each` returns false.
bool for_each_member(
    std::string_view text,
    const std::function<bool(std::string_view name, std::string_view value)>& each);

/// The same for the elements of an array.
bool for_each_element(std::string_view text,
                      const std::function<bool(std::string_view value)>& each);

/// The string whose text, with quotes, is `value`. Nothing when it is something else.
std::optional<std::string> to_string(std::string_view value);

/// Appends `text`, which must be UTF-8, with quotes and escapes.
void append_string(std::string& out, std::string_view text);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace tapeline::simulate::json
