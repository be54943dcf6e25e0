// Any bytes as a frame of the feed: what the parser takes for JSON, simdjson's strict DOM takes for
// JSON too, and the other way round; elements are parts of the frame and within their limits; the
// quick reading of usual frames and the general one give the same.

#include "codec/finnhub.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"

namespace {

using tapeline::codec::Element;
using tapeline::codec::FinnhubParser;
using tapeline::codec::Frame;
using tapeline::codec::FrameKind;
using tapeline::model::RejectReason;

constexpr tapeline::model::EventTime kLatest(std::chrono::milliseconds(1'800'000'000'000));

/// Below the depth at which the parser refuses.
constexpr size_t kBracketsMax = 30;

bool is_broken(const Frame& frame) {
  return frame.kind == FrameKind::rejected &&
         (frame.reason == RejectReason::malformed_json || frame.reason == RejectReason::not_utf8);
}

void compare_with_dom(const Frame& frame, std::string_view bytes) {
  static simdjson::dom::parser parser;
  const simdjson::padded_string padded(bytes);
  simdjson::dom::element root;
  const auto error = parser.parse(padded).get(root);
  if (is_broken(frame)) {
    // A frame must be an object, and not nested deeply.
    const auto brackets = static_cast<size_t>(std::count(bytes.begin(), bytes.end(), '[') +
                                              std::count(bytes.begin(), bytes.end(), '{'));
    CHECK(error || !root.is_object() || brackets > kBracketsMax, "the DOM reads {}", bytes);
    return;
  }
  // The DOM refuses numbers that a double cannot hold, and lone surrogates; JSON has both.
  CHECK(error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR ||
            error == simdjson::STRING_ERROR,
        "the DOM does not read {}: {}", bytes, simdjson::error_message(error));
}

void check_element(const Element& element, std::string_view bytes) {
  CHECK(!element.raw.empty() && bytes.find(element.raw) != std::string_view::npos);
  if (element.reject) return;
  CHECK(!element.trade.symbol.empty() && element.trade.symbol.size() <= 64);
  CHECK(element.trade.price.mantissa > 0 && element.trade.volume.mantissa >= 0);
  CHECK(element.trade.price.scale <= 10 && element.trade.volume.scale <= 8);
  CHECK(element.trade.event_time <= kLatest);
  element.trade.to_trade();
}

bool same(const Element& a, const Element& b) {
  if (a.raw != b.raw || a.reject != b.reject) return false;
  if (a.reject) return true;
  const auto left = a.trade.to_trade();
  const auto right = b.trade.to_trade();
  return left.symbol == right.symbol && left.price == right.price && left.volume == right.volume &&
         left.event_time == right.event_time && left.conditions == right.conditions &&
         left.flags == right.flags;
}

void compare(const Frame& frame, const Frame& general, std::string_view bytes) {
  CHECK(frame.kind == general.kind && frame.text == general.text, "two kinds of {}", bytes);
  CHECK(frame.kind != FrameKind::rejected || frame.reason == general.reason);
  CHECK(std::ranges::equal(frame.elements, general.elements, same), "two readings of {}", bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static FinnhubParser parser;
  const Frame frame = parser.parse(bytes, kLatest);
  CHECK(frame.elements.empty() || frame.kind == FrameKind::trades);
  for (const Element& element : frame.elements) check_element(element, bytes);
  static FinnhubParser general({}, tapeline::codec::FrameReading::general);
  compare(frame, general.parse(bytes, kLatest), bytes);
  compare_with_dom(frame, bytes);
  return 0;
}
