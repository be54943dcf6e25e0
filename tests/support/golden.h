#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tapeline::test {

/// Compares with tests/golden/NAME. `TAPELINE_UPDATE_GOLDEN=1` in the environment writes the file
/// instead; the change is then reviewed as a diff.
inline void expect_golden(const std::string& name, const std::string& got) {
  const auto path = std::filesystem::path(TAPELINE_SOURCE_DIR) / "tests" / "golden" / name;
  const char* update = std::getenv("TAPELINE_UPDATE_GOLDEN");
  if (update != nullptr && *update != 0) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << got;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing; run the test with TAPELINE_UPDATE_GOLDEN=1 to make it";
  const std::string want(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(got, want) << "differs from " << path
                       << "; if that is right, run the test with TAPELINE_UPDATE_GOLDEN=1";
}

}  // namespace tapeline::test
