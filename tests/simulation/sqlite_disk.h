#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "support/faulty_file_system.h"

namespace tapeline::simulation {

/// While it lives, SQLite keeps its files in `files` and takes time and chance (by `seed`) from
/// here: its default VFS is ours, with shared memory and locks between the connections of this
/// process. One at a time, one thread.
class SqliteDisk {
 public:
  SqliteDisk(test::FaultyFileSystem& files, const Clock& clock, uint64_t seed);
  ~SqliteDisk();
  SqliteDisk(const SqliteDisk&) = delete;
  SqliteDisk& operator=(const SqliteDisk&) = delete;

  /// The process died with its shared memory and locks. Its connections may still be closed later.
  void forget_process();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tapeline::simulation
