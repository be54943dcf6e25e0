#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/config.h"
#include "app/publisher.h"
#include "app/session.h"
#include "base/random.h"
#include "ingest/finnhub/feed_client.h"
#include "ingest/finnhub/rest.h"
#include "ingest/replay/replayer.h"
#include "model/retention.h"
#include "net/client.h"
#include "net/loop.h"
#include "serve/ports.h"
#include "serve/service.h"
#include "serve/worker_thread.h"

namespace tapeline::app {

/// Where the trades of a run come from.
class Origin {
 public:
  virtual ~Origin() = default;
  /// Begins; from the loop's thread, once.
  virtual void start() = 0;
  /// Takes nothing more and hands the rest to the log. Idempotent; may wait.
  virtual void stop() = 0;

  /// Sees to it that the log says what retention is to remove from it. From the loop's thread.
  /// Errors: the log's, which then does not say so; may be tried again.
  virtual Result<> note_cut(const model::RetentionCut& cut) = 0;

  virtual serve::Status::Connection connection() = 0;
  virtual ingest::Accounts accounts() = 0;
  virtual std::string clock() = 0;  ///< "wall" or "feed".
  virtual std::optional<model::EventTime> feed_time() = 0;
  virtual void add_symbol(const std::string& symbol, std::function<void(Result<>)> done) = 0;
  virtual void remove_symbol(const std::string& symbol, std::function<void(Result<>)> done) = 0;
  virtual void search(const std::string& text,
                      std::function<void(Result<std::vector<serve::SearchHit>>)> done) = 0;
  /// Wanted symbols with what is known of them.
  virtual std::vector<serve::SymbolInfo> symbols() = 0;
};

/// A server that speaks Finnhub's protocol, by the shipping client.
class FeedOrigin final : public Origin {
 public:
  struct Setup {
    net::Loop& loop;
    Session& session;
    const Config& config;
    ingest::finnhub::Options feed;
    std::string source;
    metrics::Registry& metrics;
    std::function<void()> ended;
  };
  explicit FeedOrigin(const Setup& setup);

  void start() override;
  void stop() override;
  Result<> note_cut(const model::RetentionCut& cut) override;
  serve::Status::Connection connection() override;
  ingest::Accounts accounts() override { return stage_.accounts(); }
  std::string clock() override;
  std::optional<model::EventTime> feed_time() override;
  void add_symbol(const std::string& symbol, std::function<void(Result<>)> done) override;
  void remove_symbol(const std::string& symbol, std::function<void(Result<>)> done) override;
  void search(const std::string& text,
              std::function<void(Result<std::vector<serve::SearchHit>>)> done) override;
  std::vector<serve::SymbolInfo> symbols() override;

 private:
  std::vector<ingest::finnhub::FeedClient::Refused> add_remembered_symbols();
  /// A symbol of the settings, unless the feed does not know it.
  void add_validated(const std::string& symbol);

  Session& session_;
  const Config& config_;
  const std::string source_;
  int64_t epoch_ = 0;
  Random random_;
  ingest::Stage stage_;
  std::unique_ptr<net::Connector> connector_;
  ingest::finnhub::Rest rest_;
  ingest::finnhub::FeedClient client_;
};

/// Recordings, played on a thread of their own.
class ReplayOrigin final : public Origin {
 public:
  struct Setup {
    net::Loop& loop;
    Session& session;
    const Config& config;
    ingest::ReplayOptions replay;
    metrics::Registry& metrics;
    std::function<void()> ended;  ///< On the loop's thread.
  };
  explicit ReplayOrigin(const Setup& setup);
  ~ReplayOrigin() override { stop(); }

  void start() override;
  void stop() override;
  Result<> note_cut(const model::RetentionCut& cut) override;
  serve::Status::Connection connection() override;
  ingest::Accounts accounts() override;
  std::string clock() override { return ingest::to_string(replay_.clock).data(); }
  std::optional<model::EventTime> feed_time() override;
  void add_symbol(const std::string& symbol, std::function<void(Result<>)> done) override;
  void remove_symbol(const std::string& symbol, std::function<void(Result<>)> done) override;
  void search(const std::string& text,
              std::function<void(Result<std::vector<serve::SearchHit>>)> done) override;
  std::vector<serve::SymbolInfo> symbols() override { return {}; }

 private:
  void play();
  /// By who owns the stage, with mutex_ held.
  void write_cuts();

  net::Loop& loop_;
  Session& session_;
  const ingest::ReplayOptions replay_;
  const std::function<void()> ended_;
  ingest::Stage stage_;  // Owned by the replay thread until finished_, then by the loop's.
  ingest::Replayer replayer_;
  std::thread thread_;

  std::mutex mutex_;
  ingest::Accounts accounts_;                  // Guarded by mutex_.
  ingest::ReplayProgress progress_;            // Guarded by mutex_.
  std::optional<model::EventTime> feed_time_;  // Guarded by mutex_.
  std::string failure_;                        // Guarded by mutex_.
  bool finished_ = false;                      // Guarded by mutex_.
  std::vector<model::RetentionCut> cuts_;      // Guarded by mutex_: not yet recorded.
};

}  // namespace tapeline::app
