#include "simulate/market.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace tapeline::simulate {
namespace {

constexpr int64_t kNsPerUs = 1'000;
constexpr int64_t kNsPerMs = 1'000'000;

/// Bursts are ten times the calm rate and last a twentieth of the time: with a calm rate of
/// 1 / (0.95 + 10 * 0.05) = 1 / 1.45 of the mean, the mean comes out as asked for.
constexpr int64_t kBurstFactor = 10;
constexpr int64_t kBurstMeanNs = 3'000 * kNsPerMs;
constexpr int64_t kCalmMeanNs = 57'000 * kNsPerMs;

/// How many trades print in one go; equally likely. The mean is 48/32, and 22 of 48 trades have
/// company, so that well over a fifth share symbol and millisecond.
constexpr std::array<uint8_t, 32> kClusterSizes = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 8};
constexpr int64_t kClusterMeanNumerator = 48;
constexpr int64_t kClusterMeanDenominator = 32;

/// Condition codes of stocks with their frequency in a recorded day: AAPL on the US consolidated
/// tape, 7 May 2010, 335,691 trades (NYSE TAQ through github.com/hafen/nxcore). The tape's letters
/// @F, none, @4, Q, O and M are given as Finnhub's codes.
struct Conditions {
  uint32_t count;
  std::string_view text;
};
constexpr std::array<Conditions, 6> kStockConditions = {{
    {173'562, R"({"c":["1","8"],"p":)"},
    {162'098, R"({"c":["1"],"p":)"},
    {27, R"({"c":["1","32"],"p":)"},
    {2, R"({"c":["20"],"p":)"},
    {1, R"({"c":["1","19"],"p":)"},
    {1, R"({"c":["16"],"p":)"},
}};
constexpr uint32_t kStockConditionsTotal = 335'691;
constexpr std::string_view kNoConditions = R"({"c":null,"p":)";

/// The most frequent volumes of the same day; all others together were 19,346 trades.
struct VolumeCount {
  uint32_t count;
  int64_t volume;
};
constexpr std::array<VolumeCount, 12> kStockVolumes = {{{255'988, 100},
                                                        {26'246, 200},
                                                        {10'891, 300},
                                                        {6'894, 500},
                                                        {6'398, 400},
                                                        {2'257, 1'000},
                                                        {1'744, 150},
                                                        {1'742, 600},
                                                        {1'286, 700},
                                                        {1'132, 800},
                                                        {958, 250},
                                                        {809, 900}}};
constexpr uint32_t kVolumeSlots = 4'096;
constexpr uint32_t kQuantiles = 4'096;

/// 2^x for x in units of 2^-32, x below 16, in units of 2^-16.
uint64_t exp2_plus(uint64_t x) {
  constexpr uint64_t kLimit = uint64_t{16} << 32;
  return exp2_minus(kLimit - x) >> 30;
}

std::vector<int64_t> make_stock_volumes() {
  std::vector<int64_t> volumes;
  uint64_t cumulated = 0;
  for (const auto& [count, volume] : kStockVolumes) {
    cumulated += count;
    volumes.resize(cumulated * kVolumeSlots / kStockConditionsTotal, volume);
  }
  // The rest is a Pareto tail with exponent 1.2: 110 * e^(E / 1.2), where E is exponential; e^y is
  // 2^(y * log2 e), and log2 e / 1.2 = 1.2023.
  const auto tail = static_cast<uint32_t>(kVolumeSlots - volumes.size());
  for (const uint64_t quantile : exponential_quantiles(tail)) {
    const uint64_t exponent = (quantile << 16) / 10'000 * 12'023;
    volumes.push_back(static_cast<int64_t>((110 * exp2_plus(exponent)) >> 16));
  }
  return volumes;
}

/// Two exponentials against each other, doubled: from thousandths to hundreds of the typical
/// volume, the middle at one.
std::vector<uint64_t> make_crypto_factors() {
  std::vector<uint64_t> factors;
  for (const uint64_t quantile : exponential_quantiles(kVolumeSlots / 2)) {
    const uint64_t up = exp2_plus(quantile << 16);
    factors.push_back(up);
    factors.push_back((uint64_t{1} << 32) / up);
  }
  return factors;
}

constexpr std::array<char, 200> make_digit_pairs() {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr auto kDigitPairs = make_digit_pairs();

/// Exactly `width` digits, with zeros in front.
char* write_padded(char* out, uint64_t value, int width) {
  char* at = out + width;
  while (at - out >= 2) {
    at -= 2;
    std::memcpy(at, &kDigitPairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (at != out) *out = static_cast<char>('0' + value % 10);
  return out + width;
}

int digit_count(uint64_t value) {
  int digits = 1;
  for (; value >= 100; value /= 100) digits += 2;
  return digits + (value >= 10 ? 1 : 0);
}

constexpr std::array<uint64_t, 19> make_powers_of_ten() {
  std::array<uint64_t, 19> powers{};
  uint64_t power = 1;
  for (uint64_t& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}
constexpr auto kPowersOfTen = make_powers_of_ten();

char* append(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

std::string_view stock_conditions(uint32_t random) {
  uint64_t place = (uint64_t{random} * kStockConditionsTotal) >> 32;
  for (const Conditions& conditions : kStockConditions) {
    if (place < conditions.count) return conditions.text;
    place -= conditions.count;
  }
  return kStockConditions.back().text;
}

/// Seven in a hundred stock trades have three decimals, seven have four, as on the recorded day.
int64_t stock_tick(uint32_t random) {
  const uint32_t percent = (random & 0xffff) * 100 >> 16;
  return percent < 7 ? 1 : percent < 14 ? 10 : 100;
}

}  // namespace

char* write_number(char* out, int64_t value, int decimals) {
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  const auto magnitude = static_cast<uint64_t>(value);
  const uint64_t unit = kPowersOfTen[static_cast<size_t>(decimals)];
  const uint64_t whole = magnitude / unit;
  uint64_t fraction = magnitude % unit;
  if (whole == 0 && fraction != 0 && decimals > 6 &&
      fraction < kPowersOfTen[static_cast<size_t>(decimals - 6)]) {
    while (fraction % 10 == 0) {
      fraction /= 10;
      --decimals;
    }
    const int digits = digit_count(fraction);
    char* const first = out;
    out = write_padded(out + 1, fraction, digits);
    first[0] = first[1];
    if (digits == 1) {
      out = first + 1;
    } else {
      first[1] = '.';
    }
    out = append(out, "e-");
    const auto exponent = static_cast<uint64_t>(decimals) - static_cast<uint64_t>(digits) + 1;
    return write_padded(out, exponent, digit_count(exponent));
  }
  out = write_padded(out, whole, digit_count(whole));
  if (fraction == 0) return out;
  *out++ = '.';
  out = write_padded(out, fraction, decimals);
  while (out[-1] == '0') --out;
  return out;
}

Market::Market(MarketOptions options)
    : options_(std::move(options)),
      draw_instrument_(zipf_weights(static_cast<uint32_t>(options_.instruments.size()),
                                    options_.zipf_exponent_hundredths)),
      exponential_(exponential_quantiles(kQuantiles)),
      stock_volumes_(make_stock_volumes()),
      crypto_factors_(make_crypto_factors()),
      late_threshold_(static_cast<uint64_t>(options_.late_share * 0x1p32)),
      random_(options_.seed),
      now_ns_(options_.start.time_since_epoch().count() * kNsPerUs),
      phase_end_ns_(now_ns_) {
  CHECK(options_.trades_per_s > 0);
  CHECK(options_.trades_per_frame_max > 0);
  burst_ = true;  // The first step ends this phase of length zero and begins a calm one.
  for (const Instrument& instrument : options_.instruments) {
    State state;
    state.price_home = instrument.price_start << 20;
    state.price_shifted = state.price_home;
    state.after_price = ",\"s\":\"" + instrument.symbol + "\",\"t\":";
    CHECK(state.after_price.size() <= 100, "symbol {} is too long", instrument.symbol);
    states_.push_back(std::move(state));
  }
}

void Market::skip_to(WallTime now) {
  now_ns_ = now.time_since_epoch().count() * kNsPerUs;
  phase_end_ns_ = now_ns_;
  burst_ = true;
  cluster_left_ = 0;
}

Result<bool> Market::next(Batch& batch) {
  batch.clear();
  trades_.clear();
  batch.text.append(kFrameHead);
  if (cluster_left_ == 0) next_arrival();
  const int64_t first_ns = now_ns_;
  const int64_t span_ns = options_.frame_span.count() * kNsPerMs;
  int64_t due_ns = first_ns;
  while (batch.elements.size() < options_.trades_per_frame_max && now_ns_ - first_ns <= span_ns) {
    due_ns = now_ns_;
    append_trade(batch);
    if (--cluster_left_ == 0) next_arrival();
  }
  batch.text.append(kFrameTail);
  batch.due = WallTime(std::chrono::microseconds(due_ns / kNsPerUs));
  return true;
}

void Market::next_arrival() {
  if (options_.arrivals == Arrivals::steady) {
    cluster_left_ = 1;
    if (std::isfinite(options_.trades_per_s))
      now_ns_ += static_cast<int64_t>(1e9 / options_.trades_per_s);
    cluster_instrument_ = draw_instrument_(random_.next());
    return;
  }
  const uint64_t random = random_.next();
  cluster_instrument_ = draw_instrument_(random);
  // The two uses of `random` share no bits that matter: the alias method looks at the upper end of
  // each half first, the size at the lowest bits.
  cluster_left_ = kClusterSizes[random % kClusterSizes.size()];
  if (!std::isfinite(options_.trades_per_s)) return;
  const double calm_rate = options_.trades_per_s / 1.45;
  pass_time(static_cast<int64_t>(1e9 / calm_rate) * kClusterMeanNumerator /
            kClusterMeanDenominator);
}

void Market::pass_time(int64_t mean_gap_ns) {
  const auto exponential = [&](int64_t mean) {
    const int64_t quantile = exponential_[random_.next() % kQuantiles];
    return mean / 65'536 * quantile + mean % 65'536 * quantile / 65'536;
  };
  for (;;) {
    const int64_t gap = exponential(burst_ ? mean_gap_ns / kBurstFactor : mean_gap_ns);
    if (now_ns_ + gap < phase_end_ns_) {
      now_ns_ += gap;
      return;
    }
    // Waiting times without memory may be drawn anew where the rate changes.
    now_ns_ = phase_end_ns_;
    burst_ = !burst_;
    phase_end_ns_ += 1 + exponential(burst_ ? kBurstMeanNs : kCalmMeanNs);
  }
}

void Market::append_trade(Batch& batch) {
  const Instrument& instrument = options_.instruments[cluster_instrument_];
  State& state = states_[cluster_instrument_];
  const uint64_t walk = random_.next();
  const uint64_t kind = random_.next();
  const uint64_t size = random_.next();
  const bool stock = instrument.kind == InstrumentClass::stock;

  GeneratedTrade trade;
  trade.instrument = cluster_instrument_;
  trade.event_time_ms = draw_event_time(state, static_cast<uint32_t>(kind));
  trade.price = draw_price(instrument, state, walk, static_cast<uint32_t>(size));
  trade.volume = draw_volume(instrument, static_cast<uint32_t>(size >> 32));

  char text[256];
  char* out = text;
  if (!batch.elements.empty()) *out++ = ',';
  const auto begin = static_cast<uint32_t>(batch.text.size() + static_cast<size_t>(out - text));
  out = append(out, stock ? stock_conditions(static_cast<uint32_t>(kind >> 32)) : kNoConditions);
  out = write_number(out, trade.price, instrument.price_decimals);
  out = append(out, state.after_price);
  out = write_time(out, trade.event_time_ms);
  out = append(out, ",\"v\":");
  out = write_number(out, trade.volume, instrument.volume_decimals);
  *out++ = '}';
  batch.text.append(text, static_cast<size_t>(out - text));
  batch.elements.push_back({cluster_instrument_, begin, static_cast<uint32_t>(batch.text.size())});
  trades_.push_back(trade);
}

int64_t Market::draw_event_time(State& state, uint32_t random) {
  const int64_t arrival_ms = now_ns_ / kNsPerMs;
  constexpr uint32_t kOwedMax = 1'000;
  if (random < late_threshold_ && late_owed_ < kOwedMax) ++late_owed_;
  const int64_t oldest_ms = arrival_ms - options_.late_max.count();
  if (late_owed_ > 0 && state.newest_ms > oldest_ms) {
    --late_owed_;
    const auto room = static_cast<uint64_t>(state.newest_ms - oldest_ms);
    const uint64_t lag = 1 + (((random_.next() >> 32) * room) >> 32);
    return state.newest_ms - static_cast<int64_t>(lag);
  }
  state.newest_ms = std::max(state.newest_ms, arrival_ms);
  return arrival_ms;
}

int64_t Market::draw_price(const Instrument& instrument, State& state, uint64_t random,
                           uint32_t tick_random) {
  // The number of ones in 64 random bits is near enough to normal, with mean 32 and deviation 4.
  const int64_t step = std::popcount(random) - 32;
  state.price_shifted += (state.price_shifted >> instrument.step_shift) * step;
  state.price_shifted += (state.price_home - state.price_shifted) / (1 << 20);
  const int64_t tick = instrument.kind == InstrumentClass::stock ? stock_tick(tick_random) : 1;
  const int64_t exact = state.price_shifted >> 20;
  const int64_t price = std::max(tick, (exact + tick / 2) / tick * tick);
  if (state.last == 0) state.open = state.high = state.low = price;
  state.high = std::max(state.high, price);
  state.low = std::min(state.low, price);
  state.last = price;
  state.last_ms = now_ns_ / kNsPerMs;
  return price;
}

int64_t Market::draw_volume(const Instrument& instrument, uint32_t random) {
  if (instrument.volume_typical == 0) return 0;
  const uint32_t slot = random % kVolumeSlots;
  if (instrument.kind == InstrumentClass::stock) return stock_volumes_[slot];
  // Evenly from one half to three halves of it, so that all decimals occur.
  const uint64_t spread = 0x8000 + (random >> 16);
  const auto typical = static_cast<uint64_t>(instrument.volume_typical);
  const uint64_t around = typical * spread >> 16;
  const uint64_t factor = crypto_factors_[slot];
  const uint64_t volume = (around >> 16) * factor + ((around & 0xffff) * factor >> 16);
  return static_cast<int64_t>(std::max<uint64_t>(1, volume));
}

char* Market::write_time(char* out, int64_t event_time_ms) {
  const int64_t second = event_time_ms / 1'000;
  if (second != cached_second_) {
    cached_second_ = second;
    *write_number(cached_second_text_, second, 0) = '\0';
  }
  out = append(out, cached_second_text_);
  return write_padded(out, static_cast<uint64_t>(event_time_ms % 1'000), 3);
}

Quote Market::quote(uint32_t index) const {
  const State& state = states_[index];
  const auto unit = static_cast<double>(
      kPowersOfTen[static_cast<size_t>(options_.instruments[index].price_decimals)]);
  const auto number = [&](int64_t value) { return static_cast<double>(value) / unit; };
  return {number(state.open), number(state.high), number(state.low), number(state.last),
          state.last_ms / 1'000};
}

}  // namespace tapeline::simulate
