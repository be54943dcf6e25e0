#pragma once

#include <memory>

#include "log/embedded/embedded_log.h"
#include "log/embedded/recovery.h"
#include "log/embedded/state.h"

/// What the writing and the read-only log do alike.
namespace tapeline::log::embedded {

/// Positions and readers over a state. Thread-safe.
class StateSource {
 public:
  /// `store_indexes`: indexes that had to be made anew are kept.
  StateSource(std::shared_ptr<State> state, bool store_indexes)
      : state_(std::move(state)), store_indexes_(store_indexes) {}

  Position begin() const;
  Position end() const;
  Result<std::unique_ptr<Reader>> read(Position from);
  Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us);

  /// Times of a closed segment, from its index, which is made anew when it is not whole.
  Result<Times> times_of(Segment& segment);

 private:
  Result<std::vector<Span>> spans_of(Segment& segment);

  const std::shared_ptr<State> state_;
  const bool store_indexes_;
};

/// A state with the folder's segments, the last one examined; `state->end` is set.
struct Loaded {
  std::shared_ptr<State> state;
  Examined last;                            ///< Meaningful when there is a segment.
  uint64_t torn_bytes = 0;                  ///< Behind the whole blocks of the last segment.
  std::vector<std::string> empty_segments;  ///< Left out: they hold nothing.
};
Result<Loaded> load(const EmbeddedSetup& setup);

}  // namespace tapeline::log::embedded
