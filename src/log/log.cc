#include "log/log.h"

#include <algorithm>

namespace tapeline::log {

void Times::merge(const Times& other) {
  ingest_max = std::max(ingest_max, other.ingest_max);
  event_min = std::min(event_min, other.event_min);
  event_max = std::max(event_max, other.event_max);
}

}  // namespace tapeline::log
