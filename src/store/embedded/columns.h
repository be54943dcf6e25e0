#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "model/bar.h"
#include "store/embedded/database.h"
#include "store/store.h"

/// Bars as rows of the table `bars`.
namespace tapeline::store {

/// The columns in the order in which `BarColumns` binds and `read_bar` reads them.
extern const char* const kBarColumns;
inline constexpr int kBarColumnCount = 26;

/// The statement that puts one row in, or over one with a smaller `through`.
std::string bar_upsert();

/// The texts of one row; the statement refers to them until it is stepped. Kept between rows, so
/// that a row costs no allocation.
class BarColumns {
 public:
  void bind(Statement& statement, const BarRow& row);

 private:
  std::string_view add(const std::optional<model::Decimal>& value);
  std::string_view add(const model::Sum& sum);
  void bind_price(Statement& statement, int place, const std::optional<model::Decimal>& price);
  void bind_sum(Statement& statement, int place, const model::Sum& sum);
  void bind_ids(Statement& statement, const model::Bar& bar);

  std::array<std::string, 9> texts_;
  size_t used_ = 0;
};

/// The row the statement stands on. `corrupt` when a column holds what we never write.
Result<BarRow> read_bar(const Statement& statement, const std::string& path);

/// "finnhub/3/1021": source, epoch, sequence.
void append_id(std::string& out, const model::TradeId& id);

/// Exact text back to values; nothing for text that `model::to_text` does not make.
std::optional<model::Decimal> decimal_from_text(std::string_view text);
std::optional<model::Int128> sum_units_from_text(std::string_view text);

}  // namespace tapeline::store
