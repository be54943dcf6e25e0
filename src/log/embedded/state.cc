#include "log/embedded/state.h"

#include "base/units.h"

namespace tapeline::log::embedded {
namespace {

/// How many records are in `bytes`, found by halving: `skip` answers for every lesser number.
uint64_t count_records(const RecordFormat& format, const std::string& bytes) {
  uint64_t least = 0;
  uint64_t greatest = std::min<uint64_t>(bytes.size(), UINT32_MAX);
  while (least < greatest) {
    const uint64_t middle = least + (greatest - least + 1) / 2;
    if (format.skip(bytes, static_cast<uint32_t>(middle)))
      least = middle;
    else
      greatest = middle - 1;
  }
  return least;
}

}  // namespace

std::optional<Records> checked_records(const State& state, std::string_view payload,
                                       uint64_t count_said) {
  auto bytes = decode_payload(payload);
  if (!bytes) return std::nullopt;
  const auto count = static_cast<uint32_t>(count_said);
  if (state.format.skip(*bytes, count) == bytes->size()) return Records{std::move(*bytes), count};
  // The checksum covers the records and not their number.
  const uint64_t found = count_records(state.format, *bytes);
  if (found == 0 || state.format.skip(*bytes, static_cast<uint32_t>(found)) != bytes->size())
    return std::nullopt;
  return Records{std::move(*bytes), static_cast<uint32_t>(found)};
}

std::vector<Span> load_index(const State& state, const Segment& segment, uint64_t segment_bytes) {
  const std::string path = index_path(segment.path);
  if (!state.files.exists(path)) return {};
  const auto content = state.files.read_all(path, 64_MiB);
  if (!content) return {};
  return parse_index(content.value(), segment.first.ordinal(), segment_bytes);
}

}  // namespace tapeline::log::embedded
