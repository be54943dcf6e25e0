#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/random.h"

namespace tapeline::test {

/// Files in memory that fail as real ones do: a disk that fills, writes that stop half-way, syncs
/// that fail and lose what they were to keep, and power cuts after which only synced bytes and
/// names are sure. Thread-safe.
class FaultyFileSystem final : public FileSystem {
 public:
  /// All files together hold at most this many bytes; a write keeps what fits and then fails.
  void set_capacity(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
  }

  /// The next write keeps `kept` of its bytes, then fails with an I/O error.
  void break_next_write(size_t kept) {
    const std::lock_guard lock(mutex_);
    broken_write_ = kept;
  }

  /// Takes `break_next_write` back.
  void unbreak() {
    const std::lock_guard lock(mutex_);
    broken_write_.reset();
  }

  /// The next `count` syncs of files fail; as with a real disk, what they should have kept is then
  /// never written, though later syncs succeed and reads still show it.
  void break_syncs(int count) {
    const std::lock_guard lock(mutex_);
    broken_syncs_ = count;
  }

  /// New files can or cannot be made.
  void refuse_new_files(bool refuse) {
    const std::lock_guard lock(mutex_);
    refuse_new_files_ = refuse;
  }

  /// The file cannot be removed, as in a folder that may not be written. Empty: every one can.
  void refuse_removal_of(std::string path) {
    const std::lock_guard lock(mutex_);
    not_removable_ = std::move(path);
  }

  /// Syncs wait until they are let go.
  void hold_syncs(bool hold) {
    const std::lock_guard lock(mutex_);
    syncs_held_ = hold;
    let_go_.notify_all();
  }

  /// Called at the beginning of each sync of a file, which is as slow as this is. Empty: nothing.
  void set_on_sync(std::function<void()> on_sync) {
    const std::lock_guard lock(mutex_);
    on_sync_ = std::move(on_sync);
  }

  /// The power is gone: every operation fails until `restart`.
  void cut_power() {
    const std::lock_guard lock(mutex_);
    stop();
  }

  /// The power goes in the middle of the `count`-th operation from now that changes something: a
  /// write is done in part. 0: never.
  void cut_power_after(uint64_t count) {
    const std::lock_guard lock(mutex_);
    changes_left_ = count;
  }
  bool powered() const {
    const std::lock_guard lock(mutex_);
    return powered_;
  }

  /// What a restart after a power cut left out.
  struct Losses {
    uint64_t files_torn = 0;  ///< Kept a part of what was not synced.
    uint64_t bytes = 0;       ///< Written, not synced, and gone.
  };

  /// What is left after the power cut: of each file what was synced, and of the rest any part, with
  /// pages that never reached the disk as they were before (zeros where there was nothing); names
  /// not synced may be missing.
  Losses restart(Random& random) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::shared_ptr<Inode>> left;
    for (auto& [path, inode] : names_) {
      const auto durable = durable_names_.find(path);
      const bool sure = durable != durable_names_.end() && durable->second == inode;
      if (sure || random.chance(0.5))
        left[path] = inode;
      else if (durable != durable_names_.end())
        left[path] = durable->second;
    }
    for (auto& [path, inode] : durable_names_)
      if (!names_.contains(path) && random.chance(0.5)) left[path] = inode;  // Removal not synced.
    Losses losses;
    for (auto& [path, inode] : left) inode->lose_unsynced(random, losses);
    names_ = durable_names_ = left;
    begin_again();
    return losses;
  }

  /// The process is gone, and every file it had open; the system lives on and with it all that was
  /// written. What is not synced may still be lost later. Of pages that a failed sync lost, memory
  /// may still have what was written, which then seems to be on the device, in the files for which
  /// `in_memory` says so; of others, who reads them anew sees what the device has.
  void restart_process(const std::function<bool(const std::string& path)>& in_memory = {}) {
    const std::lock_guard lock(mutex_);
    for (auto& [path, inode] : names_)
      if (!in_memory || !in_memory(path)) inode->read_anew();
    begin_again();
  }

  uint64_t syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
  }

  /// How often what was asked for did break something.
  struct Failures {
    uint64_t writes = 0;
    uint64_t syncs = 0;
    uint64_t full = 0;  ///< Writes that did not fit.
  };
  Failures failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

  /// For tests that damage bytes.
  std::string content(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return names_.at(path)->bytes;
  }
  void set_content(const std::string& path, std::string bytes) {
    const std::lock_guard lock(mutex_);
    auto inode = std::make_shared<Inode>();
    inode->bytes = inode->device = std::move(bytes);
    names_[path] = durable_names_[path] = inode;
  }
  void flip_bit(const std::string& path, size_t offset, int bit) {
    const std::lock_guard lock(mutex_);
    Inode& inode = *names_.at(path);
    inode.bytes.at(offset) = static_cast<char>(inode.bytes.at(offset) ^ (1 << bit));
    if (offset < inode.device.size()) inode.device[offset] = inode.bytes[offset];
  }

  /// All paths, for copying and comparing.
  std::map<std::string, std::string> contents() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> all;
    for (const auto& [path, inode] : names_) all[path] = inode->bytes;
    return all;
  }

  /// A file that can be written anywhere, as databases do. A sync of it that fails loses nothing:
  /// no database survives that.
  class RandomFile {
   public:
    virtual ~RandomFile() = default;
    /// Writes all of `bytes` at `offset`, or fails: `full` when the disk is.
    virtual Result<> write_at(uint64_t offset, std::string_view bytes) = 0;
    virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const = 0;
    virtual Result<uint64_t> size() const = 0;
    virtual Result<> sync() = 0;
    virtual Result<> truncate(uint64_t size) = 0;
  };
  Result<std::unique_ptr<RandomFile>> open_random(const std::string& path, bool create) {
    auto opened = open(path, create);
    if (!opened) return opened.error();
    opened.value()->set_random_access();
    return std::unique_ptr<RandomFile>(std::move(opened).value());
  }

  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    auto opened = open(path, true);
    if (!opened) return opened.error();
    return std::unique_ptr<File>(std::make_unique<Appended>(std::move(opened).value()));
  }

  Result<std::unique_ptr<File>> open_read(const std::string& path) override {
    auto opened = open(path, false);
    if (!opened) return opened.error();
    return std::unique_ptr<File>(std::make_unique<Appended>(std::move(opened).value()));
  }

  Result<> create_folder(const std::string&) override { return {}; }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("list", folder));
    std::vector<std::string> found;
    for (const auto& [path, inode] : names_)
      if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos)
        found.push_back(path.substr(folder.size() + 1));
    return found;
  }

  bool exists(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return names_.contains(path);
  }

  Result<> remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(change("remove", path));
    if (!not_removable_.empty() && path == not_removable_)
      return make_error(ErrorCode::failed, "cannot remove {}: Permission denied", path);
    if (names_.erase(path) == 0) return make_error(ErrorCode::not_found, "cannot remove {}", path);
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(change("rename", from));
    const auto at = names_.find(from);
    if (at == names_.end()) return make_error(ErrorCode::not_found, "cannot rename {}", from);
    names_[to] = at->second;
    names_.erase(from);
    return {};
  }

  Result<> sync_folder(const std::string& folder) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(change("sync", folder));
    const auto inside = [&](const auto& entry) { return entry.first.starts_with(folder + "/"); };
    std::erase_if(durable_names_, inside);
    for (const auto& entry : names_)
      if (inside(entry)) durable_names_.insert(entry);
    return {};
  }

  Result<uint64_t> free_bytes(const std::string&) override {
    const std::lock_guard lock(mutex_);
    const uint64_t used = used_bytes();
    return capacity_ > used ? capacity_ - used : 0;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string&) override {
    return std::unique_ptr<FileLock>(std::make_unique<FileLock>());
  }

 private:
  static constexpr size_t kPage = 512;

  struct Inode {
    std::string bytes;   // What reads show.
    std::string device;  // What is synced; differs for good where a failed sync lost pages.
    std::map<size_t, size_t> dirty;  // Ranges [begin, end) of `bytes` not yet on the device.
    bool truncated = false;          // `bytes` was cut below the device's size.
    std::vector<std::pair<size_t, size_t>> forgotten;  // Ranges that a failed sync lost.

    void write(size_t offset, std::string_view data) {
      if (data.empty()) return;
      if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
      remember(offset, offset + data.size());
      std::memcpy(bytes.data() + offset, data.data(), data.size());
      if (const auto last = dirty.rbegin(); last != dirty.rend() && last->second == offset) {
        last->second = offset + data.size();
        return;
      }
      size_t& end = dirty[offset];
      end = std::max(end, offset + data.size());
    }

    /// What is written anew will be synced anew.
    void remember(size_t begin, size_t end) {
      std::vector<std::pair<size_t, size_t>> left;
      for (const auto& [from, to] : forgotten) {
        if (from < std::min(to, begin)) left.emplace_back(from, std::min(to, begin));
        if (std::max(from, end) < to) left.emplace_back(std::max(from, end), to);
      }
      forgotten = std::move(left);
    }

    void cut(size_t size) {
      truncated = truncated || size < device.size();
      bytes.resize(size);
      std::erase_if(dirty, [&](const auto& range) { return range.first >= size; });
      for (auto& [begin, end] : dirty) end = std::min(end, size);
    }

    void keep() {
      device.resize(bytes.size());
      for (const auto& [begin, end] : dirty)
        std::memcpy(device.data() + begin, bytes.data() + begin, end - begin);
      dirty.clear();
      truncated = false;
    }

    /// The pages are marked clean and never written.
    void forget() {
      device.resize(bytes.size());
      forgotten.insert(forgotten.end(), dirty.begin(), dirty.end());
      dirty.clear();
      truncated = false;
    }

    void read_anew() {
      for (const auto& [begin, end] : forgotten) {
        const size_t till = std::min({end, device.size(), bytes.size()});
        if (till > begin) std::memcpy(bytes.data() + begin, device.data() + begin, till - begin);
      }
      forgotten.clear();
    }

    void lose_unsynced(Random& random, Losses& losses) {
      if (dirty.empty() && !truncated && device.size() == bytes.size()) {
        bytes = device;
        return;
      }
      const size_t before = device.size();
      const bool shorter = truncated && bytes.size() < before;
      size_t end = bytes.size();
      if (end > before) end = before + random.below(end - before + 1);
      if (shorter && random.chance(0.5)) end = before;
      std::string left = device;
      left.resize(end);
      bool kept_some = end > before;
      for (const auto& [begin, stop] : dirty) {
        for (size_t at = begin; at < stop;) {
          const size_t page_end = std::min(stop, (at / kPage + 1) * kPage);
          if (random.chance(0.7)) {
            const size_t till = std::min(page_end, end);
            if (till > at) std::memcpy(left.data() + at, bytes.data() + at, till - at);
            if (page_end > end) losses.bytes += page_end - std::max(at, end);
            kept_some = kept_some || till > at;
          } else {
            losses.bytes += page_end - at;
          }
          at = page_end;
        }
      }
      losses.files_torn += kept_some;
      bytes = device = std::move(left);
      dirty.clear();
      forgotten.clear();
      truncated = false;
    }
  };

  class Handle final : public RandomFile {
   public:
    Handle(FaultyFileSystem& owner, std::shared_ptr<Inode> inode, std::string path, int boot)
        : owner_(owner), inode_(std::move(inode)), path_(std::move(path)), boot_(boot) {}

    void set_random_access() { random_access_ = true; }

    Result<> append(std::string_view bytes) {
      const std::lock_guard lock(owner_.mutex_);
      return write_locked(inode_->bytes.size(), bytes);
    }

    Result<> write_at(uint64_t offset, std::string_view bytes) override {
      const std::lock_guard lock(owner_.mutex_);
      return write_locked(offset, bytes);
    }

    Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
      const std::lock_guard lock(owner_.mutex_);
      TAPELINE_TRY(check());
      if (offset >= inode_->bytes.size()) return size_t{0};
      const size_t got = std::min<size_t>(out.size(), inode_->bytes.size() - offset);
      std::memcpy(out.data(), inode_->bytes.data() + offset, got);
      return got;
    }

    Result<uint64_t> size() const override {
      const std::lock_guard lock(owner_.mutex_);
      TAPELINE_TRY(check());
      return uint64_t{inode_->bytes.size()};
    }

    Result<> sync() override {
      std::unique_lock lock(owner_.mutex_);
      if (const auto on_sync = owner_.on_sync_) {
        lock.unlock();
        on_sync();
        lock.lock();
      }
      owner_.let_go_.wait(lock, [&] { return !owner_.syncs_held_; });
      TAPELINE_TRY(check());
      TAPELINE_TRY(owner_.change("sync", path_));
      ++owner_.syncs_;
      if (owner_.broken_syncs_ > 0) {
        --owner_.broken_syncs_;
        ++owner_.failures_.syncs;
        if (!random_access_) inode_->forget();
        return make_error(ErrorCode::failed, "cannot sync {}: Input/output error", path_);
      }
      inode_->keep();
      return {};
    }

    Result<> truncate(uint64_t size) override {
      const std::lock_guard lock(owner_.mutex_);
      TAPELINE_TRY(check());
      TAPELINE_TRY(owner_.change("truncate", path_));
      inode_->cut(size);
      return {};
    }

   private:
    Result<> write_locked(size_t offset, std::string_view bytes) {
      TAPELINE_TRY(check());
      const auto powered = owner_.change("write", path_);
      size_t kept = powered ? bytes.size() : bytes.size() / 2;
      ErrorCode code = ErrorCode::failed;
      const char* reason = powered ? "Input/output error" : "no power";
      if (owner_.broken_write_) {
        kept = std::min(kept, *owner_.broken_write_);
        if (kept < bytes.size()) ++owner_.failures_.writes;
      }
      owner_.broken_write_.reset();
      const size_t grown =
          offset + kept > inode_->bytes.size() ? offset + kept - inode_->bytes.size() : 0;
      if (owner_.capacity_ != UINT64_MAX && grown > 0) {
        const uint64_t used = owner_.used_bytes();
        const uint64_t room = owner_.capacity_ > used ? owner_.capacity_ - used : 0;
        if (grown > room) {
          kept -= grown - room;
          ++owner_.failures_.full;
          code = ErrorCode::full;
          reason = "No space left on device; free space on that disk, then start again";
        }
      }
      inode_->write(offset, bytes.substr(0, kept));
      if (kept < bytes.size() || !powered)
        return make_error(code, "cannot write to {}: {}", path_, reason);
      return {};
    }

    Result<> check() const {
      if (boot_ != owner_.boot_)
        return make_error(ErrorCode::failed, "cannot use {}: the machine was off", path_);
      return owner_.check_power("use", path_);
    }

    FaultyFileSystem& owner_;
    const std::shared_ptr<Inode> inode_;
    const std::string path_;
    const int boot_;
    bool random_access_ = false;
  };

  class Appended final : public File {
   public:
    explicit Appended(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
    Result<> append(std::span<const std::byte> bytes) override {
      return handle_->append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
      return handle_->read_at(offset, out);
    }
    Result<uint64_t> size() const override { return handle_->size(); }
    Result<> sync() override { return handle_->sync(); }
    Result<> write_again(uint64_t offset, uint64_t size) override {
      std::string bytes(size, '\0');
      auto got = handle_->read_at(offset, std::as_writable_bytes(std::span(bytes)));
      if (!got) return got.error();
      if (got.value() < size)
        return make_error(ErrorCode::failed, "cannot write again: the file ends {} bytes before",
                          size - got.value());
      return handle_->write_at(offset, bytes);
    }
    Result<> truncate(uint64_t size) override { return handle_->truncate(size); }

   private:
    const std::unique_ptr<Handle> handle_;
  };

  Result<std::unique_ptr<Handle>> open(const std::string& path, bool create) {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("open", path));
    auto at = names_.find(path);
    if (at == names_.end()) {
      if (!create) return make_error(ErrorCode::not_found, "cannot open {}", path);
      if (refuse_new_files_)
        return make_error(ErrorCode::full, "cannot open {}: No space left on device", path);
      TAPELINE_TRY(change("open", path));
      at = names_.emplace(path, std::make_shared<Inode>()).first;
    }
    return std::make_unique<Handle>(*this, at->second, path, boot_);
  }

  void stop() {
    powered_ = false;
    syncs_held_ = false;
    let_go_.notify_all();
  }

  void begin_again() {
    ++boot_;
    powered_ = true;
    broken_syncs_ = 0;
    broken_write_.reset();
    changes_left_ = 0;
  }

  Result<> check_power(const char* action, const std::string& path) const {
    if (!powered_) return make_error(ErrorCode::failed, "cannot {} {}: no power", action, path);
    return {};
  }

  /// Something is about to change; counts down to the power cut.
  Result<> change(const char* action, const std::string& path) {
    TAPELINE_TRY(check_power(action, path));
    if (changes_left_ == 0 || --changes_left_ > 0) return {};
    stop();
    return check_power(action, path);
  }

  uint64_t used_bytes() const {
    uint64_t used = 0;
    for (const auto& [path, inode] : names_) used += inode->bytes.size();
    return used;
  }

  mutable std::mutex mutex_;  // Guards everything below.
  std::condition_variable let_go_;
  std::map<std::string, std::shared_ptr<Inode>> names_;
  std::map<std::string, std::shared_ptr<Inode>> durable_names_;
  uint64_t capacity_ = UINT64_MAX;
  std::optional<size_t> broken_write_;
  int broken_syncs_ = 0;
  bool refuse_new_files_ = false;
  std::string not_removable_;
  bool syncs_held_ = false;
  bool powered_ = true;
  uint64_t changes_left_ = 0;
  std::function<void()> on_sync_;
  int boot_ = 0;
  uint64_t syncs_ = 0;
  Failures failures_;
};

}  // namespace tapeline::test
