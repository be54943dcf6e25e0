#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/trade.h"

/// Times as text: RFC 3339, UTC, always with the full fraction of their kind
/// ("2026-11-21T09:36:57.123Z", "2026-11-21T09:36:57.123456Z"). Years 0 to 9999; times outside are
/// printed as the nearest of these.
namespace tapeline::model {

void append_time(std::string& out, EventTime time);
void append_time(std::string& out, IngestTime time);
std::string time_text(EventTime time);
std::string time_text(IngestTime time);

/// Reads RFC 3339 (any offset, any fraction; digits beyond microseconds are cut) or a plain date,
/// which is its midnight UTC. A whole number is milliseconds since 1970. Nothing for other text.
std::optional<IngestTime> parse_time(std::string_view text);

}  // namespace tapeline::model
