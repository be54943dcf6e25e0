#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "serve/json.h"

/// Any text either is no flat object, or is read as one that, written out, reads the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapeline::serve;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = parse_flat_object(text);
  if (!read) {
    CHECK(!read.error().message().empty());
    return 0;
  }
  std::string written;
  JsonWriter json(written);
  json.begin_object();
  for (const auto& [name, value] : read.value()) json.key(name).text(value);
  json.end_object();
  const auto again = parse_flat_object(written);
  CHECK(again.ok(), "{}", written);
  CHECK(again.value() == read.value(), "{}", written);
  return 0;
}
