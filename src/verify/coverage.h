#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/bar.h"

/// When a symbol was connected and subscribed, and where something is known to be missing, in
/// milliseconds of the source's clock.
namespace tapeline::verify {

/// Spans [first, second) that neither overlap nor touch. At most kMax: beyond, the two with the
/// smallest hole between them become one (the earliest two of equal holes).
class Gaps {
 public:
  static constexpr size_t kMax = 1'024;

  void add(int64_t from_ms, int64_t to_ms);
  bool reach_into(int64_t from_ms, int64_t to_ms) const;
  const std::map<int64_t, int64_t>& all() const { return spans_; }

 private:
  std::map<int64_t, int64_t> spans_;
};

struct Subscription {
  static constexpr int64_t kLasts = std::numeric_limits<int64_t>::max();
  int64_t from_ms = 0;
  int64_t to_ms = kLasts;
  const std::string* source = nullptr;
  int64_t epoch = 0;
  bool confirmed = false;  ///< A record of the symbol came on that connection.
};

/// The subscriptions of one symbol in order of time; at most one lasts. The newest kMax are
/// remembered, and nothing is known of windows that begin before the end of one forgotten.
class Subscriptions {
 public:
  static constexpr size_t kMax = 32;

  void open(int64_t from_ms, const std::string& source, int64_t epoch);
  void close(int64_t to_ms);
  /// The one that lasts.
  Subscription* current();

  const std::vector<Subscription>& all() const { return list_; }
  int64_t known_from_ms() const { return known_from_ms_; }
  /// Nothing is known before the next one opens: the log's beginning is gone.
  void forget() { forgotten_ = true; }
  /// What is known of windows from here on is all that there was; nothing: of none.
  std::optional<int64_t> complete_from_ms() const;

 private:
  std::vector<Subscription> list_;
  int64_t known_from_ms_ = std::numeric_limits<int64_t>::min();
  bool forgotten_ = false;
  std::optional<int64_t> first_from_ms_;
};

struct Certificate {
  model::CoverageKind kind = model::CoverageKind::unknown;
  std::optional<int64_t> coverage_ms;
  bool gap = false;
};

/// Of the window [start, end), of which [start, until) is counted. `source`: gaps of the symbol's
/// source, `own`: of the symbol alone.
Certificate certificate_of(const Subscriptions& subscriptions, const Gaps& source, const Gaps& own,
                           int64_t start_ms, int64_t end_ms, int64_t until_ms);

}  // namespace tapeline::verify
