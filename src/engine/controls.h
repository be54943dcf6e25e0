#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/events.h"
#include "engine/state.h"
#include "engine/windows.h"
#include "model/control.h"

namespace tapeline::engine {

/// Applies control records: what else happened beside trades.
class Controls {
 public:
  Controls(State& state, Windows& windows, Events* events)
      : state_(state), windows_(windows), events_(events) {}

  /// The record at `State::now`. Only a store that cannot be read is an error; the record may then
  /// be applied again.
  Result<> apply(const model::Control& control);

 private:
  void open_epoch(const model::Control& control, Source& source);
  void close_epoch(const model::Control& control, Source& source);
  void change_subscription(const model::Control& control, SourceId source);
  void tick(const model::Control& control, SourceId source);
  static void step_clock(const model::Control& control, Source& source);
  Result<> gap(const model::Control& control, SourceId source);
  void recomputed(const model::Control& control);
  void retention_cut(const model::Control& control);
  void setting(const model::Control& control);
  void end_recording(SourceId source);

  void end_coverage(SourceId source, int64_t to_ms);
  void set_row(Symbol& symbol, const model::Control& control, std::string_view row_state);
  void refuse(const model::Control& control, std::string_view why);

  State& state_;
  Windows& windows_;
  Events* events_;
};

}  // namespace tapeline::engine
