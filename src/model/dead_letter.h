#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/replayed_set.h"
#include "model/trade.h"

namespace tapeline::model {

/// A frame or an element put aside, with reason, origin and bytes.
struct DeadLetter {
  RejectReason reason = RejectReason::malformed_json;
  std::string source;
  int64_t epoch = 0;
  int64_t sequence = 0;  ///< Of the element, as in TradeId; 0 when the whole frame was put aside.
  int64_t frame = 0;     ///< As in Trade.
  IngestTime ingest_time;
  std::string raw;     ///< As received.
  std::string detail;  ///< What is known beyond the reason; see detail_of_elements.

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

/// More elements than fit in a frame.
inline constexpr int64_t kFrameElementsMax = 999'999;

/// `detail` of a whole frame whose elements have numbers: "elements 10 to 12".
std::string detail_of_elements(int64_t first, int64_t last);

/// Whether the elements of a whole frame have numbers: `detail` names them.
bool has_numbers(const DeadLetter& letter);

/// The numbers, as TradeId::sequence, under which what a dead letter holds enters the log when it
/// is replayed, one for each element in order: an element's own; those that `detail` names; or, of
/// a frame whose elements were never numbered, 4 * 10^15 + frame * 1,000,000 + ordinal from 1.
/// Nothing when it has numbers that no letter of ours has.
std::optional<ReplayedSet::Range> replayed_as(const DeadLetter& letter);

}  // namespace tapeline::model
