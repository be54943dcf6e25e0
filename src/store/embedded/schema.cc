#include "store/embedded/schema.h"

#include <fmt/format.h>

#include "model/time.h"

namespace tapeline::store {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  feed           TEXT NOT NULL,
  created        TEXT NOT NULL,
  format_version INTEGER NOT NULL
);

CREATE TABLE bars (
  symbol                  TEXT    NOT NULL,
  interval_ms             INTEGER NOT NULL,
  basis                   TEXT    NOT NULL,
  start_ms                INTEGER NOT NULL,
  end_ms                  INTEGER NOT NULL,
  priced_by               TEXT    NOT NULL,
  open                    TEXT,
  high                    TEXT,
  low                     TEXT,
  close                   TEXT,
  volume                  TEXT,
  notional                TEXT,
  trade_count             INTEGER NOT NULL,
  price_update_count      INTEGER NOT NULL,
  excluded_count          INTEGER NOT NULL,
  suspect_duplicate_count INTEGER NOT NULL,
  coverage_kind           TEXT    NOT NULL,
  coverage_ms             INTEGER,
  gap                     INTEGER NOT NULL,
  first_id                TEXT    NOT NULL,
  last_id                 TEXT,
  revision                INTEGER NOT NULL,
  final                   INTEGER NOT NULL,
  through                 INTEGER NOT NULL,
  state                   BLOB    NOT NULL,
  PRIMARY KEY (symbol, interval_ms, basis, start_ms)
) WITHOUT ROWID;

CREATE TABLE gaps (
  position INTEGER PRIMARY KEY,
  source   TEXT    NOT NULL,
  symbol   TEXT,
  from_us  INTEGER NOT NULL,
  to_us    INTEGER NOT NULL,
  cause    TEXT    NOT NULL
);
CREATE INDEX gaps_by_time ON gaps (from_us, position);

CREATE TABLE symbols (
  symbol      TEXT PRIMARY KEY,
  venue_class TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  detail      TEXT    NOT NULL,
  since_us    INTEGER NOT NULL,
  position    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE checkpoint (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  position INTEGER NOT NULL,
  state    BLOB    NOT NULL
);

CREATE VIEW bars_readable AS
SELECT
  symbol,
  CASE interval_ms
    WHEN 1000 THEN '1s' WHEN 5000 THEN '5s' WHEN 15000 THEN '15s' WHEN 60000 THEN '1m'
    WHEN 300000 THEN '5m' WHEN 900000 THEN '15m' WHEN 1800000 THEN '30m' WHEN 3600000 THEN '1h'
    WHEN 14400000 THEN '4h' WHEN 86400000 THEN '1d' ELSE interval_ms || 'ms'
  END AS interval,
  basis,
  strftime('%Y-%m-%dT%H:%M:%SZ', start_ms / 1000, 'unixepoch') AS start,
  strftime('%Y-%m-%dT%H:%M:%SZ', end_ms / 1000, 'unixepoch') AS "end",
  priced_by, open, high, low, close, volume, notional,
  CASE WHEN CAST(volume AS REAL) > 0 THEN CAST(notional AS REAL) / CAST(volume AS REAL) END
    AS vwap_rounded,
  trade_count, price_update_count, coverage_kind, coverage_ms, gap, revision, final
FROM bars;

CREATE VIEW gaps_readable AS
SELECT
  source, symbol,
  strftime('%Y-%m-%dT%H:%M:%S', from_us / 1000000, 'unixepoch')
    || printf('.%06dZ', from_us % 1000000) AS "from",
  strftime('%Y-%m-%dT%H:%M:%S', to_us / 1000000, 'unixepoch')
    || printf('.%06dZ', to_us % 1000000) AS "to",
  (to_us - from_us) / 1000 AS ms,
  cause
FROM gaps;
)sql";

/// Basis `eligible` as readers get it: its rows where there are some, those of `all` elsewhere.
constexpr const char* kVersion2 = R"sql(
CREATE VIEW bars_eligible AS
SELECT symbol, interval_ms, start_ms, end_ms, priced_by, open, high, low, close, volume, notional,
       trade_count, price_update_count, excluded_count, revision, final
FROM bars AS shown
WHERE basis = 'eligible'
   OR (basis = 'all' AND NOT EXISTS (
         SELECT 1 FROM bars AS own
         WHERE own.symbol = shown.symbol AND own.interval_ms = shown.interval_ms
           AND own.basis = 'eligible' AND own.start_ms = shown.start_ms));
)sql";

/// Of basis `eligible`, excluded trades by condition.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE bars ADD COLUMN excluded_by TEXT NOT NULL DEFAULT '';
DROP VIEW bars_eligible;
CREATE VIEW bars_eligible AS
SELECT symbol, interval_ms, start_ms, end_ms, priced_by, open, high, low, close, volume, notional,
       trade_count, price_update_count, excluded_count, excluded_by, revision, final
FROM bars AS shown
WHERE basis = 'eligible'
   OR (basis = 'all' AND NOT EXISTS (
         SELECT 1 FROM bars AS own
         WHERE own.symbol = shown.symbol AND own.interval_ms = shown.interval_ms
           AND own.basis = 'eligible' AND own.start_ms = shown.start_ms));
)sql";

/// The identity of the log whose records are in the bars.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE meta ADD COLUMN log TEXT NOT NULL DEFAULT '';
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3, kVersion4};

}  // namespace

std::span<const char* const> migrations() {
  return kMigrations;
}

Result<> migrate(Database& database, std::span<const char* const> steps) {
  const auto newest = static_cast<int64_t>(steps.size());
  // The transaction comes first, so that of two programs one migrates and the other finds it done.
  auto transaction = Transaction::begin(database, Transaction::Kind::write);
  if (!transaction) return transaction.error();
  const auto application = database.number("PRAGMA application_id");
  if (!application) return application.error();
  const auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  const auto version = database.number("PRAGMA user_version");
  if (!version) return version.error();

  if (application.value() != kApplicationId && (tables.value() > 0 || application.value() != 0))
    return make_error(ErrorCode::invalid,
                      "store: {} is a database of another program; choose another data directory",
                      database.path());
  if (version.value() > newest)
    return make_error(ErrorCode::invalid,
                      "store: {} has format version {} and this program knows only up to {}; use "
                      "the newer program that wrote it",
                      database.path(), version.value(), newest);
  if (version.value() == newest) return {};
  TAPELINE_TRY(database.execute(fmt::format("PRAGMA application_id={}", kApplicationId)));
  for (int64_t step = version.value(); step < newest; ++step)
    TAPELINE_TRY(database.execute(steps[static_cast<size_t>(step)]));
  TAPELINE_TRY(database.execute(fmt::format("PRAGMA user_version={}", newest)));
  return transaction.value().commit();
}

Result<> bind_to_feed(Database& database, const std::string& feed, WallTime now) {
  auto insert = database.prepare(
      "INSERT INTO meta (id, feed, created, format_version) VALUES (1, ?, ?, ?) "
      "ON CONFLICT (id) DO UPDATE SET format_version = excluded.format_version "
      "WHERE format_version <> excluded.format_version");
  if (!insert) return insert.error();
  const std::string created = model::time_text(now);
  insert.value().bind(1, feed);
  insert.value().bind(2, created);
  insert.value().bind(3, static_cast<int64_t>(migrations().size()));
  if (auto done = insert.value().step(); !done) return done.error();

  auto select = database.prepare("SELECT feed FROM meta");
  if (!select) return select.error();
  const auto row = select.value().step();
  if (!row) return row.error();
  const std::string kept(select.value().text(0));
  if (kept != feed)
    return make_error(ErrorCode::invalid,
                      "store: {} holds the feed '{}', not '{}'; choose another data directory",
                      database.path(), kept, feed);
  return {};
}

}  // namespace tapeline::store
