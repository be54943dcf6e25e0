#pragma once

#include <optional>
#include <string_view>

#include "codec/entry.h"
#include "model/trade.h"

namespace tapeline::codec {

/// What may be one trade: a member of a trade frame, or a row of a recording.
struct Element {
  /// Filled when there is no `reject`: symbol, price, volume, event time, conditions and the flags
  /// of rounding. The rest (ingest time, id, frame) is the caller's to fill in.
  TradeView trade;
  std::optional<model::RejectReason> reject;
  std::string_view raw;  ///< Its bytes as received.
};

}  // namespace tapeline::codec
