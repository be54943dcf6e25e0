#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/state.h"
#include "engine/windows.h"
#include "store/store.h"

/// The engine's state as bytes, sealed as in wire.h (magic "TLE", version 1):
///
///     position, form, settings, intervals ever configured
///     sources     name, marks, epochs and sequences, clock, watermark, gaps
///     symbols     name, owner, times, subscriptions, gaps, row, per interval: served windows and
///                 starts of open bars
///     rows        of a snapshot: every bar that the store may not hold as it is
///     gaps        of a snapshot: likewise
///
/// A checkpoint is written together with the bars it names; a snapshot in the log stands alone.
/// Downside: a new version cannot read an old one; it is then rebuilt from the log.
namespace tapeline::engine {

enum class Form { checkpoint, snapshot };

/// Deltas must be flushed.
std::string encode_state(const State& state, Form form);

/// Fills `state`, which must be new, and loads its open bars. `invalid`: of another program or
/// version, or not of this position. `corrupt`: damaged, or the store lacks what it names.
Result<> decode_state(std::string_view bytes, Position position, State& state, Windows& windows,
                      store::Reader& reader);

}  // namespace tapeline::engine
