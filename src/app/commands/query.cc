#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>

#include "app/commands/commands.h"
#include "app/commands/question.h"
#include "app/commands/tell.h"
#include "app/commands/time_range.h"
#include "app/registry.h"
#include "app/rows.h"

namespace tapeline::app {
namespace {

/// Trades put in order by symbol in one reading of the log; a bound on memory.
constexpr size_t kTradesHeldMax = 2'000'000;

/// For people the table has fewer and other columns than the stable export.
constexpr const char* kTableBarColumns =
    "symbol,interval,start,open,high,low,close,volume,vwap,count,price_update_count,revision,final,"
    "gap";
constexpr const char* kTableTradeColumns = "time,symbol,price,volume,codes";

/// The newest `limit` of what is taken, oldest first; 0 keeps nothing.
template <typename T>
class Newest {
 public:
  explicit Newest(int64_t limit) : limit_(static_cast<size_t>(limit)) {}

  void take(T value) {
    kept_.push_back(std::move(value));
    if (kept_.size() > limit_) kept_.pop_front();
  }
  const std::deque<T>& kept() const { return kept_; }

 private:
  const size_t limit_;
  std::deque<T> kept_;
};

/// Calls `each` for the trades of the range in the order of the log.
template <typename Each>
Result<> for_each_trade(log::Source& log, const TimeRange& range, const std::string& symbol,
                        Each&& each) {
  auto reader = log.read_events(in_microseconds(range.from).time_since_epoch().count(),
                                in_microseconds(range.to).time_since_epoch().count());
  if (!reader) return reader.error();
  log::Batch batch;
  codec::EntryView entry;
  for (;;) {
    auto outcome = reader.value()->next(batch, std::chrono::microseconds(0));
    if (!outcome) {
      if (outcome.error().code() != ErrorCode::corrupt) return outcome.error();
      fmt::print(stderr, "tapeline: {}; going on behind it\n", outcome.error().message());
      continue;
    }
    if (outcome.value() != log::ReadOutcome::progressed) return {};
    codec::EntryReader entries(*batch.bytes);
    while (entries.next(entry) == codec::EntryReader::Outcome::progressed) {
      if (entry.kind != codec::EntryKind::trade) continue;
      const codec::TradeView& trade = entry.trade;
      if (trade.event_time < range.from || trade.event_time >= range.to) continue;
      if (!symbol.empty() && trade.symbol != symbol) continue;
      each(trade);
    }
  }
}

/// Symbols and how many trades each has.
using TradeCounts = std::map<std::string, size_t, std::less<>>;

/// Writes the trades of some symbols, symbol by symbol, in one reading of the log.
Result<> write_symbols(TradeCounts::const_iterator begin, TradeCounts::const_iterator end,
                       log::Source& log, const TimeRange& range,
                       RowWriter<codec::TradeView>& writer) {
  if (std::next(begin) == end)
    return for_each_trade(log, range, begin->first,
                          [&](const codec::TradeView& trade) { writer.add(trade); });
  std::map<std::string, std::string, std::less<>> texts;
  for (auto at = begin; at != end; ++at) texts.emplace(at->first, std::string());
  const auto outcome = for_each_trade(log, range, "", [&](const codec::TradeView& trade) {
    if (const auto at = texts.find(trade.symbol); at != texts.end())
      writer.render(trade, at->second);
  });
  for (const auto& [symbol, text] : texts) writer.add_rendered(text);
  return outcome;
}

/// Tells what is wrong and gives nothing; no names are no intervals.
std::optional<std::vector<model::Interval>> intervals_or_say(
    const std::vector<std::string>& names) {
  std::vector<model::Interval> intervals;
  for (const std::string& name : names) {
    if (const auto interval = model::parse_interval(name)) {
      intervals.push_back(*interval);
      continue;
    }
    std::string known;
    for (const model::Interval interval : model::known_intervals())
      known += fmt::format("{}{}", known.empty() ? "" : ", ", model::to_text(interval));
    fmt::print(stderr, "tapeline: --intervals: '{}' is not a known length; known are {}\n", name,
               known);
    return std::nullopt;
  }
  return intervals;
}

/// A view of a trade, to be written; `conditions` is where it finds its codes.
codec::TradeView view_of(const model::Trade& trade, std::vector<std::string_view>& conditions) {
  conditions.assign(trade.conditions.begin(), trade.conditions.end());
  return {.symbol = trade.symbol,
          .price = trade.price,
          .volume = trade.volume,
          .event_time = trade.event_time,
          .ingest_time = trade.ingest_time,
          .conditions = codec::ConditionsView(conditions),
          .source = trade.id.source,
          .epoch = trade.id.epoch,
          .sequence = trade.id.sequence,
          .frame = trade.frame,
          .flags = trade.flags};
}

/// All of them, by symbol bytes and within a symbol in the order of the log. Symbols are taken in
/// groups, one reading of the log each, so that memory stays bounded.
Result<> write_all_trades(log::Source& log, const TimeRange& range, const std::string& symbol,
                          RowFormat format, RowWriter<codec::TradeView>& writer) {
  TradeCounts counts;
  auto outcome = for_each_trade(log, range, symbol, [&](const codec::TradeView& trade) {
    const auto at = counts.find(trade.symbol);
    ++(at != counts.end() ? at->second : counts[std::string(trade.symbol)]);
  });
  for (auto begin = counts.cbegin(); begin != counts.cend() && outcome.ok();) {
    size_t held = begin->second;
    auto end = std::next(begin);
    while (format != RowFormat::table && end != counts.cend() &&
           held + end->second <= kTradesHeldMax)
      held += (end++)->second;
    outcome = write_symbols(begin, end, log, range, writer);
    begin = end;
  }
  return outcome;
}

Result<> write_newest_trades(log::Source& log, const TimeRange& range, const std::string& symbol,
                             int64_t limit, RowWriter<codec::TradeView>& writer) {
  Newest<model::Trade> newest(limit);
  const auto outcome = for_each_trade(
      log, range, symbol, [&](const codec::TradeView& trade) { newest.take(trade.to_trade()); });
  std::vector<std::string_view> conditions;
  for (const model::Trade& trade : newest.kept()) writer.add(view_of(trade, conditions));
  return outcome;
}

}  // namespace

int query_bars(Config& config, const QueryArguments& arguments) {
  auto question = question_or_say(arguments, bar_columns(), kStableBarColumns, kTableBarColumns);
  const auto intervals = intervals_or_say(arguments.intervals);
  if (!question || !intervals) return kUsage;
  if (arguments.with_digest && question->format == RowFormat::jsonl && arguments.columns.empty())
    question->columns.push_back(bar_columns().back());
  metrics::Registry metrics;
  const auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return failed(view.error());
  auto reader = view.value().store->open_reader();
  if (!reader) return failed(reader.error());

  store::BarQuery query{.symbol = arguments.symbol,
                        .interval = std::nullopt,
                        .basis = *model::parse_basis(arguments.basis),
                        .from = question->range.from,
                        .to = question->range.to,
                        .limit = 0,
                        .newest = false};
  if (intervals->size() == 1) query.interval = intervals->front();
  const auto wanted = [&](const model::Bar& bar) {
    return intervals->empty() ||
           std::find(intervals->begin(), intervals->end(), bar.key.interval) != intervals->end();
  };
  RowWriter<model::Bar> writer(question->format, question->columns);
  Newest<model::Bar> newest(arguments.limit);
  const auto outcome = reader.value()->bars(query, [&](const model::Bar& bar) {
    if (!wanted(bar)) return true;
    arguments.limit == 0 ? writer.add(bar) : newest.take(bar);
    return true;
  });
  for (const model::Bar& bar : newest.kept()) writer.add(bar);
  return report(outcome, writer.finish());
}

int query_trades(Config& config, const QueryArguments& arguments) {
  const auto question =
      question_or_say(arguments, trade_columns(), kStableTradeColumns, kTableTradeColumns);
  if (!question) return kUsage;
  metrics::Registry metrics;
  const auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return failed(view.error());
  log::Source& log = *view.value().log;
  RowWriter<codec::TradeView> writer(question->format, question->columns);
  const auto outcome =
      arguments.limit > 0
          ? write_newest_trades(log, question->range, arguments.symbol, arguments.limit, writer)
          : write_all_trades(log, question->range, arguments.symbol, question->format, writer);
  return report(outcome, writer.finish());
}

int query_gaps(Config& config, const QueryArguments& arguments) {
  const auto question = question_or_say(arguments, gap_columns(), gap_columns().size(), "");
  if (!question) return kUsage;
  metrics::Registry metrics;
  const auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (!view) return failed(view.error());
  auto reader = view.value().store->open_reader();
  if (!reader) return failed(reader.error());
  auto gaps = reader.value()->gaps(arguments.symbol, in_microseconds(question->range.from),
                                   in_microseconds(question->range.to), 0);
  if (!gaps) return failed(gaps.error());
  RowWriter<model::Gap> writer(question->format, question->columns);
  const size_t count = gaps.value().size();
  const auto limit = static_cast<size_t>(arguments.limit);
  for (size_t i = limit == 0 || count < limit ? 0 : count - limit; i < count; ++i)
    writer.add(gaps.value()[i]);
  return report({}, writer.finish());
}

}  // namespace tapeline::app
