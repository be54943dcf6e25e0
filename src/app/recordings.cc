#include "app/recordings.h"

#include "codec/recording_file.h"

namespace tapeline::app {

Result<> check_recordings(FileSystem& system, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const auto opened = codec::RecordingFile::open(system, file);
    if (opened) continue;
    if (opened.error().code() != ErrorCode::not_found) return opened.error();
    return make_error(ErrorCode::not_found,
                      "{}; give the path of a recording: CSV or JSON lines, plain or gzip",
                      opened.error().message());
  }
  return {};
}

}  // namespace tapeline::app
