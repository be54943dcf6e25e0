// Any bytes as bars, or, when the first byte is odd, as dead letters: what can be read is written
// and read again without a change.

#include "codec/bar.h"

#include <cstdint>

#include "base/check.h"
#include "codec/dead_letter.h"

namespace {

template <typename Take>
std::string write_again(std::string_view bytes, Take take) {
  std::string out;
  for (size_t before = bytes.size(); before > 0; before = bytes.size()) {
    const auto value = take(bytes);
    if (!value) break;
    CHECK(bytes.size() < before, "a datum of no bytes would be read for ever");
    tapeline::codec::append(out, *value);
  }
  return out;
}

template <typename Take>
void check_stable(std::string_view bytes, Take take) {
  const std::string first = write_again(bytes, take);
  CHECK(write_again(first, take) == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0)
    check_stable(bytes, tapeline::codec::take_bar);
  else
    check_stable(bytes, tapeline::codec::take_dead_letter);
  return 0;
}
