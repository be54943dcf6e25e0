#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "codec/element.h"
#include "model/trade.h"

/// Frames of Finnhub's WebSocket: JSON in, trades and rejects out.
namespace tapeline::codec {

struct FrameLimits {
  size_t frame_bytes_max = size_t{4} << 20;
  size_t symbol_bytes_max = 64;
};

/// Two ways to the same answers.
enum class FrameReading {
  usual_first,  ///< Frames in the feed's usual form are cut by hand, others are read by simdjson.
  general,      ///< All by simdjson; for comparison.
};

/// What a frame is.
enum class FrameKind {
  trades,          ///< `elements` are its members, none left out.
  ping,            ///< The feed is alive.
  error,           ///< `text` is its message; may be empty.
  news,            ///< Read over.
  press_releases,  ///< Read over.
  unknown,         ///< `text` is its type; empty when it has none. Reject reason: unknown_type.
  rejected,        ///< Nothing of it is used; `reason` says why.
};

std::string_view to_string(FrameKind kind);

struct Frame {
  FrameKind kind = FrameKind::unknown;
  model::RejectReason reason = model::RejectReason::malformed_json;  ///< Of kind `rejected`.
  std::string_view text;
  std::span<Element> elements;  ///< Empty unless kind is `trades`.
};

/// Reads frames. One owner thread. No allocation once it has seen its largest frame.
///
/// A frame is read whole before anything of it is delivered: when its JSON is broken anywhere, also
/// in fields of no interest, all of it is rejected as malformed_json, so that half a frame is never
/// taken for a whole one. A good frame with a bad element loses that element only. Numbers are read
/// from their text, never through a double.
///
/// An element is checked in this order, and the first thing wrong is its reason: fields s, p, t, v
/// present (missing_field); none twice and each of its type (mistyped_field; `c` may be null,
/// absent or an array of strings); symbol (bad_symbol); price, volume, time.
class FinnhubParser {
 public:
  explicit FinnhubParser(FrameLimits limits = {}, FrameReading reading = FrameReading::usual_first);
  ~FinnhubParser();
  FinnhubParser(const FinnhubParser&) = delete;
  FinnhubParser& operator=(const FinnhubParser&) = delete;

  /// `latest` is the greatest event time that is not in the future (the clock and the allowed
  /// lead). The answer and all its views are valid until the next call, and as
  /// long as the bytes of `frame`.
  Frame parse(std::string_view frame, model::EventTime latest);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tapeline::codec
