#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace tapeline {

/// What a caller can do about a failure. A small closed set: a code is added only when some
/// caller has to act differently on it.
enum class ErrorCode {
  unavailable,  ///< May work later: retry with back-off.
  failed,       ///< Will not work by itself: give up and tell a person.
  corrupt,      ///< Stored or received bytes are not what was written.
  invalid,      ///< The request or setting is wrong.
  not_found,    ///< The thing asked for does not exist.
  full,         ///< A named limit (disk, memory, count) is reached.
  cancelled,    ///< The caller asked to stop. Not a fault.
};

std::string_view to_string(ErrorCode code);

/// A failure: a code for the program and a sentence for the person who must act. The sentence
/// says what was attempted, on what, what happened, and the limit or the next step.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  ErrorCode code_;
  std::string message_;
};

template <typename... Args>
Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Either a value or an Error. Reading the side that is not there is a bug and stops the program.
template <typename T = void>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function returns its value or its error as it stands.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CHECK(ok(), "{}", std::get<1>(state_).message());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok(), "{}", std::get<1>(state_).message());
    return std::get<0>(state_);
  }
  T value() && {
    CHECK(ok(), "{}", std::get<1>(state_).message());
    return std::move(std::get<0>(state_));
  }
  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  void value() const { CHECK(ok(), "{}", std::get<1>(state_).message()); }
  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace tapeline

/// Returns the error of `expression` (a Result) from the enclosing function, if it has one.
#define TAPELINE_TRY(expression)                                                        \
  do {                                                                                  \
    if (auto try_result_ = (expression); !try_result_.ok()) return try_result_.error(); \
  } while (false)
