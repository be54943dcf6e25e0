#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/trade.h"

namespace tapeline::model {

/// What else happened, as a record in the log.
enum class ControlKind {
  epoch_opened,  ///< A connection of `source` was made: `epoch` is its number. `detail`: clock
                 ///< ("wall" | "feed").
  epoch_closed,  ///< It ended. `detail`: why.
  subscribed,    ///< `symbol` was asked for on `epoch` (the feed does not acknowledge).
  unsubscribed,  ///< `symbol` is no longer wanted.
  refused,       ///< The feed refused `symbol`. `detail`: its words.
  tick,     ///< Once a second: `to` is the source's clock, `from` until when all was read, `lag_ms`
            ///< its lag.
  gap,      ///< [from, to) of `source` (of `symbol`, if given) cannot be complete. `detail`: a
            ///< GapCause.
  setting,  ///< A setting that changes content. `symbol` unused; `detail`: "key=value".
  recording_ended,  ///< The recording `source` is read to its end: its bars are final.
  clock_stepped,    ///< The wall clock was set: `from` before, `to` after.
  retention_cut,  ///< Old records are removed from the log from now on. With `symbol`: trades of it
                  ///< with event times from `from` to `to` (included) are among them. Without:
                  ///< `detail` is "before GENERATION:ORDINAL", the first that stays.
  recomputed,     ///< Bars (of `symbol`, if given) whose windows begin in [from, to) of event time
               ///< were made anew from the log up to here. `detail`: "intervals=1s,1m", those that
               ///< have had every window of the range since.
};

std::string_view to_string(ControlKind kind);
std::optional<ControlKind> control_kind(std::string_view name);

enum class GapCause {
  disconnect,
  crash,
  shutdown,
  refused,
  frozen,
  overload,
  corruption,
  retention
};

std::string_view to_string(GapCause cause);
std::optional<GapCause> gap_cause(std::string_view name);

struct Control {
  ControlKind kind = ControlKind::tick;
  std::string source;
  int64_t epoch = 0;
  IngestTime ingest_time;
  std::optional<std::string> symbol;
  std::optional<IngestTime> from;
  std::optional<IngestTime> to;
  std::optional<int64_t> lag_ms;
  std::string detail;
};

}  // namespace tapeline::model
