#include "codec/finnhub_rest.h"

#include <simdjson.h>

namespace tapeline::codec {
namespace {

namespace dom = simdjson::dom;

std::string text_of(const dom::element& object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text)) return {};
  return std::string(text);
}

/// The array of a document, or of one of its fields.
std::optional<dom::array> array_of(const dom::element& document, std::string_view key) {
  dom::array array;
  if (key.empty() ? document.get(array) : document[key].get(array)) return std::nullopt;
  return array;
}

}  // namespace

std::optional<std::vector<FinnhubSymbol>> read_finnhub_matches(std::string_view text) {
  dom::parser parser;
  dom::element document;
  if (parser.parse(text).get(document)) return std::nullopt;
  const auto results = array_of(document, "result");
  if (!results) return std::nullopt;
  std::vector<FinnhubSymbol> matches;
  for (const dom::element result : *results)
    matches.push_back({.symbol = text_of(result, "symbol"),
                       .display = text_of(result, "displaySymbol"),
                       .description = text_of(result, "description"),
                       .type = text_of(result, "type")});
  return matches;
}

std::optional<std::set<std::string, std::less<>>> read_finnhub_symbols(std::string_view text) {
  dom::parser parser;
  dom::element document;
  if (parser.parse(text).get(document)) return std::nullopt;
  const auto members = array_of(document, "");
  if (!members) return std::nullopt;
  std::set<std::string, std::less<>> symbols;
  for (const dom::element member : *members)
    if (std::string symbol = text_of(member, "symbol"); !symbol.empty())
      symbols.insert(std::move(symbol));
  return symbols;
}

}  // namespace tapeline::codec
