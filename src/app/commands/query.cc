#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <map>

#include "app/commands/commands.h"
#include "app/registry.h"
#include "app/rows.h"
#include "model/time.h"

namespace tapeline::app {
namespace {

/// Trades put in order by symbol in one reading of the log; a bound on memory.
constexpr size_t kTradesHeldMax = 2'000'000;

struct Range {
  model::EventTime from = model::EventTime::min();
  model::EventTime to = model::EventTime::max();
};

/// Prints what is wrong and gives nothing.
std::optional<Range> parse_range(const QueryArguments& arguments) {
  Range range;
  const auto read = [](const char* name, const std::string& text, model::EventTime& into) {
    if (text.empty()) return true;
    const auto time = model::parse_time(text);
    if (time) {
      into = std::chrono::time_point_cast<std::chrono::milliseconds>(*time);
      return true;
    }
    fmt::print(stderr,
               "tapeline: {} {} is no time: give RFC 3339 such as 2026-11-21T09:30:00Z, a date, or "
               "milliseconds since 1970\n",
               name, text);
    return false;
  };
  if (!read("--from", arguments.from, range.from) || !read("--to", arguments.to, range.to))
    return std::nullopt;
  if (range.to <= range.from) {
    fmt::print(stderr, "tapeline: --to must be later than --from\n");
    return std::nullopt;
  }
  return range;
}

std::optional<TapeView> open_view(const Config& config, metrics::Registry& metrics) {
  auto view = open_tape_to_read(config, posix_file_system(), system_clock(), metrics);
  if (view) return std::move(view).value();
  fmt::print(stderr, "tapeline: {}\n", view.error().message());
  return std::nullopt;
}

int report(const Result<>& outcome, bool written) {
  if (!outcome) {
    fmt::print(stderr, "tapeline: {}\n", outcome.error().message());
    return kFailed;
  }
  if (!written) {
    fmt::print(stderr, "tapeline: standard output could not be written to its end\n");
    return kFailed;
  }
  return kOk;
}

template <typename T>
std::optional<std::vector<Column<T>>> columns_or_say(const std::vector<Column<T>>& all,
                                                     size_t stable,
                                                     const QueryArguments& arguments) {
  std::vector<Column<T>> chosen;
  const std::string wrong = choose_columns(all, stable, arguments.columns, chosen);
  if (wrong.empty()) return chosen;
  fmt::print(stderr, "tapeline: --columns: {}\n", wrong);
  return std::nullopt;
}

/// For people the table has fewer and other columns than the stable export.
std::string table_bar_columns() {
  return "symbol,interval,start,open,high,low,close,volume,vwap,count,price_update_count,revision,"
         "final,gap";
}

std::string table_trade_columns() {
  return "time,symbol,price,volume,conditions";
}

/// Calls `each` for the trades of the range in the order of the log.
template <typename Each>
Result<> for_each_trade(log::Source& log, const Range& range, const std::string& symbol,
                        Each&& each) {
  const auto bound = [](model::EventTime time) {
    const int64_t ms = time.time_since_epoch().count();
    return ms > INT64_MAX / 1'000 ? INT64_MAX : ms < INT64_MIN / 1'000 ? INT64_MIN : ms * 1'000;
  };
  auto reader = log.read_events(bound(range.from), bound(range.to));
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
                       log::Source& log, const Range& range, RowWriter<codec::TradeView>& writer) {
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

std::string known_intervals_text() {
  std::string text;
  for (const model::Interval interval : model::known_intervals())
    text += fmt::format("{}{}", text.empty() ? "" : ", ", model::to_text(interval));
  return text;
}

}  // namespace

int query_bars(Config& config, const QueryArguments& arguments) {
  const auto range = parse_range(arguments);
  const auto format = parse_row_format(arguments.format);
  QueryArguments shown = arguments;
  if (format == RowFormat::table && shown.columns.empty()) shown.columns = table_bar_columns();
  const auto columns = columns_or_say(bar_columns(), kStableBarColumns, shown);
  std::vector<model::Interval> intervals;
  for (const std::string& name : arguments.intervals) {
    const auto interval = model::parse_interval(name);
    if (!interval) {
      fmt::print(stderr, "tapeline: --intervals: '{}' is not a known length; known are {}\n", name,
                 known_intervals_text());
      return kUsage;
    }
    intervals.push_back(*interval);
  }
  if (!range || !columns || !format) return kUsage;
  metrics::Registry metrics;
  const auto view = open_view(config, metrics);
  if (!view) return kFailed;
  auto reader = view->store->open_reader();
  if (!reader) return report(reader.error(), true);

  store::BarQuery query{.symbol = arguments.symbol,
                        .interval = std::nullopt,
                        .basis = *model::parse_basis(arguments.basis),
                        .from = range->from,
                        .to = range->to,
                        .limit = 0,
                        .newest = false};
  if (intervals.size() == 1) query.interval = intervals.front();
  RowWriter<model::Bar> writer(*format, *columns);
  std::deque<model::Bar> newest;
  const auto wanted = [&](const model::Bar& bar) {
    return intervals.empty() ||
           std::find(intervals.begin(), intervals.end(), bar.key.interval) != intervals.end();
  };
  const auto outcome = reader.value()->bars(query, [&](const model::Bar& bar) {
    if (!wanted(bar)) return true;
    if (arguments.limit == 0) {
      writer.add(bar);
      return true;
    }
    newest.push_back(bar);
    if (newest.size() > static_cast<size_t>(arguments.limit)) newest.pop_front();
    return true;
  });
  for (const model::Bar& bar : newest) writer.add(bar);
  return report(outcome, writer.finish());
}

int query_trades(Config& config, const QueryArguments& arguments) {
  const auto range = parse_range(arguments);
  const auto format = parse_row_format(arguments.format);
  QueryArguments shown = arguments;
  if (format == RowFormat::table && shown.columns.empty()) shown.columns = table_trade_columns();
  const auto columns = columns_or_say(trade_columns(), kStableTradeColumns, shown);
  if (!range || !columns || !format) return kUsage;
  metrics::Registry metrics;
  const auto view = open_view(config, metrics);
  if (!view) return kFailed;
  RowWriter<codec::TradeView> writer(*format, *columns);

  // The newest few: a ring of them.
  if (arguments.limit > 0) {
    std::deque<model::Trade> newest;
    const auto outcome =
        for_each_trade(*view->log, *range, arguments.symbol, [&](const codec::TradeView& trade) {
          newest.push_back(trade.to_trade());
          if (newest.size() > static_cast<size_t>(arguments.limit)) newest.pop_front();
        });
    for (const model::Trade& trade : newest) {
      const std::vector<std::string_view> names(trade.conditions.begin(), trade.conditions.end());
      writer.add({.symbol = trade.symbol,
                  .price = trade.price,
                  .volume = trade.volume,
                  .event_time = trade.event_time,
                  .ingest_time = trade.ingest_time,
                  .conditions = codec::ConditionsView(names),
                  .source = trade.id.source,
                  .epoch = trade.id.epoch,
                  .sequence = trade.id.sequence,
                  .frame = trade.frame,
                  .flags = trade.flags});
    }
    return report(outcome, writer.finish());
  }

  // All of them, by symbol bytes and within a symbol in the order of the log. Symbols are taken
  // in groups, one reading of the log each, so that memory stays bounded.
  TradeCounts counts;
  auto outcome =
      for_each_trade(*view->log, *range, arguments.symbol, [&](const codec::TradeView& trade) {
        const auto at = counts.find(trade.symbol);
        ++(at != counts.end() ? at->second : counts[std::string(trade.symbol)]);
      });
  for (auto begin = counts.cbegin(); begin != counts.cend() && outcome.ok();) {
    size_t held = begin->second;
    auto end = std::next(begin);
    while (*format != RowFormat::table && end != counts.cend() &&
           held + end->second <= kTradesHeldMax)
      held += (end++)->second;
    outcome = write_symbols(begin, end, *view->log, *range, writer);
    begin = end;
  }
  return report(outcome, writer.finish());
}

int query_gaps(Config& config, const QueryArguments& arguments) {
  const auto range = parse_range(arguments);
  const auto format = parse_row_format(arguments.format);
  const auto columns = columns_or_say(gap_columns(), gap_columns().size(), arguments);
  if (!range || !columns || !format) return kUsage;
  metrics::Registry metrics;
  const auto view = open_view(config, metrics);
  if (!view) return kFailed;
  auto reader = view->store->open_reader();
  if (!reader) return report(reader.error(), true);
  const auto bound = [](model::EventTime time) {
    using std::chrono::microseconds;
    constexpr auto least = model::EventTime(std::chrono::milliseconds(INT64_MIN / 1'000));
    constexpr auto greatest = model::EventTime(std::chrono::milliseconds(INT64_MAX / 1'000));
    return model::IngestTime(std::chrono::duration_cast<microseconds>(
        std::clamp(time, least, greatest).time_since_epoch()));
  };
  auto gaps = reader.value()->gaps(arguments.symbol, bound(range->from), bound(range->to), 0);
  if (!gaps) return report(gaps.error(), true);
  RowWriter<model::Gap> writer(*format, *columns);
  const size_t count = gaps.value().size();
  const auto limit = static_cast<size_t>(arguments.limit);
  for (size_t i = limit == 0 || count < limit ? 0 : count - limit; i < count; ++i)
    writer.add(gaps.value()[i]);
  return report({}, writer.finish());
}

}  // namespace tapeline::app
