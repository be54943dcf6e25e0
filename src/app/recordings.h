#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace tapeline::app {

/// Whether each of `files` can be opened and begins as a recording does: asked before anything is
/// made or opened for them. The error names the file.
Result<> check_recordings(FileSystem& system, const std::vector<std::string>& files);

}  // namespace tapeline::app
