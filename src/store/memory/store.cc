#include "store/memory/store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

namespace tapeline::store {
namespace {

using model::EventTime;
using model::IngestTime;
using Key = std::tuple<std::string, model::Interval, model::Basis, EventTime>;

Key key_of(const model::BarKey& key) {
  return {key.symbol, key.interval, key.basis, key.start};
}

struct Content {
  mutable std::mutex mutex;
  std::map<Key, BarRow> bars;                // Guarded by mutex.
  std::map<Position, model::Gap> gaps;       // Guarded by mutex.
  std::map<std::string, SymbolRow> symbols;  // Guarded by mutex.
  std::optional<Checkpoint> checkpoint;      // Guarded by mutex.
  std::string log;                           // Guarded by mutex.
};

class MemoryWriter final : public Writer {
 public:
  explicit MemoryWriter(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  Result<> write(const Commit& commit) override {
    std::lock_guard lock(content_->mutex);
    for (const model::BarKey& key : commit.removed) content_->bars.erase(key_of(key));
    for (const BarRow& row : commit.bars) {
      const auto [at, fresh] = content_->bars.try_emplace(key_of(row.bar.key), row);
      if (!fresh && row.bar.through > at->second.bar.through) at->second = row;
    }
    for (const model::Gap& gap : commit.gaps) content_->gaps.try_emplace(gap.position, gap);
    for (const SymbolRow& row : commit.symbols) {
      const auto [at, fresh] = content_->symbols.try_emplace(row.symbol, row);
      if (!fresh && row.position > at->second.position) at->second = row;
    }
    auto& checkpoint = content_->checkpoint;
    if (commit.checkpoint && (!checkpoint || commit.checkpoint->position >= checkpoint->position))
      checkpoint = commit.checkpoint;
    return {};
  }

 private:
  const std::shared_ptr<Content> content_;
};

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(std::shared_ptr<Content> content) : content_(std::move(content)) {}

  Result<std::optional<BarRow>> row(const model::BarKey& key) override {
    std::lock_guard lock(content_->mutex);
    const auto at = content_->bars.find(key_of(key));
    return at == content_->bars.end() ? std::nullopt : std::optional(at->second);
  }

  Result<std::vector<BarRow>> rows_overlapping(const std::string& symbol, EventTime from,
                                               EventTime to) override {
    std::lock_guard lock(content_->mutex);
    std::vector<BarRow> rows;
    for (const auto& [key, row] : content_->bars)
      if (row.bar.key.symbol == symbol && row.bar.key.basis == model::Basis::all &&
          row.bar.key.start < to && row.bar.end > from)
        rows.push_back(row);
    return rows;
  }

  Result<> keys(const BarQuery& query,
                const std::function<void(const model::BarKey&)>& each) override {
    std::lock_guard lock(content_->mutex);
    for (const auto& [key, row] : content_->bars)
      if (row.bar.key.basis == query.basis && in_range(query, row.bar.key)) each(row.bar.key);
    return {};
  }

  Result<> bars(const BarQuery& query,
                const std::function<bool(const model::Bar&)>& each) override {
    if (query.newest && (query.symbol.empty() || !query.interval || query.limit == 0))
      return make_error(ErrorCode::invalid,
                        "store: the newest bars are of one symbol and interval, up to a limit");
    std::vector<model::Bar> found = matching(query);
    if (query.limit > 0 && found.size() > query.limit) {
      if (query.newest)
        found.erase(found.begin(), found.end() - static_cast<ptrdiff_t>(query.limit));
      else
        found.resize(query.limit);
    }
    for (const model::Bar& bar : found)
      if (!each(bar)) break;
    return {};
  }

  Result<std::vector<model::Gap>> gaps(const std::string& symbol, IngestTime from, IngestTime to,
                                       size_t limit) override {
    std::lock_guard lock(content_->mutex);
    std::vector<model::Gap> gaps;
    for (const auto& [position, gap] : content_->gaps) {
      const bool ours = symbol.empty() || !gap.symbol || *gap.symbol == symbol;
      if (ours && gap.from < to && (gap.to > from || gap.from >= from)) gaps.push_back(gap);
    }
    std::sort(gaps.begin(), gaps.end(), [](const model::Gap& a, const model::Gap& b) {
      return std::tie(a.from, a.position) < std::tie(b.from, b.position);
    });
    if (limit > 0 && gaps.size() > limit) gaps.resize(limit);
    return gaps;
  }

  Result<std::vector<SymbolRow>> symbols() override {
    std::lock_guard lock(content_->mutex);
    std::vector<SymbolRow> rows;
    for (const auto& [symbol, row] : content_->symbols) rows.push_back(row);
    return rows;
  }

  Result<std::optional<Checkpoint>> checkpoint() override {
    std::lock_guard lock(content_->mutex);
    return content_->checkpoint;
  }

 private:
  model::Bar eligible(model::Bar bar) const {
    bar.key.basis = model::Basis::eligible;
    const auto at = content_->bars.find(key_of(bar.key));
    return at == content_->bars.end() ? bar : at->second.bar;
  }

  /// Its basis aside.
  static bool in_range(const BarQuery& query, const model::BarKey& key) {
    return (query.symbol.empty() || key.symbol == query.symbol) &&
           (!query.interval || key.interval == *query.interval) && key.start >= query.from &&
           key.start < query.to;
  }

  std::vector<model::Bar> matching(const BarQuery& query) const {
    std::lock_guard lock(content_->mutex);
    // `eligible` is stored only where it differs from `all`.
    const model::Basis stored_as =
        query.basis == model::Basis::eligible ? model::Basis::all : query.basis;
    std::vector<model::Bar> found;
    for (const auto& [key, row] : content_->bars) {
      if (row.bar.key.basis == stored_as && in_range(query, row.bar.key))
        found.push_back(query.basis == stored_as ? row.bar : eligible(row.bar));
    }
    return found;
  }

  const std::shared_ptr<Content> content_;
};

class MemoryStore final : public Store {
 public:
  Result<std::unique_ptr<Writer>> open_writer() override {
    return std::unique_ptr<Writer>(std::make_unique<MemoryWriter>(content_));
  }
  Result<std::unique_ptr<Reader>> open_reader() override {
    return std::unique_ptr<Reader>(std::make_unique<MemoryReader>(content_));
  }
  Result<std::string> log() override {
    std::lock_guard lock(content_->mutex);
    return content_->log;
  }
  Result<> bind_to_log(const std::string& identity) override {
    std::lock_guard lock(content_->mutex);
    if (!content_->bars.empty() || content_->checkpoint)
      TAPELINE_TRY(check_log("the store in memory", content_->log, identity));
    if (!identity.empty()) content_->log = identity;
    return {};
  }
  uint64_t bytes() const override {
    std::lock_guard lock(content_->mutex);
    uint64_t sum = 0;
    for (const auto& [key, row] : content_->bars) sum += sizeof key + sizeof row + row.state.size();
    return sum;
  }

 private:
  const std::shared_ptr<Content> content_ = std::make_shared<Content>();
};

}  // namespace

std::unique_ptr<Store> make_memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace tapeline::store
