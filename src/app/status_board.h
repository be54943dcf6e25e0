#pragma once

#include <array>
#include <deque>
#include <optional>

#include "app/live.h"
#include "app/session.h"
#include "base/metrics.h"
#include "net/loop.h"
#include "serve/ports.h"

namespace tapeline::app {

/// What serve asks the program: its state and its symbols. Used on the loop's thread.
class StatusBoard final : public serve::StatusSource, public serve::SymbolControl {
 public:
  /// All must outlive the board.
  StatusBoard(net::Loop& loop, Session& session, const Config& config, metrics::Registry& metrics);

  /// The origin whose numbers are shown; nothing before it is there.
  void show(Origin* origin) { origin_ = origin; }

  /// Takes a sample for the rates; call once a second.
  void sample();

  serve::Status status() override;
  std::vector<serve::SymbolInfo> list() override;
  void add(const std::string& symbol, std::function<void(Result<>)> done) override;
  void remove(const std::string& symbol, std::function<void(Result<>)> done) override;
  void search(const std::string& text,
              std::function<void(Result<std::vector<serve::SearchHit>>)> done) override;

 private:
  struct Sample {
    BootTime at;
    int64_t frames = 0;
    int64_t trades = 0;
    int64_t bars = 0;
  };
  static constexpr size_t kSamples = 6;  ///< Rates are over the last five seconds.

  net::Loop& loop_;
  Session& session_;
  const Config& config_;
  const WallTime started_;
  Origin* origin_ = nullptr;
  std::unique_ptr<store::Reader> reader_;
  std::deque<Sample> samples_;
  metrics::Gauge behind_;
  metrics::Gauge log_bytes_;
  metrics::Gauge log_pending_bytes_;
  metrics::Gauge store_bytes_;
  metrics::Gauge checkpoint_age_;
};

}  // namespace tapeline::app
