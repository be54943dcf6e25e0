#include <cstdio>

#include "app/commands/commands.h"
#include "app/configuration.h"

namespace tapeline::app {

int print_config(const Config& config, bool effective) {
  const std::string text = annotated_configuration(config.declarer, effective);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? kOk : kFailed;
}

}  // namespace tapeline::app
