#include "serve/queries.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "codec/entry.h"
#include "store/live_view.h"

namespace tapeline::serve {
namespace {

using model::EventTime;
using std::chrono::milliseconds;

bool earlier(const model::Trade& a, const model::Trade& b) {
  return std::tie(a.event_time, a.id) < std::tie(b.event_time, b.id);
}

int64_t microseconds_of(EventTime time) {
  constexpr int64_t kMax = INT64_MAX / 1'000;
  return std::clamp(time.time_since_epoch().count(), -kMax, kMax) * 1'000;
}

}  // namespace

/// Keeps the newest trades of one symbol and range.
class Queries::Collector {
 public:
  Collector(const TradeQuery& query, size_t records_left)
      : query_(query), records_left_(records_left) {}

  void begin(EventTime from) {
    from_ = from;
    trades_.clear();
  }

  /// False when the bound is reached.
  bool take(const log::Batch& batch) {
    if (batch.count > records_left_) {
      complete_ = false;
      return false;
    }
    records_left_ -= batch.count;
    codec::EntryReader entries(*batch.bytes);
    codec::EntryView entry;
    while (entries.next(entry) == codec::EntryReader::Outcome::progressed)
      if (entry.kind == codec::EntryKind::trade && wanted(entry.trade))
        trades_.push_back(entry.trade.to_trade());
    // Pruned now and then, so that memory follows the limit, not the range.
    if (trades_.size() > kPruneAt + 4 * query_.limit) keep_newest();
    return true;
  }

  void damaged() { complete_ = false; }
  bool exhausted() const { return !complete_; }

  /// Whether a further look back is needless.
  bool satisfied() {
    keep_newest();
    return trades_.size() >= query_.limit;
  }

  Trades finish() {
    keep_newest();
    return {.trades = std::move(trades_), .complete = complete_};
  }

 private:
  static constexpr size_t kPruneAt = 4'096;

  bool wanted(const codec::TradeView& trade) const {
    return trade.symbol == query_.symbol && trade.event_time >= from_ &&
           trade.event_time < query_.to;
  }

  /// The same trade id may be in the log more than once (a retry); it is one trade.
  void keep_newest() {
    std::sort(trades_.begin(), trades_.end(), earlier);
    const auto same = [](const model::Trade& a, const model::Trade& b) { return a.id == b.id; };
    trades_.erase(std::unique(trades_.begin(), trades_.end(), same), trades_.end());
    if (trades_.size() > query_.limit)
      trades_.erase(trades_.begin(), trades_.end() - static_cast<ptrdiff_t>(query_.limit));
  }

  const TradeQuery& query_;
  EventTime from_;
  size_t records_left_;
  bool complete_ = true;
  std::vector<model::Trade> trades_;
};

Result<store::Reader*> Queries::reader() {
  if (!reader_) {
    auto opened = store_.open_reader();
    if (!opened) return opened.error();
    reader_ = std::move(opened).value();
  }
  return reader_.get();
}

Result<std::vector<model::Bar>> Queries::bars(const store::BarQuery& query,
                                              const std::vector<model::Bar>& newer) {
  auto store = reader();
  if (!store) return store.error();
  return store::merge(*store.value(), query, newer);
}

Result<std::vector<model::Gap>> Queries::gaps(const std::string& symbol,
                                              std::optional<model::IngestTime> from,
                                              model::IngestTime to, size_t limit) {
  auto store = reader();
  if (!store) return store.error();
  return from ? store.value()->gaps(symbol, *from, to, limit)
              : store.value()->newest_gaps(symbol, model::IngestTime::min(), to, limit);
}

Result<LetterPage> Queries::letters(const LetterQuery& query) {
  auto page = find_letters(dead_letters_, query);
  if (!page) return page.error();
  const auto sets = replayed();
  if (!sets) return sets.error();
  for (Letter& letter : page.value().letters)
    letter.replayed = is_replayed(letter.letter, sets.value());
  return page;
}

Result<Letter> Queries::letter(int64_t id) {
  auto letter = find_letter(dead_letters_, id);
  if (!letter) return letter.error();
  const auto sets = replayed();
  if (!sets) return sets.error();
  letter.value().replayed = is_replayed(letter.value().letter, sets.value());
  return letter;
}

Result<std::optional<ReplayedSets>> Queries::replayed() {
  auto store = reader();
  if (!store) return store.error();
  const auto checkpoint = store.value()->checkpoint();
  if (!checkpoint) return checkpoint.error();
  if (!checkpoint.value()) return std::optional<ReplayedSets>();
  return replayed_of_(*checkpoint.value());
}

Result<> Queries::scan(EventTime from, EventTime to, Collector& collector) {
  collector.begin(from);
  auto records = log_.read_events(microseconds_of(from), microseconds_of(to));
  if (!records) return records.error();
  for (log::Batch batch;;) {
    const auto outcome = records.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome && outcome.error().code() == ErrorCode::corrupt) {
      // The reader stands behind the damage; the answer says that something is missing.
      collector.damaged();
      continue;
    }
    if (!outcome) return outcome.error();
    if (outcome.value() != log::ReadOutcome::progressed) return {};
    if (!collector.take(batch)) return {};
  }
}

Result<Queries::Trades> Queries::trades(const TradeQuery& query) {
  Collector collector(query, records_scanned_max_);
  if (query.from) {
    TAPELINE_TRY(scan(*query.from, query.to, collector));
    return collector.finish();
  }
  // The newest ones are wanted: look back further and further until there are enough.
  constexpr milliseconds kLooks[] = {std::chrono::minutes(1), std::chrono::minutes(20),
                                     std::chrono::hours(6), std::chrono::days(30)};
  for (const milliseconds look : kLooks) {
    TAPELINE_TRY(scan(query.newest - look, query.to, collector));
    if (collector.exhausted() || collector.satisfied()) return collector.finish();
  }
  TAPELINE_TRY(scan(EventTime(milliseconds(INT64_MIN / 2'000)), query.to, collector));
  return collector.finish();
}

}  // namespace tapeline::serve
