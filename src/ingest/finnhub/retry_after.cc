#include "ingest/finnhub/retry_after.h"

#include <algorithm>
#include <charconv>

namespace tapeline::ingest::finnhub {

std::optional<std::chrono::seconds> retry_after(const net::Headers& headers) {
  constexpr int64_t kLongest = 3'600;
  const std::string* value = net::find_header(headers, "retry-after");
  if (value == nullptr) return std::nullopt;
  int64_t seconds = 0;
  const char* last = value->data() + value->size();
  const auto [end, error] = std::from_chars(value->data(), last, seconds);
  if (error != std::errc() || end != last || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kLongest));
}

}  // namespace tapeline::ingest::finnhub
