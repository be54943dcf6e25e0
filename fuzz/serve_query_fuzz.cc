// Any bytes as the target of a request: refused as a whole, or each parameter is read within its
// limits or complained about in one sentence.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/http.h"
#include "serve/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapeline;
  constexpr size_t kTextMax = 64;
  constexpr size_t kLimitMax = 5'000;
  net::Request request;
  if (!net::parse_target({reinterpret_cast<const char*>(data), size}, request)) return 0;
  CHECK(request.path.starts_with('/') && request.path.size() <= size);
  static const std::vector<std::string_view> known = {"symbol", "q",     "from",     "to",
                                                      "limit",  "basis", "interval", "format"};
  serve::Parameters parameters(request, known);
  const std::string symbol = parameters.symbol();
  const std::string text = parameters.text("q", kTextMax);
  parameters.time("from");
  parameters.time("to");
  const size_t limit = parameters.limit(10, kLimitMax);
  parameters.basis();
  const model::Interval interval = parameters.interval(model::Interval(60'000));
  const std::string_view choice = parameters.choice("format", {"json", "csv"});
  CHECK(text.size() <= kTextMax);
  CHECK(limit >= 1 && limit <= kLimitMax);
  CHECK(interval.ms() > 0);
  CHECK(choice == "json" || choice == "csv");
  if (parameters.wrong()) {
    CHECK(parameters.wrong()->ends_with('.'), "{}", *parameters.wrong());
  } else {
    CHECK(!serve::why_no_symbol(symbol), "{}", symbol);
  }
  return 0;
}
