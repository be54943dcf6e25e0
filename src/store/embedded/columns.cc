#include "store/embedded/columns.h"

#include <charconv>

#include "base/mutant.h"

namespace tapeline::store {
namespace {

using model::Decimal;
using model::EventTime;
using model::Int128;
using model::Sum;
using model::TradeId;

void append_number(std::string& out, int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

bool take_number_at_end(std::string_view& text, int64_t& value) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return false;
  const char* first = text.data() + slash + 1;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, value);
  text.remove_suffix(text.size() - slash);
  return error == std::errc() && end == last && first != last;
}

std::optional<TradeId> id_from_text(std::string_view text) {
  TradeId id;
  if (!take_number_at_end(text, id.sequence) || !take_number_at_end(text, id.epoch))
    return std::nullopt;
  id.source = text;
  return id;
}

EventTime event_time(int64_t ms) {
  return EventTime(std::chrono::milliseconds(ms));
}

}  // namespace

const char* const kBarColumns =
    "symbol, interval_ms, basis, start_ms, end_ms, priced_by, open, high, low, close, volume, "
    "notional, trade_count, price_update_count, excluded_count, suspect_duplicate_count, "
    "coverage_kind, coverage_ms, gap, first_id, last_id, revision, final, through, state, "
    "excluded_by";

std::string bar_upsert() {
  std::string sql = "INSERT INTO bars (";
  sql += kBarColumns;
  sql += ") VALUES (?";
  for (int i = 1; i < kBarColumnCount; ++i) sql += ", ?";
  sql +=
      ") ON CONFLICT (symbol, interval_ms, basis, start_ms) DO UPDATE SET end_ms=excluded.end_ms, "
      "priced_by=excluded.priced_by, open=excluded.open, high=excluded.high, low=excluded.low, "
      "close=excluded.close, volume=excluded.volume, notional=excluded.notional, "
      "trade_count=excluded.trade_count, price_update_count=excluded.price_update_count, "
      "excluded_count=excluded.excluded_count, "
      "suspect_duplicate_count=excluded.suspect_duplicate_count, "
      "coverage_kind=excluded.coverage_kind, coverage_ms=excluded.coverage_ms, gap=excluded.gap, "
      "first_id=excluded.first_id, last_id=excluded.last_id, ";
  if (!mutated(Mutant::revision_not_stored)) sql += "revision=excluded.revision, ";
  sql +=
      "final=excluded.final, through=excluded.through, state=excluded.state, "
      "excluded_by=excluded.excluded_by "
      "WHERE excluded.through > bars.through";
  return sql;
}

std::string_view BarColumns::add(const std::optional<Decimal>& value) {
  std::string& text = texts_[used_++];
  text.clear();
  model::append_text(text, *value);
  return text;
}

std::string_view BarColumns::add(const Sum& sum) {
  std::string& text = texts_[used_++];
  text.clear();
  model::append_text(text, sum);
  return text;
}

void BarColumns::bind_price(Statement& statement, int place, const std::optional<Decimal>& price) {
  if (price)
    statement.bind(place, add(price));
  else
    statement.bind_null(place);
}

void BarColumns::bind_sum(Statement& statement, int place, const Sum& sum) {
  if (sum.units())
    statement.bind(place, add(sum));
  else
    statement.bind_null(place);
}

void BarColumns::bind_ids(Statement& statement, const model::Bar& bar) {
  std::string& first = texts_[used_++];
  first.clear();
  append_id(first, bar.first_id);
  statement.bind(20, std::string_view(first));
  if (bar.last_id == bar.first_id) return statement.bind_null(21);
  std::string& last = texts_[used_++];
  last.clear();
  // A recording's source has 42 characters: it is not repeated.
  if (bar.last_id.source == bar.first_id.source) {
    last += '/';
    append_number(last, bar.last_id.epoch);
    last += '/';
    append_number(last, bar.last_id.sequence);
  } else {
    append_id(last, bar.last_id);
  }
  statement.bind(21, std::string_view(last));
}

void BarColumns::bind(Statement& statement, const BarRow& row) {
  const model::Bar& bar = row.bar;
  used_ = 0;
  statement.bind(1, std::string_view(bar.key.symbol));
  statement.bind(2, bar.key.interval.ms());
  statement.bind(3, model::to_string(bar.key.basis));
  statement.bind(4, bar.key.start.time_since_epoch().count());
  statement.bind(5, bar.end.time_since_epoch().count());
  statement.bind(6, model::to_string(bar.priced_by));
  bind_price(statement, 7, bar.open);
  bind_price(statement, 8, bar.high);
  bind_price(statement, 9, bar.low);
  bind_price(statement, 10, bar.close);
  bind_sum(statement, 11, bar.volume);
  bind_sum(statement, 12, bar.notional);
  statement.bind(13, bar.trade_count);
  statement.bind(14, bar.price_update_count);
  statement.bind(15, bar.excluded_count);
  statement.bind(16, bar.suspect_duplicate_count);
  statement.bind(17, model::to_string(bar.coverage_kind));
  if (bar.coverage_ms)
    statement.bind(18, *bar.coverage_ms);
  else
    statement.bind_null(18);
  statement.bind(19, int64_t{bar.gap});
  bind_ids(statement, bar);
  statement.bind(22, bar.revision);
  statement.bind(23, int64_t{bar.final});
  statement.bind(24, bar.through.raw());
  statement.bind_blob(25, row.state);
  std::string& excluded_by = texts_[used_++];
  excluded_by = model::to_text(bar.excluded_by);
  statement.bind(26, std::string_view(excluded_by));
}

namespace {

/// Reads columns and remembers the first that makes no sense.
class Columns {
 public:
  explicit Columns(const Statement& statement) : statement_(statement) {}

  template <typename T, typename Parse>
  T parsed(int column, const char* name, Parse&& parse) {
    auto value = parse(statement_.text(column));
    if (!value && bad_ == nullptr) bad_ = name;
    return value ? *value : T{};
  }

  std::optional<Decimal> price(int column, const char* name) {
    if (statement_.is_null(column)) return std::nullopt;
    return parsed<Decimal>(column, name, decimal_from_text);
  }

  Sum sum(int column, const char* name) {
    if (statement_.is_null(column)) return Sum::from_units(std::nullopt);
    return Sum::from_units(parsed<Int128>(column, name, sum_units_from_text));
  }

  const char* bad() const { return bad_; }

 private:
  const Statement& statement_;
  const char* bad_ = nullptr;
};

void read_ids(const Statement& statement, Columns& columns, model::Bar& bar) {
  bar.first_id = columns.parsed<TradeId>(19, "first_id", id_from_text);
  bar.last_id = bar.first_id;
  if (statement.is_null(20)) return;
  bar.last_id = columns.parsed<TradeId>(20, "last_id", id_from_text);
  if (bar.last_id.source.empty()) bar.last_id.source = bar.first_id.source;
}

}  // namespace

Result<BarRow> read_bar(const Statement& statement, const std::string& path) {
  BarRow row;
  model::Bar& bar = row.bar;
  Columns columns(statement);
  bar.key.symbol = statement.text(0);
  bar.key.interval = model::Interval(statement.integer(1));
  bar.key.basis = columns.parsed<model::Basis>(2, "basis", model::parse_basis);
  bar.key.start = event_time(statement.integer(3));
  bar.end = event_time(statement.integer(4));
  bar.priced_by = columns.parsed<model::PricedBy>(5, "priced_by", model::parse_priced_by);
  bar.open = columns.price(6, "open");
  bar.high = columns.price(7, "high");
  bar.low = columns.price(8, "low");
  bar.close = columns.price(9, "close");
  bar.volume = columns.sum(10, "volume");
  bar.notional = columns.sum(11, "notional");
  bar.trade_count = statement.integer(12);
  bar.price_update_count = statement.integer(13);
  bar.excluded_count = statement.integer(14);
  bar.suspect_duplicate_count = statement.integer(15);
  bar.coverage_kind =
      columns.parsed<model::CoverageKind>(16, "coverage_kind", model::parse_coverage_kind);
  if (!statement.is_null(17)) bar.coverage_ms = statement.integer(17);
  bar.gap = statement.integer(18) != 0;
  read_ids(statement, columns, bar);
  bar.revision = statement.integer(21);
  bar.final = statement.integer(22) != 0;
  bar.through = Position::from_raw(statement.integer(23));
  row.state = statement.blob(24);
  bar.excluded_by = columns.parsed<model::Exclusions>(25, "excluded_by", model::parse_exclusions);
  if (columns.bad() != nullptr)
    return make_error(ErrorCode::corrupt,
                      "store: column {} of the bar {} {} ms {} in {} does not hold what Tapeline "
                      "writes; another program changed it: move the file aside and start again",
                      columns.bad(), bar.key.symbol, bar.key.interval.ms(),
                      bar.key.start.time_since_epoch().count(), path);
  return row;
}

void append_id(std::string& out, const TradeId& id) {
  out += id.source;
  out += '/';
  append_number(out, id.epoch);
  out += '/';
  append_number(out, id.sequence);
}

std::optional<Decimal> decimal_from_text(std::string_view text) {
  Decimal value;
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  bool digits = false;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point && digits) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value.mantissa, 10, &value.mantissa) ||
        __builtin_add_overflow(value.mantissa, c - '0', &value.mantissa))
      return std::nullopt;
    digits = true;
    value.scale += point;
  }
  if (!digits || value.scale > 18) return std::nullopt;
  if (negative) value.mantissa = -value.mantissa;
  return value;
}

std::optional<Int128> sum_units_from_text(std::string_view text) {
  constexpr int kDigitsMax = 38;
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  Int128 units = 0;
  int significant = 0;
  int decimals = -1;  // -1: still before the point.
  bool digits = false;
  for (const char c : text) {
    if (c == '.' && decimals < 0 && digits) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    units = units * 10 + (c - '0');
    digits = true;
    if (units != 0 && ++significant > kDigitsMax) return std::nullopt;
    if (decimals >= 0) ++decimals;
  }
  if (!digits || decimals > Sum::kScale) return std::nullopt;
  for (int i = std::max(decimals, 0); i < Sum::kScale; ++i) {
    if (units != 0 && ++significant > kDigitsMax) return std::nullopt;
    units *= 10;
  }
  return negative ? -units : units;
}

}  // namespace tapeline::store
