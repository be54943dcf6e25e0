#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace tapeline::store {

/// The folder that holds one tape: its log, its dead letters, its store. A small text file names
/// the format version and the feed, so that feeds never mix:
///
///   tapeline.directory   "tapeline data directory", format version, feed, creation
///   lock                 held by the process that writes
///   log/                 segments
///   dead_letters/        what was put aside
///   bars.sqlite          the store
///   recompute.sqlite     only while bars are recomputed: what the log says of them
class DataDirectory {
 public:
  static constexpr int64_t kFormatVersion = 1;

  struct Options {
    std::string path;
    std::string feed;  ///< To read: may be empty, which takes whatever feed it holds.
    uint64_t free_bytes_min = 0;
  };

  /// For the one process that writes: makes the folder when it is absent or empty, locks it until
  /// the object goes away, checks the disk. Refused in one sentence: another process's
  /// (`unavailable`, with its id), a folder with other content, another feed's or a newer
  /// version's (`invalid`), one that cannot be read or written (`failed`), a disk with less than
  /// `free_bytes_min` (`full`).
  static Result<std::unique_ptr<DataDirectory>> open(FileSystem& files, const Clock& clock,
                                                     const Options& options);

  /// For looking in while another process may be writing: nothing is made or locked. `not_found`
  /// when there is no such folder.
  static Result<std::unique_ptr<DataDirectory>> open_to_read(FileSystem& files,
                                                             const Options& options);

  const std::string& path() const { return path_; }
  const std::string& feed() const { return feed_; }
  std::string log_folder() const { return path_ + "/log"; }
  std::string dead_letter_folder() const { return path_ + "/dead_letters"; }
  std::string store_file() const { return path_ + "/bars.sqlite"; }
  std::string scratch_file() const { return path_ + "/recompute.sqlite"; }

 private:
  DataDirectory(std::string path, std::string feed, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), feed_(std::move(feed)), lock_(std::move(lock)) {}

  const std::string path_;
  const std::string feed_;
  const std::unique_ptr<FileLock> lock_;
};

}  // namespace tapeline::store
