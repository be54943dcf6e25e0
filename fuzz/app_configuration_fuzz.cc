// Any bytes as the configuration file: it is read or refused, and each problem is a sentence.

#include <cstdint>
#include <string>

#include "../tests/support/faulty_file_system.h"
#include "app/config.h"
#include "app/configuration.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tapeline;
  const std::string path = "tapeline.toml";
  test::FaultyFileSystem files;
  files.set_content(path, std::string(reinterpret_cast<const char*>(data), size));
  app::Config config;
  const auto problems = app::load_configuration(config.declarer, files,
                                                {.file = path, .environment = {}, .overrides = {}});
  for (const std::string& problem : problems) CHECK(problem.size() > 10, "'{}'", problem);
  return 0;
}
