#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

/// What the simulator does wrong on request: `duplicate=0.01,disconnect=30s,malformed=0.001`.
namespace tapeline::simulate {

/// Faults that happen by chance, each time there is an occasion.
enum class Fault {
  duplicate,
  disorder,
  malformed,
  oversized,
  unknown_type,
  error,
  invalid_symbol,
  unauthorized,
  too_many_requests,
  not_upgraded,
  half_open,
  second_connection,
  repeat_later,
};
inline constexpr size_t kFaults = 13;

/// Faults that happen from time to time.
enum class Habit { ping, pause, silence, burst, disconnect, abort };
inline constexpr size_t kHabits = 6;

/// The probability of each occasion, or the first so many occasions.
struct Chance {
  double probability = 0;
  uint32_t first = 0;
};

/// About every `every` of time or every `frames` trade frames, for `length`.
struct Schedule {
  std::chrono::microseconds every{0};
  uint64_t frames = 0;
  std::chrono::microseconds length{0};

  bool wanted() const { return every.count() > 0 || frames > 0; }
};

struct Misbehaviour {
  std::array<Chance, kFaults> chances;
  std::array<Schedule, kHabits> schedules;
  uint32_t copies = 3;  ///< How often a duplicated frame is sent in all.

  const Chance& of(Fault fault) const { return chances[static_cast<size_t>(fault)]; }
  const Schedule& of(Habit habit) const { return schedules[static_cast<size_t>(habit)]; }
};

/// Reads `name=value,name=value`. `invalid` names every problem at once, with the nearest name.
Result<Misbehaviour> parse_misbehaviour(std::string_view text);

/// A name with the form of its value and its sentence; README.md has the same table.
struct MisbehaviourHelp {
  std::string_view name;
  std::string_view value;
  std::string_view sentence;
};
std::span<const MisbehaviourHelp> misbehaviour_help();

/// Decides when faults happen. Each fault has a sequence of its own, so that switching one on does
/// not move the others: the same seed and occasions give the same faults. One owner.
class Faults {
 public:
  Faults(const Misbehaviour& misbehaviour, uint64_t seed);

  bool happens(Fault fault);

  /// The text of `frame` spoiled in a way chosen by chance. May be no UTF-8.
  std::string spoil(std::string_view frame);

  /// Uniform in [0, bound): for details of a fault, such as how long.
  uint64_t below(uint64_t bound) { return detail_.below(bound); }
  /// From half to one and a half of `period`.
  std::chrono::microseconds around(std::chrono::microseconds period);

  const Misbehaviour& misbehaviour() const { return misbehaviour_; }

 private:
  const Misbehaviour misbehaviour_;
  std::vector<Random> random_;
  std::array<uint64_t, kFaults> occasions_{};
  Random detail_;
};

}  // namespace tapeline::simulate
