#include "model/bar.h"

#include <algorithm>
#include <charconv>

#include "model/names.h"

namespace tapeline::model {

namespace {

constexpr int64_t kSecond = 1'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;

struct NamedInterval {
  std::string_view name;
  int64_t ms;
};

constexpr std::array<NamedInterval, 10> kIntervals = {{
    {"1s", kSecond},
    {"5s", 5 * kSecond},
    {"15s", 15 * kSecond},
    {"1m", kMinute},
    {"5m", 5 * kMinute},
    {"15m", 15 * kMinute},
    {"30m", 30 * kMinute},
    {"1h", kHour},
    {"4h", 4 * kHour},
    {"1d", 24 * kHour},
}};

constexpr Names<3> kBases = {"all", "eligible", "vendor"};
constexpr Names<3> kPricedBy = {"trades", "updates", "none"};
constexpr Names<3> kCoverageKinds = {"unknown", "assumed", "confirmed"};

}  // namespace

const std::vector<Interval>& known_intervals() {
  static const std::vector<Interval> known = [] {
    std::vector<Interval> intervals;
    intervals.reserve(kIntervals.size());
    for (const NamedInterval& named : kIntervals) intervals.emplace_back(named.ms);
    return intervals;
  }();
  return known;
}

std::string_view to_text(Interval interval) {
  for (const NamedInterval& named : kIntervals)
    if (named.ms == interval.ms()) return named.name;
  CHECK(false, "no known interval has {} ms", interval.ms());
}

std::optional<Interval> parse_interval(std::string_view text) {
  for (const NamedInterval& named : kIntervals)
    if (named.name == text) return Interval(named.ms);
  return std::nullopt;
}

std::string_view to_string(Basis basis) {
  return name_of(kBases, basis);
}

std::optional<Basis> parse_basis(std::string_view text) {
  return value_of<Basis>(kBases, text);
}

std::string_view to_string(PricedBy priced_by) {
  return name_of(kPricedBy, priced_by);
}

std::optional<PricedBy> parse_priced_by(std::string_view text) {
  return value_of<PricedBy>(kPricedBy, text);
}

std::string_view to_string(CoverageKind kind) {
  return name_of(kCoverageKinds, kind);
}

std::optional<CoverageKind> parse_coverage_kind(std::string_view text) {
  return value_of<CoverageKind>(kCoverageKinds, text);
}

void count_excluded(Exclusions& of, int code, int64_t count) {
  const auto at = std::ranges::lower_bound(of, code, {}, &ExcludedBy::code);
  if (at != of.end() && at->code == code)
    at->count += count;
  else
    of.insert(at, {code, count});
}

std::string to_text(const Exclusions& of) {
  std::string out;
  for (const ExcludedBy& one : of) {
    if (!out.empty()) out += ' ';
    out.append(std::to_string(one.code)).append(":").append(std::to_string(one.count));
  }
  return out;
}

std::optional<Exclusions> parse_exclusions(std::string_view text) {
  Exclusions out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    ExcludedBy one;
    const auto code = std::from_chars(at, end, one.code);
    if (code.ec != std::errc() || code.ptr == end || *code.ptr != ':') return std::nullopt;
    const auto count = std::from_chars(code.ptr + 1, end, one.count);
    if (count.ec != std::errc()) return std::nullopt;
    out.push_back(one);
    at = count.ptr;
    if (at != end && (*at != ' ' || ++at == end)) return std::nullopt;
  }
  const auto wrong = [&](size_t i) {
    return out[i].code < 1 || out[i].count < 1 || (i > 0 && out[i].code <= out[i - 1].code);
  };
  for (size_t i = 0; i < out.size(); ++i) {
    if (wrong(i)) return std::nullopt;
  }
  return out;
}

}  // namespace tapeline::model
