#include "app/recordings.h"

#include "codec/recording_file.h"

namespace tapeline::app {

Result<> check_recordings(FileSystem& system, const std::vector<std::string>& files) {
  for (const std::string& file : files)
    if (const auto opened = codec::RecordingFile::open(system, file); !opened)
      return opened.error();
  return {};
}

}  // namespace tapeline::app
