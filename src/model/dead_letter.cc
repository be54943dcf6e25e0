#include "model/dead_letter.h"

#include <fmt/format.h>

#include <charconv>

#include "base/check.h"

namespace tapeline::model {
namespace {

constexpr std::string_view kElements = "elements ";
constexpr std::string_view kTo = " to ";

/// Beyond every number that an element takes, and with all that is added within what a double
/// holds exactly.
constexpr int64_t kBase = 4'000'000'000'000'000;
constexpr int64_t kPerFrame = kFrameElementsMax + 1;
constexpr int64_t kFrameMax = 4'999'999'999;
static_assert(kBase + (kFrameMax + 1) * kPerFrame <= int64_t{1} << 53);

std::optional<int64_t> take_number(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

/// The numbers that the elements of a whole frame have by its detail.
std::optional<ReplayedSet::Range> numbered(const DeadLetter& letter) {
  std::string_view text = letter.detail;
  if (!text.starts_with(kElements)) return std::nullopt;
  text.remove_prefix(kElements.size());
  const auto first = take_number(text);
  if (!first || !text.starts_with(kTo)) return std::nullopt;
  text.remove_prefix(kTo.size());
  const auto last = take_number(text);
  if (!last || !text.empty() || *first < 1 || *last < *first) return std::nullopt;
  if (*last - *first >= kFrameElementsMax) return std::nullopt;
  return ReplayedSet::Range{letter.epoch, *first, *last};
}

}  // namespace

std::string detail_of_elements(int64_t first, int64_t last) {
  return fmt::format("{}{}{}{}", kElements, first, kTo, last);
}

bool has_numbers(const DeadLetter& letter) {
  return numbered(letter).has_value();
}

std::optional<ReplayedSet::Range> replayed_as(const DeadLetter& letter) {
  if (letter.epoch < 0 || letter.frame < 0) return std::nullopt;
  if (letter.sequence > 0)
    return ReplayedSet::Range{letter.epoch, letter.sequence, letter.sequence};
  if (letter.sequence < 0) return std::nullopt;
  if (const auto range = numbered(letter)) return range;
  if (letter.frame > kFrameMax) return std::nullopt;
  const int64_t before = kBase + letter.frame * kPerFrame;
  return ReplayedSet::Range{letter.epoch, before + 1, before + kFrameElementsMax};
}

}  // namespace tapeline::model
