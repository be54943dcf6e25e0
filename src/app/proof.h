#pragma once

#include <functional>
#include <memory>
#include <string>

#include "log/log.h"
#include "serve/ports.h"
#include "store/store.h"
#include "verify/explain.h"
#include "verify/verify.h"

/// What `verify` and `explain` need of this program, and how they look as JSON: the same on the
/// command line and in the API.
namespace tapeline::app {

/// `log` as verify::Ports says. The ports must not outlive `store`.
verify::Ports proof_ports(store::Reader& store, std::function<Result<log::Source*>()> log,
                          int64_t future_ms_max);

/// One JSON object each, no line end.
std::string to_json(const verify::Report& report);
std::string to_json(const verify::Explanation& explanation);

/// "equal", "different", "unverifiable".
std::string_view to_string(verify::Outcome outcome);
/// In one line, for people.
std::string summary(const verify::Report& report);

/// The API's proofs, from store and log of the running program. Used on the workers' thread.
class LiveProofs final : public serve::Proofs {
 public:
  LiveProofs(store::Store& store, log::Log& log, uint64_t records_max, int64_t future_ms_max)
      : store_(store), log_(log), limits_{records_max, kHeldMax}, future_ms_max_(future_ms_max) {}

  Result<std::string> verify(const Range& range) override;
  Result<std::string> explain(const model::BarKey& key, size_t limit) override;

 private:
  /// Trades and bars held for one answer: about 100 MiB.
  static constexpr uint64_t kHeldMax = 200'000;

  Result<verify::Ports> ports();

  store::Store& store_;
  log::Log& log_;
  const verify::Limits limits_;
  const int64_t future_ms_max_;
  std::unique_ptr<store::Reader> reader_;
};

}  // namespace tapeline::app
