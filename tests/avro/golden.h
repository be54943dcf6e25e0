#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

/// Golden datums: files of lines "name hex" that our codec writes and fastavro checks
/// (tests/avro/test_codec.py holds what each must mean). TAPELINE_REWRITE_GOLDEN=1 writes them
/// anew.
namespace tapeline::codec::testing {

struct GoldenDatum {
  std::string name;
  std::string bytes;
};

inline std::string golden_text(const std::vector<GoldenDatum>& datums) {
  std::string text;
  for (const GoldenDatum& datum : datums) {
    text += datum.name + " ";
    for (const char byte : datum.bytes)
      text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    text += "\n";
  }
  return text;
}

inline void expect_golden(std::string_view file, const std::vector<GoldenDatum>& datums) {
  const std::string path = fmt::format("{}/tests/avro/golden/{}", TAPELINE_SOURCE_DIR, file);
  if (std::getenv("TAPELINE_REWRITE_GOLDEN")) std::ofstream(path) << golden_text(datums);
  std::ifstream in(path);
  const std::string kept{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(golden_text(datums), kept)
      << path << " differs; after an intended change run with TAPELINE_REWRITE_GOLDEN=1";
}

}  // namespace tapeline::codec::testing
