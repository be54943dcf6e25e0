#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "log/log.h"
#include "model/bar.h"
#include "model/trade.h"
#include "serve/letters.h"
#include "serve/ports.h"
#include "store/store.h"

namespace tapeline::serve {

/// Questions to store and log that may take long. Used on the workers' thread only.
class Queries {
 public:
  Queries(store::Store& store, log::Log& log, log::Source& dead_letters, ReplayedOf replayed_of,
          size_t records_scanned_max)
      : store_(store),
        log_(log),
        dead_letters_(dead_letters),
        replayed_of_(std::move(replayed_of)),
        records_scanned_max_(records_scanned_max) {}

  /// `newer`: see store::merge.
  Result<std::vector<model::Bar>> bars(const store::BarQuery& query,
                                       const std::vector<model::Bar>& newer);

  /// With `from` the oldest ones, without it the newest; oldest first either way.
  Result<std::vector<model::Gap>> gaps(const std::string& symbol,
                                       std::optional<model::IngestTime> from, model::IngestTime to,
                                       size_t limit);

  struct TradeQuery {
    std::string symbol;
    std::optional<model::EventTime> from;  ///< Nothing: as far back as it takes.
    model::EventTime to;                   ///< Before this.
    model::EventTime newest;               ///< About where the newest trades are.
    size_t limit = 0;
  };
  struct Trades {
    std::vector<model::Trade> trades;  ///< The newest ones of the range, by (event time, id).
    bool complete = true;              ///< False when the scan ended at its bound, or met damage.
  };
  Result<Trades> trades(const TradeQuery& query);

  Result<LetterPage> letters(const LetterQuery& query);
  /// One, whole; see find_letter.
  Result<Letter> letter(int64_t id);

 private:
  class Collector;
  Result<store::Reader*> reader();
  /// Nothing when the store has no checkpoint that can be read.
  Result<std::optional<ReplayedSets>> replayed();
  Result<> scan(model::EventTime from, model::EventTime to, Collector& collector);

  store::Store& store_;
  log::Log& log_;
  log::Source& dead_letters_;
  const ReplayedOf replayed_of_;
  const size_t records_scanned_max_;
  std::unique_ptr<store::Reader> reader_;
};

}  // namespace tapeline::serve
