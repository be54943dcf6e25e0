#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/log.h"
#include "model/dead_letter.h"
#include "model/replayed_set.h"

/// Looking into the log of dead letters.
namespace tapeline::serve {

struct Letter {
  int64_t id = 0;  ///< Its place in the log of dead letters: from 1, in the order put aside.
  model::DeadLetter letter;
  uint64_t bytes = 0;  ///< As received; `letter.raw` may be cut, see LetterQuery.
  /// What it holds entered the log later; nothing when that is not known. See is_replayed.
  std::optional<bool> replayed = std::nullopt;
};

struct LetterQuery {
  std::optional<model::RejectReason> reason;
  std::string source;  ///< Empty: of all.
  model::IngestTime from = model::IngestTime::min();
  model::IngestTime to = model::IngestTime::max();  ///< Before this.
  int64_t before = INT64_MAX;                       ///< Only ids below: the next page back.
  size_t limit = 0;                                 ///< The newest so many; 0: all.
  size_t raw_bytes_max = SIZE_MAX;                  ///< Of each letter's bytes.
};

struct LetterPage {
  std::vector<Letter> letters;  ///< The newest of those asked for, oldest first.
  bool more = false;            ///< Older ones did not fit.
  bool complete = true;         ///< False when a part of the log is damaged.
};

/// Whether the query, its limit aside, asks for the letter.
bool wanted(const Letter& letter, const LetterQuery& query);

/// By source, what entered the log later.
using ReplayedSets = std::map<std::string, model::ReplayedSet>;

/// Whether what the letter holds entered the log later; nothing when `sets` are not known.
std::optional<bool> is_replayed(const model::DeadLetter& letter,
                                const std::optional<ReplayedSets>& sets);

/// Reads the log from its begin to its present end: it is bounded by dead_letters.bytes_max.
Result<LetterPage> find_letters(log::Source& log, const LetterQuery& query);

/// Calls `each(Letter&&)` in order until it returns false. True when nothing was damaged.
Result<bool> for_each_letter(log::Source& log, Position from,
                             const std::function<bool(Letter&&)>& each);

/// `not_found` says which ids there are.
Result<Letter> find_letter(log::Source& log, int64_t id);

}  // namespace tapeline::serve
