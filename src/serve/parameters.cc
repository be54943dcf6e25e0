#include "serve/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "codec/utf8.h"
#include "model/time.h"
#include "serve/limits.h"

namespace tapeline::serve {

Parameters::Parameters(const net::Request& request, std::span<const std::string_view> known)
    : request_(request) {
  for (auto at = request.query.begin(); at != request.query.end(); ++at) {
    const std::string& name = at->first;
    if (std::find(known.begin(), known.end(), name) == known.end())
      complain(known.empty() ? fmt::format("'{}' is not known: this takes no parameters.", name)
                             : fmt::format("'{}' is not known: the parameters here are {}.", name,
                                           fmt::join(known, ", ")));
    if (std::any_of(request.query.begin(), at,
                    [&](const auto& other) { return other.first == name; }))
      complain(fmt::format("'{}' is given twice: give it once.", name));
  }
}

const std::string* Parameters::value(std::string_view name) const {
  return request_.query_value(name);
}

void Parameters::complain(std::string sentence) {
  if (!wrong_) wrong_ = std::move(sentence);
}

std::string Parameters::text(std::string_view name, size_t bytes_max) {
  const std::string* given = value(name);
  if (given == nullptr) return {};
  if (given->size() > bytes_max || !codec::is_utf8(*given)) {
    complain(fmt::format("'{}' must be UTF-8 of at most {} bytes.", name, bytes_max));
    return {};
  }
  return *given;
}

std::string Parameters::symbol() {
  const std::string* given = value("symbol");
  if (given == nullptr) {
    complain("'symbol' is missing: give one, such as symbol=AAPL.");
    return {};
  }
  if (auto why = why_no_symbol(*given)) complain(std::move(*why));
  return *given;
}

std::optional<model::IngestTime> Parameters::time(std::string_view name) {
  const std::string* given = value(name);
  if (given == nullptr) return std::nullopt;
  const auto time = model::parse_time(*given);
  if (!time)
    complain(
        fmt::format("'{}' must be a time such as 2026-11-21T14:30:00Z, or milliseconds since "
                    "1970.",
                    name));
  return time;
}

std::optional<model::RejectReason> Parameters::reason() {
  const std::string* given = value("reason");
  if (given == nullptr) return std::nullopt;
  const auto reason = model::reject_reason(*given);
  if (!reason) {
    std::string known;
    for (size_t i = 0; i <= static_cast<size_t>(model::kLastRejectReason); ++i)
      known.append(i == 0 ? "" : ", ")
          .append(model::to_string(static_cast<model::RejectReason>(i)));
    complain(fmt::format("'reason' must be one of {}.", known));
  }
  return reason;
}
std::optional<int64_t> parse_id(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}
std::optional<int64_t> Parameters::id(std::string_view name) {
  const std::string* given = value(name);
  if (given == nullptr) return std::nullopt;
  const auto number = parse_id(*given);
  if (!number) complain(fmt::format("'{}' must be a whole number from 1.", name));
  return number;
}
size_t Parameters::limit(size_t fallback, size_t greatest) {
  const std::string* given = value("limit");
  if (given == nullptr) return fallback;
  size_t number = 0;
  const char* last = given->data() + given->size();
  const auto [end, error] = std::from_chars(given->data(), last, number);
  if (error == std::errc() && end == last && number >= 1 && number <= greatest) return number;
  complain(fmt::format("'limit' must be a whole number from 1 to {}.", greatest));
  return fallback;
}

model::Interval Parameters::interval(model::Interval fallback) {
  const std::string* given = value("interval");
  if (given == nullptr) return fallback;
  const auto interval = model::parse_interval(*given);
  if (interval) return *interval;
  std::string names;
  for (const model::Interval known : model::known_intervals())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", model::to_text(known));
  complain(fmt::format("'interval' must be one of {}.", names));
  return fallback;
}

model::Basis Parameters::basis() {
  const std::string* given = value("basis");
  if (given == nullptr) return model::Basis::all;
  const auto basis = model::parse_basis(*given);
  if (!basis) complain("'basis' must be one of all, eligible, vendor.");
  return basis.value_or(model::Basis::all);
}

std::string_view Parameters::choice(std::string_view name,
                                    std::initializer_list<std::string_view> choices) {
  const std::string* given = value(name);
  if (given == nullptr) return *choices.begin();
  for (const std::string_view known : choices)
    if (known == *given) return known;
  complain(fmt::format("'{}' must be one of {}.", name, fmt::join(choices, ", ")));
  return *choices.begin();
}

std::optional<std::string> why_no_symbol(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty() || text.size() > kSymbolBytesMax || !codec::is_utf8(text) ||
      text.front() == ' ' || text.back() == ' ' ||
      std::any_of(text.begin(), text.end(), is_control))
    return fmt::format(
        "'symbol' must be 1 to {} bytes of UTF-8 without control characters or spaces at its ends.",
        kSymbolBytesMax);
  return std::nullopt;
}

}  // namespace tapeline::serve
