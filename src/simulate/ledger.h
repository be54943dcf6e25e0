#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"

namespace tapeline::simulate {

/// What the simulator sent, as JSON lines in the order of sending:
///
///     {"connection":1,"event":"opened","sent_us":1700000000000000}
///     {"connection":1,"frame":1,"sent_us":1700000000100000,"bytes":"{\"type\":\"ping\"}"}
///     {"connection":1,"frame":2,"sent_us":1700000000200000,"base64":"/w=="}
///     {"connection":1,"event":"closed","sent_us":1700000000300000,"code":1000}
///
/// `bytes` is the frame's text; a frame that is not UTF-8 is in `base64` instead. Connections and
/// the frames of each are numbered from 1. A frame counts as sent when it is handed to the queue of
/// an open session. Of a connection that ended with a closing handshake (code other than 1006) all
/// of them arrived; when it was cut, the last ones may have been lost on the way. One owner.
class Ledger {
 public:
  /// Replaces a former ledger at `path`; the error is that of the file system.
  static Result<std::unique_ptr<Ledger>> create(FileSystem& files, const std::string& path);

  void opened(int64_t connection, WallTime at);
  void sent(int64_t connection, int64_t frame, WallTime at, std::string_view text);
  void closed(int64_t connection, WallTime at, int code);

  /// Hands what was noted to the operating system. Called before the frames are sent, so that a
  /// reader of the ledger finds every frame that has arrived. The error names the file; what could
  /// not be written is kept for the next call.
  Result<> flush();

 private:
  Ledger(std::string path, std::unique_ptr<File> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  const std::unique_ptr<File> file_;
  std::string lines_;
};

}  // namespace tapeline::simulate
