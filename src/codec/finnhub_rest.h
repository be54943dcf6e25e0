#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tapeline::codec {

/// One symbol of an answer of Finnhub's REST interface. What the answer lacks, or has as something
/// other than text, is empty.
struct FinnhubSymbol {
  std::string symbol;
  std::string display;
  std::string description;
  std::string type;
};

/// The matches in an answer to /search, in its order; nothing if the text is not such an answer.
std::optional<std::vector<FinnhubSymbol>> read_finnhub_matches(std::string_view text);

/// The names in a list such as that of /crypto/symbol; nothing if the text is not such a list.
std::optional<std::set<std::string, std::less<>>> read_finnhub_symbols(std::string_view text);

}  // namespace tapeline::codec
