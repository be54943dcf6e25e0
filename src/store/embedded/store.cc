#include "store/embedded/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/kill_point.h"
#include "base/mutant.h"
#include "store/embedded/columns.h"
#include "store/embedded/database.h"
#include "store/embedded/schema.h"

namespace tapeline::store {
namespace {

using model::Basis;
using model::EventTime;
using model::IngestTime;

int64_t raw_ms(EventTime time) {
  return time.time_since_epoch().count();
}
int64_t raw_us(IngestTime time) {
  return time.time_since_epoch().count();
}

/// A connection with the product's settings.
Result<std::unique_ptr<Database>> connect(const std::string& path, Database::Access access,
                                          const Options& options) {
  auto opened = Database::open(path, access);
  if (!opened) return opened.error();
  Database& database = *opened.value();
  database.set_busy_timeout_ms(options.busy_timeout_ms);
  // There are several readers, and their pages are in the operating system's cache as well.
  constexpr int64_t kReaderShare = 8;
  const int64_t cache_bytes =
      access == Database::Access::write ? options.cache_bytes : options.cache_bytes / kReaderShare;
  TAPELINE_TRY(database.execute(fmt::format("PRAGMA cache_size=-{}", cache_bytes / 1024)));
  if (access == Database::Access::read) return opened;
  // Pages of 8 KiB hold some thirty bars; they have to be chosen before WAL mode.
  TAPELINE_TRY(database.execute("PRAGMA page_size=8192"));
  TAPELINE_TRY(database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"));
  const auto page = database.number("PRAGMA page_size");
  if (!page) return page.error();
  TAPELINE_TRY(
      database.execute(fmt::format("PRAGMA wal_autocheckpoint={}; "
                                   "PRAGMA journal_size_limit={}",
                                   options.wal_bytes / page.value(), options.wal_bytes)));
  if (options.bytes_max > 0)
    TAPELINE_TRY(database.execute(fmt::format(
        "PRAGMA max_page_count={}", std::max<int64_t>(options.bytes_max / page.value(), 1))));
  return opened;
}

class EmbeddedWriter final : public Writer {
 public:
  static Result<std::unique_ptr<Writer>> make(const std::string& path, const Options& options) {
    auto database = connect(path, Database::Access::write, options);
    if (!database) return database.error();
    std::unique_ptr<EmbeddedWriter> writer(new EmbeddedWriter(std::move(database).value()));
    TAPELINE_TRY(writer->prepare());
    return std::unique_ptr<Writer>(std::move(writer));
  }

  Result<> write(const Commit& commit) override {
    if (mutated(Mutant::checkpoint_before_bars) && !commit.bars.empty())
      TAPELINE_TRY(write({{}, {}, {}, {}, commit.checkpoint}));
    auto transaction = Transaction::begin(*database_, Transaction::Kind::write);
    if (!transaction) return transaction.error();
    for (const model::BarKey& key : commit.removed) TAPELINE_TRY(remove_bar(key));
    TAPELINE_TRY(write_bars(commit.bars));
    kill_point("store.bars_written");
    for (const model::Gap& gap : commit.gaps) TAPELINE_TRY(write_gap(gap));
    for (const SymbolRow& row : commit.symbols) TAPELINE_TRY(write_symbol(row));
    if (commit.checkpoint) TAPELINE_TRY(write_checkpoint(*commit.checkpoint));
    kill_point("store.before_commit");
    TAPELINE_TRY(transaction.value().commit());
    kill_point("store.committed");
    return {};
  }

 private:
  explicit EmbeddedWriter(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<> prepare() {
    const std::pair<Statement*, std::string> statements[] = {
        {&bar_, bar_upsert()},
        {&removal_,
         "DELETE FROM bars WHERE symbol = ? AND interval_ms = ? AND basis = ? AND start_ms = ?"},
        {&gap_,
         "INSERT INTO gaps (position, source, symbol, from_us, to_us, cause) "
         "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (position) DO NOTHING"},
        {&symbol_,
         "INSERT INTO symbols (symbol, venue_class, state, detail, since_us, position) "
         "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (symbol) DO UPDATE SET "
         "venue_class=excluded.venue_class, state=excluded.state, detail=excluded.detail, "
         "since_us=excluded.since_us, position=excluded.position "
         "WHERE excluded.position > symbols.position"},
        {&checkpoint_,
         "INSERT INTO checkpoint (id, position, state) VALUES (1, ?, ?) "
         "ON CONFLICT (id) DO UPDATE SET position=excluded.position, state=excluded.state "
         "WHERE excluded.position >= checkpoint.position"}};
    for (const auto& [statement, sql] : statements) {
      auto prepared = database_->prepare(sql);
      if (!prepared) return prepared.error();
      *statement = std::move(prepared).value();
    }
    return {};
  }

  Result<> remove_bar(const model::BarKey& key) {
    removal_.bind(1, std::string_view(key.symbol));
    removal_.bind(2, key.interval.ms());
    removal_.bind(3, model::to_string(key.basis));
    removal_.bind(4, raw_ms(key.start));
    return finish(removal_);
  }

  /// In the order of the key, so that neighbouring rows meet the same pages.
  Result<> write_bars(const std::vector<BarRow>& rows) {
    const auto by_key = [](const BarRow* a, const BarRow* b) {
      const model::BarKey& left = a->bar.key;
      const model::BarKey& right = b->bar.key;
      if (const int order = left.symbol.compare(right.symbol); order != 0) return order < 0;
      return std::tuple(left.interval, left.basis, left.start) <
             std::tuple(right.interval, right.basis, right.start);
    };
    order_.clear();
    for (const BarRow& row : rows) order_.push_back(&row);
    if (!std::is_sorted(order_.begin(), order_.end(), by_key))
      std::sort(order_.begin(), order_.end(), by_key);
    for (const BarRow* row : order_) {
      columns_.bind(bar_, *row);
      if (auto done = bar_.step(); !done) return done.error();
    }
    return {};
  }

  Result<> write_gap(const model::Gap& gap) {
    gap_.bind(1, gap.position.raw());
    gap_.bind(2, std::string_view(gap.source));
    if (gap.symbol)
      gap_.bind(3, std::string_view(*gap.symbol));
    else
      gap_.bind_null(3);
    gap_.bind(4, raw_us(gap.from));
    gap_.bind(5, raw_us(gap.to));
    gap_.bind(6, std::string_view(gap.cause));
    return finish(gap_);
  }

  Result<> write_symbol(const SymbolRow& row) {
    symbol_.bind(1, std::string_view(row.symbol));
    symbol_.bind(2, std::string_view(row.venue_class));
    symbol_.bind(3, std::string_view(row.state));
    symbol_.bind(4, std::string_view(row.detail));
    symbol_.bind(5, raw_us(row.since));
    symbol_.bind(6, row.position.raw());
    return finish(symbol_);
  }

  Result<> write_checkpoint(const Checkpoint& checkpoint) {
    checkpoint_.bind(1, checkpoint.position.raw());
    checkpoint_.bind_blob(2, checkpoint.state);
    return finish(checkpoint_);
  }

  static Result<> finish(Statement& statement) {
    auto done = statement.step();
    if (!done) return done.error();
    return {};
  }

  const std::unique_ptr<Database> database_;
  Statement bar_, removal_, gap_, symbol_, checkpoint_;
  BarColumns columns_;
  std::vector<const BarRow*> order_;
};

class EmbeddedReader final : public Reader {
 public:
  static Result<std::unique_ptr<Reader>> make(const std::string& path, const Options& options) {
    auto database = connect(path, Database::Access::read, options);
    if (!database) return database.error();
    std::unique_ptr<EmbeddedReader> reader(new EmbeddedReader(std::move(database).value()));
    TAPELINE_TRY(reader->prepare());
    return std::unique_ptr<Reader>(std::move(reader));
  }

  Result<std::optional<BarRow>> row(const model::BarKey& key) override {
    bind_series(row_, key.symbol, key.interval, key.basis);
    row_.bind(4, raw_ms(key.start));
    auto found = row_.step();
    if (!found) return found.error();
    if (!found.value()) return std::optional<BarRow>();
    auto bar = read_bar(row_, database_->path());
    row_.reset();
    if (!bar) return bar.error();
    return std::optional(std::move(bar).value());
  }

  Result<std::vector<BarRow>> rows_overlapping(const std::string& symbol, EventTime from,
                                               EventTime to) override {
    std::vector<BarRow> rows;
    auto transaction = Transaction::begin(*database_, Transaction::Kind::read);
    if (!transaction) return transaction.error();
    auto intervals = intervals_of(symbol);
    if (!intervals) return intervals.error();
    // The longest day has 25 hours, so no bar reaches further than an hour beyond its interval.
    constexpr int64_t kLongerMs = 3'600'000;
    for (const model::Interval interval : intervals.value()) {
      bind_series(oldest_, symbol, interval, Basis::all);
      oldest_.bind(4, std::max(raw_ms(from), kTimeMin + interval.ms() + kLongerMs) - interval.ms() -
                          kLongerMs);
      oldest_.bind(5, raw_ms(to));
      oldest_.bind(6, int64_t{-1});
      TAPELINE_TRY(each_row(oldest_, [&](BarRow row) {
        if (row.bar.end > from) rows.push_back(std::move(row));
        return true;
      }));
    }
    return rows;
  }

  Result<> bars(const BarQuery& query,
                const std::function<bool(const model::Bar&)>& each) override {
    if (query.newest) return newest_bars(query, each);
    // One transaction: the answer is of one moment.
    auto transaction = Transaction::begin(*database_, Transaction::Kind::read);
    if (!transaction) return transaction.error();
    size_t left = query.limit == 0 ? SIZE_MAX : query.limit;
    std::string symbol = query.symbol;
    for (bool more = true; more && left > 0;) {
      if (query.symbol.empty()) {
        auto next = next_symbol(symbol);
        if (!next) return next.error();
        if (!next.value()) break;
        symbol = *next.value();
      } else {
        more = false;
      }
      auto finished = bars_of(symbol, query, left, each);
      if (!finished) return finished.error();
      if (finished.value()) break;
    }
    return {};
  }

  Result<> keys(const BarQuery& query,
                const std::function<void(const model::BarKey&)>& each) override {
    keys_.bind(1, std::string_view(query.symbol));
    keys_.bind(2, query.interval ? query.interval->ms() : int64_t{0});
    keys_.bind(3, model::to_string(query.basis));
    keys_.bind(4, raw_ms(query.from));
    keys_.bind(5, raw_ms(query.to));
    for (;;) {
      auto more = keys_.step();
      if (!more) return more.error();
      if (!more.value()) return {};
      each({std::string(keys_.text(0)), model::Interval(keys_.integer(1)),
            EventTime(std::chrono::milliseconds(keys_.integer(2))), query.basis});
    }
  }

  Result<std::vector<model::Gap>> gaps(const std::string& symbol, IngestTime from, IngestTime to,
                                       size_t limit) override {
    return read_gaps(gaps_, symbol, from, to, limit);
  }

  Result<std::vector<model::Gap>> newest_gaps(const std::string& symbol, IngestTime from,
                                              IngestTime to, size_t limit) override {
    auto gaps = read_gaps(newest_gaps_, symbol, from, to, limit);
    if (gaps) std::reverse(gaps.value().begin(), gaps.value().end());
    return gaps;
  }

  Result<std::vector<SymbolRow>> symbols() override {
    std::vector<SymbolRow> rows;
    for (;;) {
      auto more = symbols_.step();
      if (!more) return more.error();
      if (!more.value()) return rows;
      rows.push_back({.symbol = std::string(symbols_.text(0)),
                      .venue_class = std::string(symbols_.text(1)),
                      .state = std::string(symbols_.text(2)),
                      .detail = std::string(symbols_.text(3)),
                      .since = IngestTime(std::chrono::microseconds(symbols_.integer(4))),
                      .position = Position::from_raw(symbols_.integer(5))});
    }
  }

  Result<std::optional<Checkpoint>> checkpoint() override {
    auto found = checkpoint_.step();
    if (!found) return found.error();
    if (!found.value()) return std::optional<Checkpoint>();
    Checkpoint checkpoint{Position::from_raw(checkpoint_.integer(0)),
                          std::string(checkpoint_.blob(1))};
    checkpoint_.reset();
    return std::optional(std::move(checkpoint));
  }

 private:
  static constexpr int64_t kTimeMin = INT64_MIN;

  explicit EmbeddedReader(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<> prepare() {
    const std::string series = fmt::format(
        "SELECT {} FROM bars WHERE symbol = ? AND interval_ms = ? AND basis = ?", kBarColumns);
    const std::string gaps =
        "SELECT position, source, symbol, from_us, to_us, cause FROM gaps "
        "WHERE (?1 = '' OR symbol IS NULL OR symbol = ?1) AND from_us < ?3 "
        "AND (to_us > ?2 OR from_us >= ?2) ";
    const std::pair<Statement*, std::string> statements[] = {
        {&row_, series + " AND start_ms = ?"},
        {&oldest_, series + " AND start_ms >= ? AND start_ms < ? ORDER BY start_ms LIMIT ?"},
        {&newest_, series + " AND start_ms >= ? AND start_ms < ? ORDER BY start_ms DESC LIMIT ?"},
        {&keys_,
         "SELECT symbol, interval_ms, start_ms FROM bars WHERE (?1 = '' OR symbol = ?1) AND "
         "(?2 = 0 OR interval_ms = ?2) AND basis = ?3 AND start_ms >= ?4 AND start_ms < ?5 "
         "ORDER BY symbol, interval_ms, start_ms"},
        {&next_symbol_, "SELECT min(symbol) FROM bars WHERE symbol > ?"},
        {&next_interval_, "SELECT min(interval_ms) FROM bars WHERE symbol = ? AND interval_ms > ?"},
        {&gaps_, gaps + "ORDER BY from_us, position LIMIT ?4"},
        {&newest_gaps_, gaps + "ORDER BY from_us DESC, position DESC LIMIT ?4"},
        {&symbols_,
         "SELECT symbol, venue_class, state, detail, since_us, position FROM symbols "
         "ORDER BY symbol"},
        {&checkpoint_, "SELECT position, state FROM checkpoint"}};
    for (const auto& [statement, sql] : statements) {
      auto prepared = database_->prepare(sql);
      if (!prepared) return prepared.error();
      *statement = std::move(prepared).value();
    }
    return {};
  }

  Result<std::vector<model::Gap>> read_gaps(Statement& statement, const std::string& symbol,
                                            IngestTime from, IngestTime to, size_t limit) {
    statement.bind(1, std::string_view(symbol));
    statement.bind(2, raw_us(from));
    statement.bind(3, raw_us(to));
    statement.bind(4, limit == 0 ? int64_t{-1} : static_cast<int64_t>(limit));
    std::vector<model::Gap> gaps;
    for (;;) {
      auto more = statement.step();
      if (!more) return more.error();
      if (!more.value()) return gaps;
      model::Gap gap;
      gap.position = Position::from_raw(statement.integer(0));
      gap.source = statement.text(1);
      if (!statement.is_null(2)) gap.symbol = std::string(statement.text(2));
      gap.from = IngestTime(std::chrono::microseconds(statement.integer(3)));
      gap.to = IngestTime(std::chrono::microseconds(statement.integer(4)));
      gap.cause = statement.text(5);
      gaps.push_back(std::move(gap));
    }
  }

  static void bind_series(Statement& statement, const std::string& symbol, model::Interval interval,
                          Basis basis) {
    statement.bind(1, std::string_view(symbol));
    statement.bind(2, interval.ms());
    statement.bind(3, model::to_string(basis));
  }

  /// Steps to the end, or until `take` returns false.
  template <typename Take>
  Result<> each_row(Statement& statement, Take&& take) {
    for (;;) {
      auto more = statement.step();
      if (!more) return more.error();
      if (!more.value()) return {};
      auto row = read_bar(statement, database_->path());
      if (!row) {
        statement.reset();
        return row.error();
      }
      if (!take(std::move(row).value())) {
        statement.reset();
        return {};
      }
    }
  }

  Result<std::optional<std::string>> next_symbol(const std::string& after) {
    next_symbol_.bind(1, std::string_view(after));
    auto found = next_symbol_.step();
    if (!found) return found.error();
    std::optional<std::string> symbol;
    if (!next_symbol_.is_null(0)) symbol = std::string(next_symbol_.text(0));
    next_symbol_.reset();
    return symbol;
  }

  Result<std::vector<model::Interval>> intervals_of(const std::string& symbol) {
    std::vector<model::Interval> intervals;
    for (int64_t after = 0;;) {
      next_interval_.bind(1, std::string_view(symbol));
      next_interval_.bind(2, after);
      auto found = next_interval_.step();
      if (!found) return found.error();
      const bool none = next_interval_.is_null(0);
      after = next_interval_.integer(0);
      next_interval_.reset();
      if (none) return intervals;
      intervals.emplace_back(after);
    }
  }

  /// One symbol's bars; true when `each` wants no more.
  Result<bool> bars_of(const std::string& symbol, const BarQuery& query, size_t& left,
                       const std::function<bool(const model::Bar&)>& each) {
    std::vector<model::Interval> intervals;
    if (query.interval) {
      intervals.push_back(*query.interval);
    } else {
      auto found = intervals_of(symbol);
      if (!found) return found.error();
      intervals = std::move(found).value();
    }
    bool stopped = false;
    for (size_t i = 0; i < intervals.size() && !stopped && left > 0; ++i) {
      bind_series(oldest_, symbol, intervals[i], stored_as(query.basis));
      oldest_.bind(4, raw_ms(query.from));
      oldest_.bind(5, raw_ms(query.to));
      oldest_.bind(6, left == SIZE_MAX ? int64_t{-1} : static_cast<int64_t>(left));
      Result<> shown;
      TAPELINE_TRY(each_row(oldest_, [&](BarRow row) {
        if (query.basis == Basis::eligible) shown = make_eligible(row.bar);
        if (!shown) return false;
        if (left != SIZE_MAX) --left;
        stopped = !each(row.bar);
        return !stopped;
      }));
      TAPELINE_TRY(std::move(shown));
    }
    return stopped;
  }

  Result<> newest_bars(const BarQuery& query, const std::function<bool(const model::Bar&)>& each) {
    if (query.symbol.empty() || !query.interval || query.limit == 0)
      return make_error(ErrorCode::invalid,
                        "store: the newest bars are of one symbol and interval, up to a limit");
    bind_series(newest_, query.symbol, *query.interval, stored_as(query.basis));
    newest_.bind(4, raw_ms(query.from));
    newest_.bind(5, raw_ms(query.to));
    newest_.bind(6, static_cast<int64_t>(query.limit));
    std::vector<model::Bar> bars;
    TAPELINE_TRY(each_row(newest_, [&](BarRow row) {
      bars.push_back(std::move(row.bar));
      return true;
    }));
    if (query.basis == Basis::eligible) {
      for (model::Bar& bar : bars) TAPELINE_TRY(make_eligible(bar));
    }
    for (auto bar = bars.rbegin(); bar != bars.rend() && each(*bar);) ++bar;
    return {};
  }

  /// `eligible` is stored only where it differs from `all`.
  static Basis stored_as(Basis basis) { return basis == Basis::eligible ? Basis::all : basis; }

  Result<> make_eligible(model::Bar& bar) {
    bar.key.basis = Basis::eligible;
    auto stored = row(bar.key);
    if (!stored) return stored.error();
    if (stored.value()) bar = std::move(stored.value()->bar);
    return {};
  }

  const std::unique_ptr<Database> database_;
  Statement row_, oldest_, newest_, keys_, next_symbol_, next_interval_;
  Statement gaps_, newest_gaps_, symbols_, checkpoint_;
};

Result<std::string> bound_log(Database& database) {
  auto select = database.prepare("SELECT log FROM meta");
  if (!select) return select.error();
  const auto row = select.value().step();
  if (!row) return row.error();
  return row.value() ? std::string(select.value().text(0)) : std::string();
}

class EmbeddedStore final : public Store {
 public:
  EmbeddedStore(std::string path, Options options, bool writable)
      : path_(std::move(path)), options_(options), writable_(writable) {}

  Result<std::unique_ptr<Writer>> open_writer() override {
    if (!writable_)
      return make_error(ErrorCode::invalid, "store: {} was opened for reading only", path_);
    return EmbeddedWriter::make(path_, options_);
  }

  Result<std::unique_ptr<Reader>> open_reader() override {
    return EmbeddedReader::make(path_, options_);
  }

  Result<std::string> log() override {
    auto database = connect(path_, Database::Access::read, options_);
    if (!database) return database.error();
    return bound_log(*database.value());
  }

  Result<> bind_to_log(const std::string& identity) override {
    if (identity.empty()) return {};
    auto database = connect(path_, Database::Access::write, options_);
    if (!database) return database.error();
    auto transaction = Transaction::begin(*database.value(), Transaction::Kind::write);
    if (!transaction) return transaction.error();
    const auto bound = bound_log(*database.value());
    if (!bound) return bound.error();
    if (bound.value() == identity) return {};
    const auto filled = database.value()->number(
        "SELECT EXISTS (SELECT 1 FROM bars) OR EXISTS (SELECT 1 FROM checkpoint)");
    if (!filled) return filled.error();
    if (filled.value() != 0) TAPELINE_TRY(check_log(path_, bound.value(), identity));
    auto update = database.value()->prepare("UPDATE meta SET log = ?");
    if (!update) return update.error();
    update.value().bind(1, std::string_view(identity));
    if (const auto done = update.value().step(); !done) return done.error();
    return transaction.value().commit();
  }

  uint64_t bytes() const override {
    uint64_t sum = 0;
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code error;
      const auto size = std::filesystem::file_size(path_ + suffix, error);
      if (!error) sum += size;
    }
    return sum;
  }

 private:
  const std::string path_;
  const Options options_;
  const bool writable_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_embedded_store(const std::string& path, const std::string& feed,
                                                   const Clock& clock, const Options& options) {
  auto database = connect(path, Database::Access::write, options);
  if (!database) return database.error();
  TAPELINE_TRY(migrate(*database.value(), migrations()));
  TAPELINE_TRY(bind_to_feed(*database.value(), feed, clock.wall()));
  return std::unique_ptr<Store>(std::make_unique<EmbeddedStore>(path, options, true));
}

Result<std::unique_ptr<Store>> open_embedded_store_to_read(const std::string& path,
                                                           const Options& options) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return make_error(ErrorCode::not_found,
                      "store: there is no {}; give the data directory of a "
                      "run or replay",
                      path);
  auto database = connect(path, Database::Access::read, options);
  if (!database) return database.error();
  const auto version = database.value()->number("PRAGMA user_version");
  if (!version) return version.error();
  const auto known = static_cast<int64_t>(migrations().size());
  if (version.value() != known)
    return make_error(
        ErrorCode::invalid, "store: {} has format version {} and this program reads {}; {}", path,
        version.value(), known,
        version.value() < known ? "start `tapeline run` on it once to bring it up to date"
                                : "use the newer program that wrote it");
  return std::unique_ptr<Store>(std::make_unique<EmbeddedStore>(path, options, false));
}

}  // namespace tapeline::store
