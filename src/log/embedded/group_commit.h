#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "log/embedded/embedded_log.h"
#include "log/embedded/segment_writer.h"
#include "log/embedded/source.h"

namespace tapeline::log::embedded {

/// One append on its way to the writer.
struct Item {
  std::string records;
  uint32_t count = 0;
  Times times;
  Position first;
  bool begins_segment = false;  ///< A new segment is begun with it; its records may be empty.
};

/// Records gathered into one block.
struct Block {
  Position first;
  uint32_t count = 0;
  Times times;
  std::string records;
  uint64_t offset = 0;  ///< Where it stands once written.
  uint64_t stored = 0;

  void add(Item& item);
};

/// The writing log but for its thread: callers leave their wishes under the state's mutex, and each
/// `step` of the writer fulfils what is due. Who derives from it says whose thread takes the steps
/// and how a caller waits for them. Every function of Log keeps its promise of threads; `step` is
/// called by one thread at a time.
class GroupCommit : public Log {
 public:
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Prepares the active segment; before anything else.
  Result<> start(const Examined& last, uint64_t generation);

  Result<Position> append(std::string records, uint32_t count, const Times& times) final;
  Result<> flush() final;
  Result<> sync(Position position) final;
  Result<Position> recover() final;
  Result<Cut> due_cut() final;
  Result<Cut> remove_before(Position position) final;
  Status status() const final;

  std::string identity() const final { return state_->identity; }
  Position begin() const final { return source_.begin(); }
  Position end() const final { return source_.end(); }
  Result<std::unique_ptr<Reader>> read(Position from) final { return source_.read(from); }
  Result<std::unique_ptr<Reader>> read_events(int64_t from_us, int64_t to_us) final {
    return source_.read_events(from_us, to_us);
  }

  void set_snapshot_source(std::function<std::string()> source) final {
    const std::lock_guard lock(state_->mutex);
    snapshot_source_ = std::move(source);
  }
  void set_retain_from(Position position) final {
    const std::lock_guard lock(state_->mutex);
    retain_from_ = position;
  }

 protected:
  /// `now` tells the time that groups and syncs are measured by; any thread may ask.
  GroupCommit(const EmbeddedSetup& setup, Loaded loaded, std::function<BootTime()> now);

  /// There may be work for the writer. Called with the mutex held.
  virtual void wake() = 0;
  /// Returns when `done` holds, which only steps of the writer can bring about. `lock` holds the
  /// mutex, also when `done` is asked and at the return.
  virtual void await(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) = 0;
  /// Something became durable, failed, recovered or ended. Called with the mutex held.
  virtual void settled() = 0;

  /// What the writer does at once: all that waits, as one group. False: the log was closed, what
  /// was appended is durable or has failed, and no step follows.
  bool step();
  /// When the next step should be; nothing while there is nothing to do. With the mutex held.
  std::optional<BootTime> next_step() const;

  /// Refuses appends from now on; the steps that follow end with the last.
  void begin_close();
  /// The error that the log stands on.
  Result<> outcome() const;

  std::mutex& mutex() const { return state_->mutex; }
  BootTime now() const { return now_(); }

 private:
  // Called by the appending thread.
  bool segment_full(uint64_t bytes) const;
  void queue(Item item);
  uint64_t expected_bytes(uint64_t raw) const;

  // Called by the thread that enforces retention.
  using Segments = std::deque<std::shared_ptr<Segment>>;
  Segments removable() const;
  Result<bool> oldest_is_due(const Segments& segments, uint64_t bytes);
  Result<> remove_if_there(const std::string& path);

  // Called by the writer.
  Result<> write(std::vector<Item>& items);
  Result<> write_block(Block block);
  Result<> commit();
  Result<> begin_segment(Position first);
  void publish();
  Result<> sync_now();
  void fail(const Error& error);
  void try_recovery();
  void finish();

  // Called with the mutex held.
  bool work_waits() const;
  bool group_due() const;
  Segment& active() const { return *state_->segments.back(); }

  // Constant after start.
  const Clock& clock_;
  const std::function<BootTime()> now_;
  const Options options_;
  const Durability durability_;
  const uint64_t torn_bytes_;
  const std::shared_ptr<State> state_;
  StateSource source_;

  // Guarded by state_->mutex.
  std::deque<Item> pending_;
  uint64_t pending_bytes_ = 0;  ///< Uncompressed, appended and not yet visible.
  Position next_;               ///< Of the next append.
  uint64_t segment_bytes_ = 0;  ///< Of the segment that the next append goes to, as expected.
  uint64_t beginnings_ = 0;     ///< Segments that queued items will begin.
  double packed_ = 1;           ///< Stored bytes for each raw one, of late.
  Position flush_wanted_;
  Position sync_wanted_;
  Position synced_;
  bool closing_ = false;
  bool recovery_wanted_ = false;
  std::optional<Error> error_;
  std::optional<Error> recovery_error_;
  std::function<std::string()> snapshot_source_;
  std::optional<Position> retain_from_;
  BootTime group_begun_{0};

  // Owned by the writer.
  SegmentWriter writer_;
  std::vector<Block> written_;  ///< Not yet committed.
};

}  // namespace tapeline::log::embedded
