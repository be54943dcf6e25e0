#pragma once

#include <memory>

#include "base/clock.h"
#include "log/log.h"
#include "log/options.h"

namespace tapeline::log {

/// A log in memory, for tests of other modules. Records are visible as soon as they are appended.
/// `clock` is asked for retention only and must outlive the log; readers may outlive it.
std::unique_ptr<Log> make_memory_log(const Clock& clock, RecordFormat format,
                                     const Options& options = {});

}  // namespace tapeline::log
