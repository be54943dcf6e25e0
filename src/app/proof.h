#pragma once

#include <functional>
#include <string>

#include "log/log.h"
#include "store/store.h"
#include "verify/explain.h"
#include "verify/verify.h"

/// What `verify` and `explain` need of this program, and how they look as JSON: the same on the
/// command line and in the API.
namespace tapeline::app {

/// `log` as verify::Ports says. The ports must not outlive `store`.
verify::Ports proof_ports(store::Reader& store, std::function<Result<log::Source*>()> log,
                          int64_t future_ms_max);

/// One JSON object each, no line end.
std::string to_json(const verify::Report& report);
std::string to_json(const verify::Explanation& explanation);

/// "equal", "different", "unverifiable".
std::string_view to_string(verify::Outcome outcome);
/// In one line, for people.
std::string summary(const verify::Report& report);

}  // namespace tapeline::app
