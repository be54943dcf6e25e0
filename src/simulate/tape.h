#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "simulate/instruments.h"

namespace tapeline::simulate {

/// One frame of the feed before it is cut down to what a session subscribed to.
struct Batch {
  /// One element of `data`: text[begin, end), about the instrument with this index.
  struct Element {
    uint32_t instrument = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  std::string text;               ///< The whole frame.
  std::vector<Element> elements;  ///< Empty: the frame goes unchanged to whoever subscribed.
  WallTime due;                   ///< When the feed sends it, in the tape's own time.

  void clear() {
    text.clear();
    elements.clear();
  }
};

/// What `/quote` answers about one instrument, since the tape began.
struct Quote {
  double open = 0;
  double high = 0;
  double low = 0;
  double last = 0;
  int64_t time_s = 0;  ///< Event time of the last trade; 0 when there was none.
};

/// A source of frames in the order in which the feed sends them. One owner, one thread.
class Tape {
 public:
  virtual ~Tape() = default;

  /// Fills `batch` (its former content goes). False at the end, for ever. An error (a file that
  /// cannot be read on) ends it too.
  virtual Result<bool> next(Batch& batch) = 0;

  /// Constant.
  virtual const std::vector<Instrument>& instruments() const = 0;

  virtual Quote quote(uint32_t instrument) const = 0;
};

inline constexpr std::string_view kFrameHead = R"({"data":[)";
inline constexpr std::string_view kFrameTail = R"(],"type":"trade"})";

}  // namespace tapeline::simulate
