#pragma once

#include <ctime>

namespace tapeline::bench {

/// Seconds of processor time that all threads of this process have had so far.
inline double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace tapeline::bench
