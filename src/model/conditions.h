#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapeline::model {

/// What a trade's conditions say of its session, the clock aside. Of several the greatest counts.
enum class SessionMark : uint8_t {
  none,
  closing,   ///< A closing print: of the regular session, also when it is reported after it.
  extended,  ///< Out of regular hours, whatever the clock says; wins over `closing`.
};

/// What a trade may move in bars of basis `eligible`. Sets of rights; several conditions of a trade
/// combine by AND.
class Rights {
 public:
  enum : uint8_t {
    kLast = 1,       ///< It may open and close a bar.
    kOnlyOfDay = 2,  ///< So it may when it is the first or only trade of its day; kLast has it too.
    kHighLow = 4,
    kVolume = 8,
    kAll = kLast | kOnlyOfDay | kHighLow | kVolume,
  };

  constexpr Rights() = default;
  constexpr explicit Rights(uint8_t bits) : bits_(bits) {}

  constexpr bool all() const { return bits_ == kAll; }
  constexpr bool last() const { return (bits_ & kLast) != 0; }
  /// Only as the first or only trade of its day.
  constexpr bool last_if_only() const { return !last() && (bits_ & kOnlyOfDay) != 0; }
  constexpr bool high_low() const { return (bits_ & kHighLow) != 0; }
  constexpr bool volume() const { return (bits_ & kVolume) != 0; }

  /// Without the right to open and close as the only trade of the day.
  constexpr Rights firm_only() const {
    return last() ? *this : Rights(static_cast<uint8_t>(bits_ & ~kOnlyOfDay));
  }

  constexpr Rights operator&(Rights other) const {
    return Rights(static_cast<uint8_t>(bits_ & other.bits_));
  }
  friend constexpr bool operator==(Rights, Rights) = default;

 private:
  uint8_t bits_ = kAll;
};

/// What all conditions of a trade say together.
struct Verdict {
  Rights rights;
  SessionMark mark = SessionMark::none;

  Verdict& operator&=(Verdict other) {
    rights = rights & other.rights;
    mark = std::max(mark, other.mark);
    return *this;
  }
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

struct Condition {
  int code = 0;
  Rights rights;
  SessionMark mark = SessionMark::none;
  friend bool operator==(const Condition&, const Condition&) = default;
};

/// What is said of each condition code of stocks. A code that a table does not name restricts
/// nothing. A table without a name is what logs without a table are read by: 24 and 25 are of
/// extended hours, and nothing is restricted.
///
/// As text, one line that stands in the log as a setting:
///
///     table      none | name ' ' version { ' ' condition }
///     condition  code ':' rights [ mark ]
///     rights     '-' | [ 'L' | 'c' ] [ 'H' ] [ 'V' ]      'c': last only as the only one of its
///     day mark       'x' extended | 'z' closing
///
///     finnhub 1 1:LHV 2:LHV 3:V ... 24:LHVx 25:Vx 30:cHV ...
///
/// Codes ascend, so that one table has one text. What may open and close a bar counts for high and
/// low, so that a bar's open and close lie between them. Immutable once made; any thread may read
/// it.
class ConditionTable {
 public:
  static constexpr int kCodeMax = 255;
  static constexpr size_t kTextBytesMax = 4'096;
  static constexpr size_t kNameBytesMax = 32;

  ConditionTable();

  /// `invalid` says what is wrong and where. Any bytes may be given.
  static Result<ConditionTable> parse(std::string_view text);
  /// In any order, each code once.
  static Result<ConditionTable> make(std::string name, int version,
                                     std::vector<Condition> conditions);

  std::string text() const;

  /// Of a code as trades carry it, such as "12"; all rights when it is not named.
  Verdict of(std::string_view code) const {
    const int index = index_of(code);
    return index < 0 ? Verdict{} : verdicts_[static_cast<size_t>(index)];
  }

  /// The number of a code that takes something from a trade; 0 when it takes nothing. `misplaced`:
  /// the trade says that it is of extended hours, and is not: those codes take everything.
  int taker(std::string_view code, bool misplaced) const {
    const int index = index_of(code);
    if (index < 0) return 0;
    const Verdict& verdict = verdicts_[static_cast<size_t>(index)];
    const bool takes =
        !verdict.rights.all() || (misplaced && verdict.mark == SessionMark::extended);
    return takes ? index : 0;
  }

  /// Not the one of logs without a table.
  bool named() const { return !name_.empty(); }
  const std::vector<Condition>& conditions() const { return conditions_; }  ///< By code.
  friend bool operator==(const ConditionTable& a, const ConditionTable& b) {
    return a.name_ == b.name_ && a.version_ == b.version_ && a.conditions_ == b.conditions_;
  }

 private:
  /// -1 for what is no code: not one to three digits without leading zero.
  static int index_of(std::string_view code) {
    if (code.empty() || code.size() > 3 || code[0] == '0') return -1;
    int value = 0;
    for (const char c : code) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    return value <= kCodeMax ? value : -1;
  }

  std::string name_;
  int version_ = 0;
  std::vector<Condition> conditions_;
  std::array<Verdict, kCodeMax + 1> verdicts_;
};

/// A condition as people are told of it: config/conditions/finnhub.toml as built in.
struct ConditionName {
  int code = 0;
  std::string name;
  char letter = 0;          ///< Of the US tape; 0: none is known.
  bool unverified = false;  ///< Sources disagree; it does not exclude.
};

/// The table of Finnhub's codes, and their names.
const ConditionTable& finnhub_conditions();
const std::vector<ConditionName>& condition_names();
/// "Odd Lot Trade" for "12"; nothing for a code that has no name.
std::optional<std::string_view> condition_name(std::string_view code);
/// What a verdict takes away, in words: "no open or close, no high or low"; empty when nothing.
std::string in_words(const Verdict& verdict);

}  // namespace tapeline::model
