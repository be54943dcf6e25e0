#pragma once

#include <cstdint>
#include <string>

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
  std::string detail;  ///< What is known beyond the reason; may be empty.

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

}  // namespace tapeline::model
