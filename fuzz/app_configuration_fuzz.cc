// Any bytes as the configuration file: every setting keeps a value that its declaration allows, and
// each problem is a sentence that names the place.

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
  for (const settings::Setting& setting : config.declarer.all()) {
    const std::string value = setting.get();
    CHECK(setting.set(value).empty(), "{} = {}: {}", setting.key, value, setting.set(value));
  }
  // What was understood, written down and read again, is the same.
  if (!problems.empty()) return 0;
  app::Config again;
  files.set_content(path, app::annotated_configuration(config.declarer, true));
  const auto none = app::load_configuration(again.declarer, files,
                                            {.file = path, .environment = {}, .overrides = {}});
  CHECK(none.empty(), "{}", none.front());
  for (const settings::Setting& setting : config.declarer.all()) {
    if (setting.secret) continue;
    CHECK(again.declarer.find(setting.key)->get() == setting.get(), "{}", setting.key);
  }
  return 0;
}
