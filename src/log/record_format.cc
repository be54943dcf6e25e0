#include "log/record_format.h"

namespace tapeline::log {
namespace {

/// 1310720 as "1,310,720".
std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

}  // namespace

bool drop_before(Position from, const RecordFormat& format, Batch& batch) {
  if (from <= batch.first) return true;
  const auto skipped = static_cast<uint32_t>(from.ordinal() - batch.first.ordinal());
  const auto bytes = format.skip(*batch.bytes, skipped);
  if (!bytes) return false;
  batch.bytes = std::make_shared<const std::string>(batch.bytes->substr(*bytes));
  batch.first = from;
  batch.count -= skipped;
  return true;
}

bool overlaps(const Times& times, int64_t from_us, int64_t to_us) {
  return times.event_min <= to_us && times.event_max >= from_us;
}

Result<> check_appendable(size_t bytes, uint32_t count, const Options& options) {
  CHECK(count > 0 && bytes > 0, "an append of {} records in {} bytes", count, bytes);
  const auto limit = static_cast<uint64_t>(options.segment_bytes_max);
  if (bytes <= limit) return {};
  const std::string what =
      count == 1 ? grouped(bytes) + "-byte record"
                 : fmt::format("{} records of {} bytes at once", grouped(count), grouped(bytes));
  return make_error(ErrorCode::full,
                    "log: cannot append {}: larger than segment_bytes_max ({}); raise "
                    "log.segment_bytes_max",
                    what, grouped(limit));
}

Result<> check_readable(Position from, Position begin, Position end) {
  if (from < begin) return removed_by_retention(from, begin);
  if (from > end)
    return make_error(ErrorCode::invalid,
                      "log: cannot read from record {}: the log ends before record {}",
                      from.ordinal(), end.ordinal());
  return {};
}

Error append_after_close() {
  return make_error(ErrorCode::cancelled, "log: cannot append: it was closed");
}

Error removed_by_retention(Position wanted, Position begin) {
  return make_error(ErrorCode::not_found,
                    "log: record {} is no longer kept: retention removed everything before {}",
                    wanted.ordinal(), begin.ordinal());
}

}  // namespace tapeline::log
