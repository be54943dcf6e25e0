#include "base/result.h"

namespace tapeline {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::failed:
      return "failed";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::full:
      return "full";
    case ErrorCode::cancelled:
      return "cancelled";
  }
  CHECK(false, "unknown error code {}", static_cast<int>(code));
  return {};
}

}  // namespace tapeline
