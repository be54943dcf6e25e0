#pragma once

#include <chrono>
#include <optional>

#include "net/http.h"

namespace tapeline::ingest::finnhub {

/// How long a refusing answer asks to wait, an hour at most. Nothing when it does not say, or gives
/// a date, a form that such services do not use.
std::optional<std::chrono::seconds> retry_after(const net::Headers& headers);

}  // namespace tapeline::ingest::finnhub
