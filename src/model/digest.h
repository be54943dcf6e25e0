#pragma once

#include <string>

#include "model/bar.h"

/// A short name for the content of a bar (law 4): equal for equal content, whatever engine made it.
/// docs/digest.md is the definition; tests/golden/digests.csv holds examples.
namespace tapeline::model {

/// What the digest is taken of: "tapeline-bar-1", interval_ms, start_ms, basis, priced_by, open,
/// high, low, close, volume, notional, trade_count and price_update_count, each with a line feed
/// behind it, then the symbol. Null is empty.
std::string content_text(const Bar& bar);

/// The first 16 bytes of the content text's SHA-256 as 32 lower-case hexadecimal digits.
std::string digest(const Bar& bar);

}  // namespace tapeline::model
