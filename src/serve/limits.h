#pragma once

#include <cstddef>

/// The limits of the API that are part of its contract; openapi.yaml names the same numbers, and a
/// test compares them.
namespace tapeline::serve {

inline constexpr size_t kBarsMax = 10'000;  ///< Of one answer.
inline constexpr size_t kBarsDefault = 500;
inline constexpr size_t kTradesMax = 1'000;  ///< Of one answer.
inline constexpr size_t kTradesDefault = 100;
inline constexpr size_t kGapsMax = 1'000;       ///< Of one answer.
inline constexpr size_t kProofRowsMax = 1'000;  ///< Of each list of `verify` and of a bar's proof.
inline constexpr size_t kProofRowsDefault = 100;
inline constexpr size_t kLettersMax = 500;  ///< Of one answer.
inline constexpr size_t kLettersDefault = 50;
inline constexpr size_t kLetterBytesShown = 1'024;  ///< Of each in a list; one alone is whole.
inline constexpr size_t kSearchHitsMax = 50;
inline constexpr size_t kSymbolBytesMax = 64;
inline constexpr size_t kSourceBytesMax = 100;
inline constexpr size_t kSearchBytesMax = 100;
inline constexpr size_t kRequestBodyBytesMax = 4'096;

inline constexpr size_t kSubscriptionsMax = 200;  ///< Of one push stream.
inline constexpr size_t kSnapshotBars = 500;
inline constexpr size_t kSnapshotTrades = 20;
inline constexpr size_t kTradesPerMessage = 100;
inline constexpr size_t kStreamMessageBytesMax = 4'096;   ///< From the client.
inline constexpr size_t kBacklogBarsMax = 1'000;          ///< Of one subscription that is behind.
inline constexpr size_t kQueuedBytesBehind = 256 * 1024;  ///< A socket with more waits is behind.

inline constexpr size_t kGzipBytesMin = 1'024;  ///< Smaller answers are sent as they are.

static_assert(kSnapshotBars <= kBarsMax, "a snapshot is an answer too");

}  // namespace tapeline::serve
