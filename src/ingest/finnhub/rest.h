#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "codec/finnhub_rest.h"
#include "ingest/finnhub/options.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/token_bucket.h"

namespace tapeline::ingest::finnhub {

/// Finnhub's REST interface as far as it serves the stream: symbol search and validation. Calls
/// wait their turn within 55 a minute and 25 a second; the token goes in a header, never in an
/// address. What the key's plan does not include (403) is asked for once only.
///
/// Used from the loop's thread; answers come later, from there.
class Rest {
 public:
  static constexpr size_t kWaitingMax = 100;
  static constexpr size_t kAnswerBytesMax = 16 << 20;

  Rest(net::Loop& loop, net::Connector& connector, metrics::Registry& registry,
       const Options& options);
  ~Rest();
  Rest(const Rest&) = delete;
  Rest& operator=(const Rest&) = delete;

  using Match = codec::FinnhubSymbol;
  using Matches = Result<std::vector<Match>>;
  /// Best matches first, as the feed orders them. `failed`: the token is refused, or the plan of
  /// the key does not include it; `unavailable`: no answer, or too many calls with this key;
  /// `full`: kWaitingMax calls wait already.
  void search(std::string_view query, std::function<void(Matches)> done);

  enum class Validity {
    valid,
    invalid,
    unknown,  ///< It cannot be told: no list of its kind, or not in the plan.
  };
  /// Whether the feed has exactly this symbol: crypto and forex by the list of their exchange,
  /// stocks by search. Answers are remembered for a day. Errors as of `search`.
  void validate(std::string_view symbol, std::function<void(Result<Validity>)> done);

 private:
  using Answer = Result<std::string>;
  struct Call {
    std::string path;   ///< "/search"
    std::string query;  ///< "q=AAPL", encoded.
    std::function<void(Answer)> done;
  };
  struct List {
    BootTime fetched{0};
    std::set<std::string, std::less<>> symbols;
  };
  struct Verdict {
    BootTime at{0};
    Validity validity = Validity::unknown;
  };

  void get(Call call);
  void send_waiting();
  void send(Call call);
  Answer read(const Call& call, Result<net::Connector::HttpAnswer> answer);
  Error refuse(const Call& call, const net::Connector::HttpAnswer& answer);
  void validate_by_search(const std::string& symbol, std::function<void(Result<Validity>)> done);
  void validate_by_list(const std::string& symbol, const std::string& path,
                        const std::string& exchange, std::function<void(Result<Validity>)> done);

  net::Loop& loop_;
  net::Connector& connector_;
  const Options options_;
  metrics::Counter calls_;
  metrics::Counter failures_;
  net::TokenBucket bucket_;
  std::deque<Call> waiting_;
  std::set<std::string, std::less<>> not_in_plan_;  ///< Paths.
  std::map<std::string, List, std::less<>> lists_;  ///< By path and exchange.
  std::map<std::string, Verdict, std::less<>> verdicts_;
  net::Timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  ///< Answers watch it.
};

}  // namespace tapeline::ingest::finnhub
