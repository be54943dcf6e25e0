#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/bar.h"
#include "store/store.h"

/// The bars that are newer than the store: the newest form of each until the store has it, so that
/// answers show what is durable in the log although bars reach the store at most once a second.
/// One owner thread.
namespace tapeline::store {

class LiveView {
 public:
  /// Keeps the newest form (by `through`) of each bar.
  void put(const std::vector<model::Bar>& bars);

  /// Everything up to `through` is readable in the store: forms not beyond it are dropped.
  void stored(Position through);

  /// The newest form of one bar, if it is newer than the store.
  const model::Bar* find(const model::BarKey& key) const;

  /// The forms kept of the bars that a query (of a symbol and an interval) asks for, by start; its
  /// limit is left to `merge`.
  std::vector<model::Bar> newer(const BarQuery& query) const;

  size_t size() const { return size_; }

 private:
  /// Symbol and interval and basis; the bars of each by their start.
  struct Series {
    std::string symbol;
    model::Interval interval;
    model::Basis basis;
    friend auto operator<=>(const Series&, const Series&) = default;
  };
  using ByStart = std::map<model::EventTime, model::Bar>;

  const ByStart* series(const std::string& symbol, model::Interval interval,
                        model::Basis basis) const;

  std::map<Series, ByStart> series_;
  size_t size_ = 0;
};

/// The answer to a query: what the store has, with newer forms in the place of older ones and new
/// bars in their order. `newer` is what a LiveView gave before the store is read, perhaps on
/// another thread: then nothing is missing, whatever is stored meanwhile. The query names a symbol
/// and an interval (`invalid` otherwise).
Result<std::vector<model::Bar>> merge(Reader& reader, const BarQuery& query,
                                      const std::vector<model::Bar>& newer);

}  // namespace tapeline::store
