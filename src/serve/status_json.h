#pragma once

#include <string>

#include "base/clock.h"
#include "serve/hub.h"
#include "serve/ports.h"

namespace tapeline::serve {

/// Appends the members of the status object (no braces), as the API and the stream give it.
void append_status(std::string& out, const Status& status, const Identity& identity, const Hub& hub,
                   size_t sessions, WallTime now);

}  // namespace tapeline::serve
