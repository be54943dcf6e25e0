#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
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

  /// Syncs wait until they are let go.
  void hold_syncs(bool hold) {
    const std::lock_guard lock(mutex_);
    syncs_held_ = hold;
    let_go_.notify_all();
  }

  /// The power is gone: every operation fails until `restart`.
  void cut_power() {
    const std::lock_guard lock(mutex_);
    powered_ = false;
    syncs_held_ = false;
    let_go_.notify_all();
  }

  /// What is left after the power cut: of each file what was synced, and of the rest any part, with
  /// pages that never reached the disk reading as zeros; names not synced may be missing.
  void restart(Random& random) {
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
    for (auto& [path, inode] : left) inode->lose_unsynced(random);
    names_ = durable_names_ = left;
    ++boot_;
    powered_ = true;
    broken_syncs_ = 0;
    broken_write_.reset();
  }

  uint64_t syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
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
    inode->kept = inode->bytes.size();
    names_[path] = durable_names_[path] = inode;
  }

  /// All paths, for copying and comparing.
  std::map<std::string, std::string> contents() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> all;
    for (const auto& [path, inode] : names_) all[path] = inode->bytes;
    return all;
  }

  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("open", path));
    auto at = names_.find(path);
    if (at == names_.end()) {
      if (refuse_new_files_)
        return make_error(ErrorCode::full, "cannot open {}: No space left on device", path);
      at = names_.emplace(path, std::make_shared<Inode>()).first;
    }
    return std::unique_ptr<File>(std::make_unique<Handle>(*this, at->second, path, boot_));
  }

  Result<std::unique_ptr<File>> open_read(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("open", path));
    const auto at = names_.find(path);
    if (at == names_.end()) return make_error(ErrorCode::not_found, "cannot open {}", path);
    return std::unique_ptr<File>(std::make_unique<Handle>(*this, at->second, path, boot_));
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
    TAPELINE_TRY(check_power("remove", path));
    if (names_.erase(path) == 0) return make_error(ErrorCode::not_found, "cannot remove {}", path);
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("rename", from));
    const auto at = names_.find(from);
    if (at == names_.end()) return make_error(ErrorCode::not_found, "cannot rename {}", from);
    names_[to] = at->second;
    names_.erase(from);
    return {};
  }

  Result<> sync_folder(const std::string& folder) override {
    const std::lock_guard lock(mutex_);
    TAPELINE_TRY(check_power("sync", folder));
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
    std::string device;  // What the device will have: differs where a failed sync lost pages.
    size_t kept = 0;     // Bytes of `device` that are synced.

    void lose_unsynced(Random& random) {
      const size_t end = kept + random.below(device.size() - kept + 1);
      device.resize(end);
      for (size_t at = kept; at < end;) {
        const size_t page_end = std::min(end, (at / kPage + 1) * kPage);
        if (random.chance(0.3)) std::memset(device.data() + at, 0, page_end - at);
        at = page_end;
      }
      bytes = device;
      kept = device.size();
    }
  };

  class Handle final : public File {
   public:
    Handle(FaultyFileSystem& owner, std::shared_ptr<Inode> inode, std::string path, int boot)
        : owner_(owner), inode_(std::move(inode)), path_(std::move(path)), boot_(boot) {}

    Result<> append(std::span<const std::byte> bytes) override {
      const std::lock_guard lock(owner_.mutex_);
      TAPELINE_TRY(check());
      size_t kept = bytes.size();
      ErrorCode code = ErrorCode::failed;
      const char* reason = "Input/output error";
      if (owner_.broken_write_) kept = std::min(kept, *owner_.broken_write_);
      owner_.broken_write_.reset();
      const uint64_t used = owner_.used_bytes();
      const uint64_t room = owner_.capacity_ > used ? owner_.capacity_ - used : 0;
      if (kept > room) {
        kept = room;
        code = ErrorCode::full;
        reason = "No space left on device; free space on that disk, then start again";
      }
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), kept);
      inode_->bytes += text;
      inode_->device += text;
      if (kept < bytes.size()) return make_error(code, "cannot write to {}: {}", path_, reason);
      return {};
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
      owner_.let_go_.wait(lock, [&] { return !owner_.syncs_held_; });
      TAPELINE_TRY(check());
      ++owner_.syncs_;
      if (owner_.broken_syncs_ > 0) {
        --owner_.broken_syncs_;
        // The pages are marked clean and never written.
        std::memset(inode_->device.data() + inode_->kept, 0, inode_->device.size() - inode_->kept);
        return make_error(ErrorCode::failed, "cannot sync {}: Input/output error", path_);
      }
      inode_->kept = inode_->device.size();
      return {};
    }

    Result<> truncate(uint64_t size) override {
      const std::lock_guard lock(owner_.mutex_);
      TAPELINE_TRY(check());
      inode_->bytes.resize(size);
      inode_->device.resize(size);
      inode_->kept = std::min<size_t>(inode_->kept, size);
      return {};
    }

   private:
    Result<> check() const {
      if (boot_ != owner_.boot_)
        return make_error(ErrorCode::failed, "cannot use {}: the machine was off", path_);
      return owner_.check_power("use", path_);
    }

    FaultyFileSystem& owner_;
    const std::shared_ptr<Inode> inode_;
    const std::string path_;
    const int boot_;
  };

  Result<> check_power(const char* action, const std::string& path) const {
    if (!powered_) return make_error(ErrorCode::failed, "cannot {} {}: no power", action, path);
    return {};
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
  bool syncs_held_ = false;
  bool powered_ = true;
  int boot_ = 0;
  uint64_t syncs_ = 0;
};

}  // namespace tapeline::test
