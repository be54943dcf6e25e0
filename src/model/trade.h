#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/decimal.h"

namespace tapeline::model {

/// The venue's time of a trade: milliseconds since 1970, UTC.
using EventTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// When we received it: microseconds since 1970, UTC.
using IngestTime = WallTime;

/// Identity given by us, because the feed sends none. Ordered by source (bytes), epoch, sequence.
struct TradeId {
  std::string source;  ///< "finnhub", "simulated", "recording:<32 hex digits>".
  int64_t epoch = 0;   ///< One connection of the source; 0 for recordings.
  /// Ordinal of the element within the epoch, from 1, rejected ones counted; of a dead
  /// letter that never had one, see replayed_as.
  int64_t sequence = 0;

  friend auto operator<=>(const TradeId&, const TradeId&) = default;
};

/// Marks on a trade. Bits; the record holds their union.
enum TradeFlag : int32_t {
  kPriceRounded = 1 << 0,   ///< The feed sent more than 10 decimals.
  kVolumeRounded = 1 << 1,  ///< The feed sent more than 8 decimals.
  kRepeated = 1 << 2,       ///< Its frame repeats an earlier one byte for byte within seconds.
  kReplayed = 1 << 3,       ///< It was a dead letter; it entered the log by a replay of those.
};

/// One element of a trade frame that passed validation. Volume zero makes it a price update.
struct Trade {
  std::string symbol;
  Decimal price;   ///< Positive, at most 10 decimals.
  Decimal volume;  ///< Not negative, at most 8 decimals.
  EventTime event_time;
  IngestTime ingest_time;
  std::vector<std::string> conditions;  ///< Finnhub's codes; empty when null or absent.
  TradeId id;
  int64_t frame = 0;  ///< Number of the frame in the epoch, from 1; for recordings the row.
  int32_t flags = 0;  ///< TradeFlag bits.

  bool is_price_update() const { return volume.mantissa == 0; }
};

/// Why a frame or an element was put aside. The name is the metric's label and the dead letter's
/// reason; each has one sentence.
enum class RejectReason {
  malformed_json,
  not_utf8,
  oversized_frame,
  unknown_type,
  missing_field,
  mistyped_field,
  bad_symbol,
  bad_price,
  bad_volume,
  price_out_of_range,
  volume_out_of_range,
  bad_time,
  time_in_future,
  malformed_row,
  duplicate_frame,
  beyond_retention,
};

inline constexpr RejectReason kLastRejectReason = RejectReason::beyond_retention;

/// "time_in_future".
std::string_view to_string(RejectReason reason);
/// "The event time is further ahead of the clock than ingest.future_ms_max allows; check the clock
/// of this machine."
std::string_view sentence(RejectReason reason);
std::optional<RejectReason> reject_reason(std::string_view name);

}  // namespace tapeline::model
