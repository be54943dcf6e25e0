// Any bytes as a client's request, as a recorded frame and as a list of misbehaviours: cut into
// pieces that lie inside the text, or refused; what is written of a string reads back the same.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "codec/utf8.h"
#include "simulate/json.h"
#include "simulate/misbehaviour.h"
#include "simulate/session.h"

namespace {

namespace codec = tapeline::codec;
namespace json = tapeline::simulate::json;

bool inside(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_pieces(std::string_view text) {
  json::for_each_member(text, [&](std::string_view name, std::string_view value) {
    CHECK(inside(name, text) && inside(value, text) && !value.empty());
    json::for_each_element(value, [&](std::string_view element) {
      CHECK(inside(element, value) && !element.empty());
      return true;
    });
    return true;
  });
}

void check_strings(std::string_view text) {
  if (!codec::is_utf8(text)) return;
  std::string written;
  json::append_string(written, text);
  CHECK(json::to_string(written) == text, "{} does not read back", written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_pieces(text);
  check_strings(text);
  const auto request = tapeline::simulate::parse_request(text);
  using Kind = tapeline::simulate::ClientRequest::Kind;
  CHECK(request.symbol.empty() || request.kind == Kind::subscribe ||
        request.kind == Kind::unsubscribe);
  if (const auto parsed = tapeline::simulate::parse_misbehaviour(text); parsed.ok()) {
    tapeline::simulate::Faults faults(parsed.value(), 1);
    faults.spoil(text);
  }
  return 0;
}
