#pragma once

#include <functional>
#include <string_view>

/// Named places at which a test may kill the program as `kill -9` does. They exist in builds with
/// TAPELINE_KILL_POINTS (those with tests) only; elsewhere they are nothing.
namespace tapeline {

#ifdef TAPELINE_KILL_POINTS

/// Where the crash loop (tests/crash) strikes. The environment variable KILL_POINT=NAME:COUNT kills
/// the process at the COUNT-th passing of NAME, from 1, after `last` was called. Thread-safe.
void kill_point(
    std::string_view name, const std::function<void()>& last = [] {});

#else

inline void kill_point(std::string_view) {}
template <typename Last>
void kill_point(std::string_view, Last&&) {}

#endif

}  // namespace tapeline
