#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tapeline {

void check_failed(std::string_view condition, std::string_view file, int line,
                  std::string_view message) {
  fmt::print(stderr, "tapeline: a bug was found and the program stops: {}:{}: expected {}{}{}\n",
             file, line, condition, message.empty() ? "" : "; ", message);
  std::fflush(stderr);
  std::abort();
}

}  // namespace tapeline
