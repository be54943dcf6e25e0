#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "store/options.h"
#include "store/store.h"

namespace tapeline::store {

/// One SQLite file (WAL, synchronous NORMAL), readable by any SQLite program while it is written.
/// A killed process loses no commit; a power cut may lose the newest ones, but never a part of
/// one. `clock` gives the time of creation.
///
/// Opening makes the file when it is absent, brings an older one up to date, and refuses
/// (`invalid`) one of another feed, another program or a newer version, and (`corrupt`) a damaged
/// one.
Result<std::unique_ptr<Store>> open_embedded_store(const std::string& path, const std::string& feed,
                                                   const Clock& clock, const Options& options);

/// For looking into a store that another process may be writing: nothing is created or migrated,
/// and `open_writer` is refused. `not_found` when there is no such file.
Result<std::unique_ptr<Store>> open_embedded_store_to_read(const std::string& path,
                                                           const Options& options);

}  // namespace tapeline::store
