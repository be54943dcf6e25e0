#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/embedded/database.h"

/// The tables of the embedded store, and the way from one version of them to the next.
namespace tapeline::store {

/// Marks the file as ours ("TAPE"), in the SQLite header's application id.
inline constexpr int64_t kApplicationId = 0x54415045;

/// Step i leads from version i to i + 1; version 0 is an empty file. Steps are never changed once
/// released: a change of the tables is a step more.
std::span<const char* const> migrations();

/// Brings the file to the newest version in one transaction. Refused (`invalid`): a file that is
/// not ours, and one that a newer program wrote.
Result<> migrate(Database& database, std::span<const char* const> steps);

/// Writes the feed and the time of creation into a new file; refuses (`invalid`) one of another
/// feed.
Result<> bind_to_feed(Database& database, const std::string& feed, WallTime now);

}  // namespace tapeline::store
