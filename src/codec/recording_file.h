#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace tapeline::codec {

/// What the lines of a recording are.
enum class RecordingFormat {
  csv,     ///< Header `symbol,price,volume,trade_timestamp_ms,conditions`, then a row a line.
  frames,  ///< A feed frame (JSON text) a line.
};

/// A recording, read line by line from a file that is plain or gzip-compressed (told by its first
/// bytes, not its name). Memory is bounded by the longest line allowed. One owner; not thread-safe.
class RecordingFile {
 public:
  /// Lines longer than this are handed out cut, with `Line::oversized`.
  static constexpr size_t kLineBytesMax = 8 << 20;

  /// Opens and tells the format from the first line. `invalid` when it is neither, with what was
  /// expected; `not_found` and `failed` as the file system says.
  static Result<std::unique_ptr<RecordingFile>> open(FileSystem& files, const std::string& path);

  virtual ~RecordingFile() = default;

  struct Line {
    std::string_view text;  ///< Without its line end; valid until the next call.
    bool oversized = false;
  };
  /// False at the end. The header of a CSV is read over; empty lines are too. `corrupt` when the
  /// compressed stream is damaged or ends early; lines before the damage were handed out.
  virtual Result<bool> next(Line& line) = 0;

  virtual RecordingFormat format() const = 0;

  /// Bytes read from the file so far and in all, compressed ones if it is; for progress.
  virtual uint64_t bytes_read() const = 0;
  virtual uint64_t bytes_total() const = 0;
};

/// XXH3-128 of the uncompressed bytes of a recording in 32 hex digits: its identity, the same
/// whether it is compressed or not.
Result<std::string> recording_digest(FileSystem& files, const std::string& path);

}  // namespace tapeline::codec
