#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/position.h"
#include "base/result.h"
#include "log/log.h"
#include "model/bar.h"
#include "store/store.h"
#include "verify/plain.h"

/// The store against the log: every bar in both directions.
namespace tapeline::verify {

/// What is read, and what only others can tell. Used on one thread.
struct Ports {
  store::Reader& store;
  /// The log up to at least what the store referred to before the call; it lives until the next.
  std::function<Result<log::Source*>()> log;
  /// What is known of the removed beginning of a log; asked only when there is one. Nothing: no bar
  /// of such a log can be verified.
  std::function<Result<std::optional<Start>>(log::Source&)> start;
  /// The bars that the state of a row of basis `all` says: that bar, and that of `eligible` if it
  /// is to have a row. Of an open one the certificate means nothing. `corrupt` when the state is
  /// damaged.
  std::function<Result<std::vector<model::Bar>>(const store::BarRow&)> of_state;
  /// How much later than its arrival a trade's event time may be.
  std::chrono::milliseconds future_max{0};
};

struct Difference {
  model::BarKey key;
  std::string column;  ///< As in the store; "bar" when the whole bar is lacking or invented.
  std::string stored;
  std::string expected;
};

enum class Outcome {
  equal,         ///< Every bar of the range is as the log says.
  different,     ///< Some are not; they are listed.
  unverifiable,  ///< No difference was found, but the log no longer tells of the whole range.
};

struct Report {
  uint64_t records = 0;       ///< Of the log, read at least once.
  uint64_t bars = 0;          ///< Compared.
  uint64_t different = 0;     ///< Bars that differ, are lacking, or are invented.
  uint64_t unverifiable = 0;  ///< Bars of the range that the rest of a cut log cannot tell of.
  std::vector<Difference> differences;  ///< At most as many as asked for.
  bool more = false;                    ///< There were further ones.
  std::vector<std::string> damage;      ///< Where the log could not be read: at most kDamageMax.
  Position begin;                       ///< Of the log.
  Position through;                     ///< The store holds everything up to here.

  static constexpr size_t kDamageMax = 100;
  Outcome outcome() const;
};

/// What one reading of the log may take; beyond, the answer is `invalid` and says what to do.
struct Limits {
  uint64_t records_max = 0;  ///< Records in the log; 0: no limit.
  uint64_t held_max = 0;     ///< Trades in the range, and stored bars of it; 0: no limit.
};

struct Question {
  std::string symbol;                               ///< Empty: every symbol.
  std::optional<model::Interval> interval;          ///< Nothing: every interval.
  model::EventTime from = model::EventTime::min();  ///< start >= from
  model::EventTime to = model::EventTime::max();    ///< start < to
  size_t differences_max = 1'000;
  Limits limits;
};

/// Rows of basis `all` and `eligible`, as of the store's checkpoint; those that are ahead of it as
/// of their own `through`, and a row of `eligible` never before that of `all`. Symbols are taken in
/// groups of at most kTradesHeldMax trades in the range, with one reading of the log each; a symbol
/// that has more of them is a group of its own. Memory is that of one group's trades (about 150
/// bytes each) and stored bars (about 500 bytes each). Fails when store or log cannot be read.
Result<Report> verify(const Question& question, const Ports& ports);

/// `invalid` when the log, or what is held of it, is beyond the limits.
Result<> check_records(const log::Source& log, const Limits& limits);
Result<> check_held(uint64_t held, const Limits& limits);

inline constexpr uint64_t kTradesHeldMax = 1'000'000;

/// Columns in which two forms of one bar differ. `through` is bookkeeping and no part of it.
std::vector<Difference> compare(const model::Bar& stored, const model::Bar& expected,
                                bool with_coverage);

}  // namespace tapeline::verify
