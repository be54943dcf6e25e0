#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/state.h"
#include "engine/windows.h"
#include "store/store.h"

/// The engine's state as bytes, sealed as in wire.h (`kCheckpointMagic`, `kCheckpointVersion`):
///
///     position, form, position before which the log is cut, settings, intervals ever configured
///     sources     name, marks, epochs and sequences, clock, watermark, gaps, replayed
///     symbols     name, owner, times, subscriptions, gaps, removed trades, row, per interval:
///                 served windows and starts of open bars
///     rows        of a snapshot: every bar that the store may not hold as it is
///     gaps        of a snapshot: likewise
///
/// A checkpoint is written together with the bars it names; a snapshot in the log stands alone.
/// A new version reads the one before it: a log whose beginning is cut has no other state. Older
/// ones are dropped.
namespace tapeline::engine {

inline constexpr std::string_view kCheckpointMagic = "TLE";
inline constexpr uint8_t kCheckpointVersion = 3;
/// The version before, which knew of no cuts and not what ticks had told.
inline constexpr uint8_t kCheckpointVersionBefore = 2;

enum class Form { checkpoint, snapshot };

/// Deltas must be flushed.
std::string encode_state(const State& state, Form form);

/// Fills `state`, which must be new, and loads its open bars. `invalid`: of another program or
/// version, or not of this position. `corrupt`: damaged, or the store lacks what it names.
Result<> decode_state(std::string_view bytes, Position position, State& state, Windows& windows,
                      store::Reader& reader);

/// A checkpoint for people and programs that ask what it holds.
struct CheckpointContent {
  struct OfSource {
    std::string name;
    int64_t epoch = 0;     ///< The newest that was opened or had a record.
    int64_t sequence = 0;  ///< The highest of that epoch; 0 when it has no record yet.
    bool open = false;     ///< The epoch was opened and not closed.
    bool ended = false;    ///< A recording that was read to its end.
  };
  struct OfSymbol {
    std::string name;
    std::string state;  ///< As in store::SymbolRow.
    size_t open_bars = 0;
  };
  std::vector<std::string> settings;  ///< "key=value", sorted.
  std::vector<OfSource> sources;      ///< In order of arrival.
  std::vector<OfSymbol> symbols;      ///< In order of arrival.
  size_t open_bars = 0;
  model::IngestTime newest;  ///< Of the newest record or tick; the epoch when there is none.
};

/// Reads a checkpoint without the bars it names; errors as `decode_state`.
Result<CheckpointContent> inspect_checkpoint(const store::Checkpoint& checkpoint);

}  // namespace tapeline::engine
