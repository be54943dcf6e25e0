#pragma once

#include <cstdint>
#include <string_view>

#include "model/trade.h"

namespace tapeline::ingest {

/// A frame, element or row put aside, with what is needed to look at it and to replay it.
struct DeadLetter {
  model::RejectReason reason = model::RejectReason::malformed_json;
  std::string_view source;
  int64_t epoch = 0;
  int64_t frame = 0;     ///< Number of the frame in the epoch; of a recording the row or line.
  int64_t sequence = 0;  ///< Of the element; 0: the frame as a whole.
  model::IngestTime ingest_time;
  std::string_view detail;  ///< Beyond the reason; see model::DeadLetter.
  std::string_view bytes;   ///< As received; of an element its JSON text. Until return only.
};

/// Keeps dead letters within a bound. Called from the stage's thread; never waits: a letter for
/// which there is no room is counted by the sink and dropped.
class DeadLetterSink {
 public:
  virtual ~DeadLetterSink() = default;
  virtual void put(const DeadLetter& letter) = 0;
};

}  // namespace tapeline::ingest
