#pragma once

#include "log/log.h"

namespace tapeline::app {

/// What the log must know of records: Entry, and DeadLetter.
log::RecordFormat entry_format();
log::RecordFormat dead_letter_format();

}  // namespace tapeline::app
