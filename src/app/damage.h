#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log/log.h"
#include "model/trade.h"

namespace tapeline::app {

/// Tells between which times records are missing where the log is damaged, so that the hole can be
/// written down as a gap: it reads the whole records on both sides of it. One owner thread.
class DamageWatch {
 public:
  /// [from, to] of a source, in its own clock. Both are equal when only one side is known.
  struct Hole {
    std::string source;
    model::IngestTime from, to;

    friend bool operator==(const Hole&, const Hole&) = default;
  };

  /// Every batch that could be read, in order.
  void read(const log::Batch& batch);

  /// The reader stepped over something before the next batch.
  void damaged();

  /// The holes found; those at the end of the log too. Empty afterwards.
  std::vector<Hole> take();

 private:
  void close();

  std::optional<log::Batch> last_;
  bool open_ = false;
  std::vector<Hole> before_;  ///< What is known of the sources before the open hole.
  std::vector<Hole> holes_;
};

}  // namespace tapeline::app
