#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "model/bar.h"
#include "model/trade.h"
#include "net/http.h"

namespace tapeline::serve {

/// The query of a request, read by type. The first thing that is wrong is kept as a sentence; what
/// is read after that no longer matters.
class Parameters {
 public:
  /// Names not in `known` and names given twice are wrong.
  Parameters(const net::Request& request, std::span<const std::string_view> known);

  /// Empty when the name is absent.
  std::string text(std::string_view name, size_t bytes_max);
  /// Absent is wrong.
  std::string symbol();
  std::optional<model::IngestTime> time(std::string_view name);
  /// A reject reason's name.
  std::optional<model::RejectReason> reason();
  std::optional<int64_t> id(std::string_view name);
  size_t limit(size_t fallback, size_t greatest);
  model::Interval interval(model::Interval fallback);
  model::Basis basis();
  /// One of `choices`; the first when absent.
  std::string_view choice(std::string_view name, std::initializer_list<std::string_view> choices);

  /// Nothing while all is well.
  const std::optional<std::string>& wrong() const { return wrong_; }

 private:
  const std::string* value(std::string_view name) const;
  void complain(std::string sentence);

  const net::Request& request_;
  std::optional<std::string> wrong_;
};

/// A whole number from 1; nothing when `text` is none.
std::optional<int64_t> parse_id(std::string_view text);

/// A sentence if `text` cannot be a symbol, else nothing: 1 to 64 bytes of UTF-8 without control
/// characters or leading and trailing spaces.
std::optional<std::string> why_no_symbol(std::string_view text);

}  // namespace tapeline::serve
