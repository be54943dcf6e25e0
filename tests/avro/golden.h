#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "support/golden.h"

/// Golden datums: files of lines "name hex" in tests/golden/avro that our codec writes and fastavro
/// checks (test_avro_codec.py holds what each must mean).
namespace tapeline::codec::testing {

struct GoldenDatum {
  std::string name;
  std::string bytes;
};

inline void expect_golden(const std::string& file, const std::vector<GoldenDatum>& datums) {
  std::string text;
  for (const GoldenDatum& datum : datums) {
    text += datum.name + " ";
    for (const char byte : datum.bytes)
      text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    text += "\n";
  }
  test::expect_golden("avro/" + file, text);
}

}  // namespace tapeline::codec::testing
