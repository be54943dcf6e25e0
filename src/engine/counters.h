#pragma once

#include <cstdint>

namespace tapeline::engine {

/// Totals since the engine was made; each grows only.
/// records = trades + price_updates + duplicates + fenced + controls + others + undecodable.
struct Counters {
  int64_t records = 0;
  int64_t trades = 0;         ///< Merged, price updates excluded.
  int64_t price_updates = 0;  ///< Merged.
  int64_t duplicates = 0;     ///< Trades whose id is not greater than the highest of its source;
                              ///< replayed ones that are in already, or beyond the set's bound.
  int64_t fenced = 0;         ///< Records of an epoch older than the source's newest.
  int64_t controls = 0;       ///< Taken or refused.
  int64_t others = 0;         ///< Snapshots and vendor bars: read over.
  int64_t undecodable = 0;    ///< No Entry of ours.

  int64_t controls_refused = 0;  ///< Without what their kind needs, or with a bad setting.
  int64_t ticks_held = 0;  ///< The feed lagged beyond its bound: no window was closed by them.
  int64_t late = 0;        ///< Records that revised at least one final bar.
  int64_t bars_finalized = 0;
  int64_t store_lookups = 0;
  /// Times that records were kept out of a bar: retention removed trades of its window and the
  /// store does not have it, or it is sealed.
  int64_t bars_not_made = 0;
};

}  // namespace tapeline::engine
