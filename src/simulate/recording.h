#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "simulate/tape.h"

namespace tapeline::simulate {

struct RecordingOptions {
  uint64_t seed = 1;
  /// Rows of a CSV in one frame: one to so many, by chance.
  uint32_t trades_per_frame_max = 10;
  /// Rows are put together only when they arrived within this.
  std::chrono::milliseconds frame_span{100};
};

/// Recorded trades as frames. Of a CSV, adjacent rows become one frame and the texts of numbers
/// stay what they are; a field that is no JSON number is sent as a string, so that it spoils its
/// own trade only. Of JSON lines, each line is a frame and passes unchanged, except error frames,
/// which were about the recorder's own subscriptions and are left out. The time of arrival is the
/// greatest event time so far. Several files follow each other.
class Recording final : public Tape {
 public:
  /// Reads the files once for their symbols. `invalid` when there is no trade in them, `full`
  /// beyond 100,000 symbols, else the error of the file that cannot be read.
  static Result<std::unique_ptr<Recording>> open(FileSystem& files, std::vector<std::string> paths,
                                                 const RecordingOptions& options);
  ~Recording() override;

  Result<bool> next(Batch& batch) override;
  const std::vector<Instrument>& instruments() const override;
  Quote quote(uint32_t instrument) const override;

  /// The first time in it.
  WallTime first() const;

  /// Added to the times of the batches to come; 0 leaves their bytes alone.
  void shift_by(std::chrono::milliseconds shift);

  /// Lines that were no rows, so far.
  uint64_t rows_skipped() const;

 private:
  class Impl;
  explicit Recording(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Moves a batch of a recording that was not sent in time: `due`, and the times of its elements.
void shift_batch(Batch& batch, std::chrono::milliseconds shift);

}  // namespace tapeline::simulate
