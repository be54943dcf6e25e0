#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/trade.h"
#include "serve/ports.h"
#include "store/live_view.h"

namespace tapeline::serve {

/// Which market data this is, as everything that shows it says.
struct Identity {
  std::string feed;   ///< "finnhub", "simulated", "recording".
  std::string label;  ///< For people: "Finnhub", "Simulated market".
  bool simulated = false;
};

/// What is newer than the store: the live bars and the last trades of each symbol. Owned by the
/// loop's thread.
class Hub {
 public:
  /// A symbol's last trades, oldest first.
  using Tape = std::deque<model::Trade>;

  void publish(const Publication& publication);
  /// Everything up to here is readable in the store.
  void stored(Position through) { view_.stored(through); }

  const store::LiveView& view() const { return view_; }
  /// Empty when none was seen since the start.
  const Tape& tape(const std::string& symbol) const;
  Position position() const { return position_; }
  /// Gap records published since the start; a change tells a screen to ask for the gaps again.
  int64_t gaps() const { return gaps_; }

 private:
  store::LiveView view_;
  std::map<std::string, Tape, std::less<>> tapes_;
  Position position_;
  int64_t gaps_ = 0;
};

}  // namespace tapeline::serve
