#pragma once

#include <vector>

#include "base/position.h"
#include "engine/bars.h"
#include "engine/content.h"
#include "engine/counters.h"
#include "engine/sources.h"
#include "engine/symbols.h"
#include "model/bar.h"

namespace tapeline::engine {

/// Everything an engine knows. One owner; the parts that work on it (windows, controls,
/// checkpoint) hold references.
struct State {
  explicit State(int64_t cache_bytes_max) : bars(cache_bytes_max) {}

  Position applied;  ///< The last record that is wholly applied.
  Position now;      ///< The record being applied.

  Position cut_before;  ///< By the log, records before it are removed.

  ContentSettings content;
  IntervalSet ever;  ///< Intervals that some symbol may have windows of.
  SourceTable sources;
  SymbolTable symbols{content.sessions()};
  BarTable bars;

  std::vector<SymbolId> changed_symbols;  ///< With a row that the store may not have yet.
  std::vector<model::Gap> changed_gaps;
  std::vector<Fill> fills;  ///< Given before the records; for symbols that are still to come.
  bool reporting = false;   ///< Changed bars are collected for take_changes.
  Counters counters;
};

}  // namespace tapeline::engine
