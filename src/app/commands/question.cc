#include "app/commands/question.h"

#include <algorithm>

#include "app/commands/tell.h"

namespace tapeline::app {

int report(const Result<>& outcome, bool written) {
  if (!outcome) return failed(outcome.error());
  if (!written) {
    fmt::print(stderr, "tapeline: standard output could not be written to its end\n");
    return kFailed;
  }
  return kOk;
}

model::IngestTime in_microseconds(model::EventTime time) {
  constexpr auto least = model::EventTime(std::chrono::milliseconds(INT64_MIN / 1'000));
  constexpr auto greatest = model::EventTime(std::chrono::milliseconds(INT64_MAX / 1'000));
  return std::clamp(time, least, greatest);
}

}  // namespace tapeline::app
