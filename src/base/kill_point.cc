#include "base/kill_point.h"

#ifdef TAPELINE_KILL_POINTS

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/check.h"

namespace tapeline {
namespace {

struct Wanted {
  std::string name;
  int count = 0;
};

Wanted read_environment() {
  Wanted wanted;
  const char* text = std::getenv("KILL_POINT");
  if (text == nullptr) return wanted;
  const std::string_view whole(text);
  const size_t colon = whole.rfind(':');
  CHECK(colon != std::string_view::npos, "KILL_POINT={}: expected NAME:COUNT", whole);
  wanted.name = whole.substr(0, colon);
  const auto [end, error] =
      std::from_chars(whole.data() + colon + 1, whole.data() + whole.size(), wanted.count);
  CHECK(error == std::errc() && end == whole.data() + whole.size() && wanted.count > 0,
        "KILL_POINT={}: the count is a whole number from 1", whole);
  return wanted;
}

}  // namespace

void kill_point(std::string_view name, const std::function<void()>& last) {
  static const Wanted wanted = read_environment();
  static std::atomic<int> passed = 0;
  if (wanted.count == 0 || name != wanted.name) return;
  if (++passed != wanted.count) return;
  last();
  ::kill(::getpid(), SIGKILL);
}

}  // namespace tapeline

#endif
