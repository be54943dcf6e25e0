#pragma once

#include <string_view>
#include <vector>

/// The way Finnhub writes trade frames, byte for byte, without a general reading of JSON.
namespace tapeline::codec {

/// One element of such a frame, cut into its texts. Numbers are JSON numbers, unjudged.
struct UsualElement {
  std::string_view raw;  ///< With its braces.
  std::string_view symbol;
  std::string_view price;
  std::string_view time;
  std::string_view volume;
  size_t conditions_begin = 0;  ///< Where its conditions begin in the list of all.
};

/// Cuts `{"data":[{"c":["1","8"],"p":1.5,"s":"AAPL","t":1700000000000,"v":3},...],"type":"trade"}`:
/// these keys in this order, `c` a list, null or absent, at least one element, numbers without
/// exponent, texts in ASCII without escapes, no space. Replaces the content of both lists; their
/// views are into `frame`. False as soon as anything is different: the frame may still be good, or
/// not be JSON at all, and what is in the lists means nothing.
bool cut_usual_frame(std::string_view frame, std::vector<UsualElement>& elements,
                     std::vector<std::string_view>& conditions);

}  // namespace tapeline::codec
