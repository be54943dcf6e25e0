#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "simulate/fixed.h"
#include "simulate/tape.h"

namespace tapeline::simulate {

/// How trades follow each other.
enum class Arrivals {
  clustered,  ///< Random, in clusters of one millisecond, with tenfold bursts about once a minute.
  steady,     ///< Evenly spaced, one by one.
};

struct MarketOptions {
  uint64_t seed = 1;
  /// Mean over a long time; infinity: `skip_to` alone moves time.
  double trades_per_s = 20;
  WallTime start{};
  std::vector<Instrument> instruments = default_instruments();
  uint32_t zipf_exponent_hundredths = 110;
  Arrivals arrivals = Arrivals::clustered;
  uint32_t trades_per_frame_max = 10;
  std::chrono::milliseconds frame_span{100};  ///< Trades of one frame arrive within this.
  double late_share = 0.01;                   ///< Trades older than one of their symbol before.
  std::chrono::milliseconds late_max{2'000};  ///< Between a trade's time and its arrival.
};

/// A trade as numbers, for whoever counts along.
struct GeneratedTrade {
  uint32_t instrument = 0;
  int64_t price = 0;   ///< In units of 10^-price_decimals of the instrument.
  int64_t volume = 0;  ///< In units of 10^-volume_decimals.
  int64_t event_time_ms = 0;
};

/// A market made up from a seed: the same options and `skip_to` calls give the same bytes on every
/// machine. It never ends. Popularity follows Zipf's law, prices walk at random around where they
/// began, volumes have a heavy tail, conditions have the frequencies of a recorded day.
class Market final : public Tape {
 public:
  explicit Market(MarketOptions options);

  Result<bool> next(Batch& batch) override;
  const std::vector<Instrument>& instruments() const override { return options_.instruments; }
  Quote quote(uint32_t instrument) const override;

  /// The trades of the last batch, in its order.
  std::span<const GeneratedTrade> trades() const { return trades_; }

  /// The time of the next arrival is `now` or later, at the chosen rate; none are made up for the
  /// time between. May go back.
  void skip_to(WallTime now);

 private:
  struct State {
    int64_t price_shifted = 0;  ///< The walking price, in units of 2^-20 of the smallest unit.
    int64_t price_home = 0;     ///< Where it is drawn back to; same units.
    int64_t newest_ms = std::numeric_limits<int64_t>::min();
    int64_t open = 0, high = 0, low = 0, last = 0, last_ms = 0;
    std::string after_price;  ///< `,"s":"AAPL","t":`
  };

  void next_arrival();
  void pass_time(int64_t mean_gap_ns);
  void append_trade(Batch& batch);
  int64_t draw_event_time(State& state, uint32_t random);
  int64_t draw_price(const Instrument& instrument, State& state, uint64_t random, uint32_t tick);
  int64_t draw_volume(const Instrument& instrument, uint32_t random);
  char* write_time(char* out, int64_t event_time_ms);

  const MarketOptions options_;
  const WeightedDraw draw_instrument_;
  const std::vector<uint32_t> exponential_;
  std::vector<int64_t> stock_volumes_;    ///< Equally likely ones.
  std::vector<uint64_t> crypto_factors_;  ///< Equally likely ones, in units of 2^-16.
  const uint64_t late_threshold_;         ///< Of 2^32.

  Random random_;
  std::vector<State> states_;
  std::vector<GeneratedTrade> trades_;
  int64_t now_ns_ = 0;        ///< Arrival of the present cluster.
  int64_t phase_end_ns_ = 0;  ///< Calm and burst take turns.
  bool burst_ = false;
  uint32_t cluster_left_ = 0;
  uint32_t cluster_instrument_ = 0;
  uint32_t late_owed_ = 0;  ///< Late trades drawn for symbols that had none to be older than.
  int64_t cached_second_ = -1;
  char cached_second_text_[32] = {};
};

/// Writes value / 10^decimals as Go's JSON encoder, which the feed is written in, does: the
/// shortest text, with an exponent below 10^-6. At most 32 bytes; returns the end.
char* write_number(char* out, int64_t value, int decimals);

}  // namespace tapeline::simulate
