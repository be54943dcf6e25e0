#pragma once

namespace tapeline::app {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace tapeline::app
