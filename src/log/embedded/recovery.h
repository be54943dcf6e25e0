#pragma once

#include <cstdint>

#include "log/embedded/segment_file.h"
#include "log/embedded/state.h"

/// What is in the files at a start.
namespace tapeline::log::embedded {

/// The last segment, examined.
struct Examined {
  Header header;
  bool empty = false;   ///< The file ends before its first block could: it holds nothing.
  bool sealed = false;  ///< Damaged so that nothing may be appended behind it.
  uint64_t bytes = 0;   ///< Whole blocks; what is behind them is torn.
  uint64_t end_ordinal = 0;
  uint64_t synced_bytes = 0;  ///< Were on the device at some time: the index was written after it.
  TimeIndex index;
};

/// Looks at the heads and records of all blocks behind the index. Damage with readable blocks
/// behind it stays; what has none behind it is torn.
///
/// Where damage hides how many records were lost and no anchor tells, the ordinals behind it are
/// moved on by more than can have been there: positions may be skipped, never used twice.
Result<Examined> examine(const State& state, const Segment& segment, SegmentFile& file,
                         std::vector<Span> spans);

/// Fills `state.segments` from the folder, in order; sizes are those of the files. The end of each
/// but the last of a generation is the beginning of the next one.
Result<> list_segments(State& state);

/// Reads a closed segment from one end to the other for its spans, and stores them when
/// `store`.
Result<std::vector<Span>> rebuild_index(const State& state, const Segment& segment, uint64_t bytes,
                                        uint64_t end_ordinal, bool store);

}  // namespace tapeline::log::embedded
