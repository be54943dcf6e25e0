#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

/// Files as the product uses them: append, read, sync, list, lock. Everything durable goes through
/// `FileSystem` (SQLite has a seam of its own), so that a simulation can tear, fill and lose.
namespace tapeline {

/// An open file. One owner; not thread-safe, except that `read_at` may run beside `append`.
class File {
 public:
  virtual ~File() = default;

  /// Writes all of `bytes` at the end, or fails. After a failure an unknown part may have been
  /// written: `truncate` to the size before. `full` when the disk is.
  virtual Result<> append(std::span<const std::byte> bytes) = 0;

  /// Reads up to `out.size()` bytes from `offset`; returns how many. Fewer only at the end.
  virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const = 0;

  virtual Result<uint64_t> size() const = 0;

  /// Bytes and size are on the device when this returns (fdatasync). After a failure nothing may
  /// be assumed about what was written since the last success; the caller must not retry and go on.
  virtual Result<> sync() = 0;

  /// Puts the `size` bytes from `offset` on, as `read_at` shows them, in place of themselves, so
  /// that the next `sync` brings them to the device although an earlier one, of this process or
  /// another, may have failed and lost them: the system would not try again what it takes for done.
  /// `failed`, with the path and the byte, when the file ends before `offset + size`: what is not
  /// there cannot be made durable; else as `append` and `read_at`. An unknown part is then written.
  virtual Result<> write_again(uint64_t offset, uint64_t size) = 0;

  virtual Result<> truncate(uint64_t size) = 0;
};

/// A lock on a file that dies with the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Thread-safe. Paths are as the operating system takes them.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// For appending and reading; created when absent.
  virtual Result<std::unique_ptr<File>> open_append(const std::string& path) = 0;
  /// For reading only; `not_found` when absent.
  virtual Result<std::unique_ptr<File>> open_read(const std::string& path) = 0;

  /// Creates the folder and those above it; fine when it exists.
  virtual Result<> create_folder(const std::string& path) = 0;
  /// Names (not paths) of the entries, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  /// Replaces `to`.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  /// Makes creations, renames and removals inside `folder` durable.
  virtual Result<> sync_folder(const std::string& folder) = 0;
  /// Bytes an unprivileged program may still write below `path`.
  virtual Result<uint64_t> free_bytes(const std::string& path) = 0;

  /// Takes the lock at `path` for this process, or `unavailable` with the holder's process id.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  /// The whole content. `full` when it is larger than `bytes_max`.
  Result<std::string> read_all(const std::string& path, uint64_t bytes_max);
  /// Replaces the content durably: a reader sees the old or the new, also after a crash.
  Result<> write_all(const std::string& path, std::string_view content);
};

/// The operating system's. Lives as long as the process.
FileSystem& posix_file_system();

}  // namespace tapeline
