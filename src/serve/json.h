#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/bar.h"
#include "model/trade.h"
#include "serve/letters.h"

/// The API's JSON. Prices, volumes and sums are strings, so that they stay exact everywhere.
namespace tapeline::serve {

/// Appends values to a text; puts the commas. Bytes that are not UTF-8 become question marks.
/// Nesting is the caller's business.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);

  JsonWriter& text(std::string_view value);
  JsonWriter& number(int64_t value);
  JsonWriter& number_or_null(std::optional<int64_t> value);
  JsonWriter& real(double value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  /// `json` is a whole value.
  JsonWriter& raw(std::string_view json);
  /// An array of `items`; `append(std::string&, item)` appends each as a whole value.
  template <typename Items, typename Append>
  JsonWriter& array(const Items& items, const Append& append) {
    begin_array();
    for (const auto& item : items) {
      separate();
      append(out_, item);
    }
    return end_array();
  }

  JsonWriter& time(model::EventTime value);
  JsonWriter& time(model::IngestTime value);

 private:
  void separate();
  std::string& out_;
  bool first_ = true;
};

void append_bar(std::string& out, const model::Bar& bar);
void append_trade(std::string& out, const model::Trade& trade);
void append_gap(std::string& out, const model::Gap& gap);
/// Two digits a byte.
std::string hex(std::string_view bytes);
/// With its bytes as `text` where they are plain text, else as `hex`; `cut` when they are not all.
void append_letter(std::string& out, const Letter& letter);

/// One line of CSV, with its end; the columns of `tapeline export bars`.
inline constexpr std::string_view kBarCsvHeader =
    "symbol,interval_ms,start_ms,open,high,low,close,volume,notional,count,price_update_count,"
    "priced_by\n";
void append_bar_csv(std::string& out, const model::Bar& bar);

/// One field of a line of CSV, quoted where it must be (RFC 4180).
void append_csv_field(std::string& out, std::string_view text);

/// False for stocks: no source of ours carries the whole tape. Nothing for symbols without one.
std::optional<bool> consolidated(std::string_view symbol);

/// Reads one flat JSON object whose values are strings, numbers, true, false or null; numbers and
/// words come as their text. `invalid` with what is wrong and where.
Result<std::map<std::string, std::string>> parse_flat_object(std::string_view text);

}  // namespace tapeline::serve
