#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/check.h"

namespace tapeline::model {

/// The names of an enum whose values count up from zero, in their order.
template <size_t count>
using Names = std::array<std::string_view, count>;

template <typename Enum, size_t count>
std::string_view name_of(const Names<count>& names, Enum value) {
  const auto index = static_cast<size_t>(value);
  CHECK(index < count, "no such value: {}", index);
  return names[index];
}

template <typename Enum, size_t count>
std::optional<Enum> value_of(const Names<count>& names, std::string_view name) {
  for (size_t i = 0; i < count; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace tapeline::model
