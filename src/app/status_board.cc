#include "app/status_board.h"

#include <algorithm>
#include <numeric>

#include "app/version.h"

namespace tapeline::app {
namespace {

int64_t sum(const auto& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

Error starting() {
  return Error(ErrorCode::unavailable, "the program is still starting");
}

int64_t records_behind(const log::Log& log, const Pipeline::Status& status) {
  return std::max<int64_t>(0, log.end().raw() - 1 - status.applied.raw());
}

}  // namespace

StatusBoard::StatusBoard(net::Loop& loop, Session& session, const Config& config,
                         metrics::Registry& metrics)
    : loop_(loop),
      session_(session),
      config_(config),
      started_(loop.clock().wall()),
      behind_(metrics.gauge("tapeline_engine_lag_records",
                            "Records in the log that the engine has not applied.")),
      log_bytes_(metrics.gauge("tapeline_log_size_bytes", "Size of the log on disk.")),
      log_pending_bytes_(
          metrics.gauge("tapeline_log_pending_bytes", "Bytes appended that are not durable yet.")),
      store_bytes_(metrics.gauge("tapeline_store_size_bytes", "Size of the store on disk.")),
      checkpoint_age_(metrics.gauge("tapeline_store_checkpoint_age_seconds",
                                    "Time since the last commit to the store.")) {
  if (auto reader = session.tape().store->open_reader(); reader)
    reader_ = std::move(reader).value();
}

void StatusBoard::sample() {
  const Pipeline::Status pipeline = session_.pipeline().status();
  const log::Log& log = *session_.tape().log;
  const log::Log::Status log_status = log.status();
  behind_.set(static_cast<double>(records_behind(log, pipeline)));
  log_bytes_.set(static_cast<double>(log_status.bytes));
  log_pending_bytes_.set(static_cast<double>(log_status.pending_bytes));
  store_bytes_.set(static_cast<double>(session_.tape().store->bytes()));
  checkpoint_age_.set(static_cast<double>((loop_.clock().boot() - pipeline.stored_at).count()) /
                      1e6);
  if (origin_ == nullptr) return;
  const ingest::Accounts accounts = origin_->accounts();
  samples_.push_back(
      {loop_.clock().boot(), accounts.frames, accounts.accepted, pipeline.counters.bars_finalized});
  if (samples_.size() > kSamples) samples_.pop_front();
}

serve::Status StatusBoard::status() {
  const Pipeline::Status pipeline = session_.pipeline().status();
  const log::Log& log = *session_.tape().log;
  const log::Log::Status log_status = log.status();

  serve::Status status;
  status.version = kVersion;
  status.started = started_;
  for (const std::string& name : config_.content.intervals)
    if (const auto interval = model::parse_interval(name)) status.intervals.push_back(*interval);
  std::sort(status.intervals.begin(), status.intervals.end());

  if (origin_ != nullptr) {
    status.clock = origin_->clock();
    status.feed_time = origin_->feed_time();
    status.connection = origin_->connection();
    const ingest::Accounts accounts = origin_->accounts();
    status.counters = {
        {"frames", accounts.frames},
        {"trades_accepted", accounts.accepted},
        {"frames_rejected", sum(accounts.frames_rejected)},
        {"elements_rejected", sum(accounts.elements_rejected)},
        {"frames_repeated", accounts.frames_repeated},
        {"frames_dropped",
         accounts.frames_by_kind[static_cast<size_t>(ingest::FrameKind::dropped)]},
    };
    for (size_t i = 0; i < ingest::Accounts::kReasons; ++i) {
      const int64_t count = accounts.frames_rejected[i] + accounts.elements_rejected[i];
      if (count > 0)
        status.rejects.emplace_back(to_string(static_cast<model::RejectReason>(i)), count);
    }
  }
  const engine::Counters& counters = pipeline.counters;
  const serve::Numbers engine_numbers = {
      {"trades_merged", counters.trades},
      {"price_updates_merged", counters.price_updates},
      {"late", counters.late},
      {"duplicates", counters.duplicates},
      {"fenced", counters.fenced},
      {"bars_finalized", counters.bars_finalized},
      {"undecodable", counters.undecodable},
  };
  status.counters.insert(status.counters.end(), engine_numbers.begin(), engine_numbers.end());

  if (samples_.size() >= 2) {
    const Sample& first = samples_.front();
    const Sample& last = samples_.back();
    const double seconds = static_cast<double>((last.at - first.at).count()) / 1e6;
    status.rates = {static_cast<double>(last.frames - first.frames) / seconds,
                    static_cast<double>(last.trades - first.trades) / seconds,
                    static_cast<double>(last.bars - first.bars) / seconds};
  }

  status.log = {.durability = config_.log.durability,
                .bytes = log_status.bytes,
                .segments = log_status.segments,
                .pending_bytes = log_status.pending_bytes,
                .begin = log.begin(),
                .end = log.end(),
                .error = log_status.error};
  status.store = {.bytes = session_.tape().store->bytes(),
                  .through = pipeline.stored,
                  .error = pipeline.store_error};
  status.engine = {.bytes = pipeline.engine_bytes, .behind = records_behind(log, pipeline)};
  status.ready = origin_ != nullptr && log_status.error.empty() && pipeline.store_error.empty();
  if (!status.ready)
    status.not_ready = !log_status.error.empty()       ? log_status.error
                       : !pipeline.store_error.empty() ? pipeline.store_error
                                                       : starting().message();
  return status;
}

std::vector<serve::SymbolInfo> StatusBoard::list() {
  std::vector<serve::SymbolInfo> infos =
      origin_ != nullptr ? origin_->symbols() : std::vector<serve::SymbolInfo>();
  const auto known = [&](const std::string& symbol) {
    return std::any_of(infos.begin(), infos.end(),
                       [&](const serve::SymbolInfo& info) { return info.symbol == symbol; });
  };
  if (reader_) {
    if (const auto rows = reader_->symbols(); rows) {
      const size_t wanted = infos.size();
      for (const store::SymbolRow& row : rows.value()) {
        if (wanted > 0 && known(row.symbol)) continue;
        // What the store remembers of one that the feed no longer has.
        const std::string state = wanted > 0 && row.state != "seen" ? "unsubscribed" : row.state;
        infos.push_back({row.symbol, row.venue_class, state, row.detail, row.since});
      }
    }
  }
  std::sort(infos.begin(), infos.end(),
            [](const auto& a, const auto& b) { return a.symbol < b.symbol; });
  return infos;
}

void StatusBoard::add(const std::string& symbol, std::function<void(Result<>)> done) {
  origin_ != nullptr ? origin_->add_symbol(symbol, std::move(done)) : done(starting());
}

void StatusBoard::remove(const std::string& symbol, std::function<void(Result<>)> done) {
  origin_ != nullptr ? origin_->remove_symbol(symbol, std::move(done)) : done(starting());
}

void StatusBoard::search(const std::string& text,
                         std::function<void(Result<std::vector<serve::SearchHit>>)> done) {
  origin_ != nullptr ? origin_->search(text, std::move(done)) : done(starting());
}

}  // namespace tapeline::app
