#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "codec/csv.h"
#include "codec/finnhub.h"
#include "ingest/stage.h"
#include "model/dead_letter.h"
#include "model/replayed_set.h"

namespace tapeline::ingest {

/// What became of one dead letter. All zero: its frame holds no trades (a ping, news).
struct LetterOutcome {
  uint32_t entered = 0;                    ///< Trades handed to the log.
  uint32_t known = 0;                      ///< Valid ones that entered the log before.
  std::vector<model::RejectReason> still;  ///< Of each element that is refused, or of the frame.
};

/// Reads dead letters again, by today's parser and settings, and puts what is valid now into the
/// log: marked kReplayed, received now, each with the identity of its origin (model/dead_letter.h).
/// An identity enters once, whatever came between: `Known` says what the log holds. One owner
/// thread; the stage may wait.
class LetterReplayer {
 public:
  /// What the log holds of a source by earlier replays; asked once for each source.
  using Known = std::function<model::ReplayedSet(const std::string& source)>;

  /// All must outlive the object.
  LetterReplayer(Stage& stage, const Clock& clock, const StageOptions& options, Known known);

  /// `full` when the source has no room for another identity (ReplayedSet::kRangesMax); an error
  /// of the log as Stage::flush gives it. What entered before stays.
  Result<LetterOutcome> replay(const model::DeadLetter& letter);

 private:
  Result<> read(const model::DeadLetter& letter, const model::ReplayedSet::Range& place,
                LetterOutcome& outcome);
  Result<> take(const model::DeadLetter& letter, int64_t sequence, const codec::Element& element,
                LetterOutcome& outcome);
  model::ReplayedSet& known(const std::string& source);

  Stage& stage_;
  const Clock& clock_;
  const StageOptions options_;
  const Known ask_;
  std::map<std::string, model::ReplayedSet> known_;
  codec::FinnhubParser frames_;
  codec::CsvRowParser rows_;
  std::string wrapped_;
};

}  // namespace tapeline::ingest
