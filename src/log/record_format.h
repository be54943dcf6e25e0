#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "log/log.h"
#include "log/options.h"

/// What every implementation of the log does alike.
namespace tapeline::log {

/// Makes `batch` begin at `from`, which lies inside it. False if its records are not whole.
bool drop_before(Position from, const RecordFormat& format, Batch& batch);

bool overlaps(const Times& times, int64_t from_us, int64_t to_us);

Result<> check_appendable(size_t bytes, uint32_t count, const Options& options);
Result<> check_readable(Position from, Position begin, Position end);

Error append_after_close();
Error removed_by_retention(Position wanted, Position begin);

}  // namespace tapeline::log
