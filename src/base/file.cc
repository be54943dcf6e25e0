#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/kill_point.h"

namespace tapeline {
namespace {

Error system_error(const char* action, const std::string& path, int error = errno) {
  ErrorCode code = ErrorCode::failed;
  if (error == ENOENT) code = ErrorCode::not_found;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) code = ErrorCode::full;
  const char* next = code == ErrorCode::full ? "; free space on that disk, then start again" : "";
  return make_error(code, "cannot {} {}: {}{}", action, path, std::strerror(error), next);
}

constexpr uint64_t kCopyBytes = 256 << 10;

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<> append(std::span<const std::byte> bytes) override {
    kill_point("file.half_written", [&] {
      // What a kill in the middle of a write leaves, which the kernel does not let anyone time.
      [[maybe_unused]] const ssize_t half = ::write(descriptor_, bytes.data(), bytes.size() / 2);
    });
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_error("write to", path_);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    kill_point("file.written");
    return {};
  }

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> out) const override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = ::pread(descriptor_, out.data() + done, out.size() - done,
                                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Result<uint64_t> size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) return system_error("examine", path_);
    return static_cast<uint64_t>(status.st_size);
  }

  Result<> sync() override {
    if (::fdatasync(descriptor_) != 0) return system_error("sync", path_);
    kill_point("file.synced");
    return {};
  }

  Result<> write_again(uint64_t offset, uint64_t size) override {
    // Linux appends whatever the place when a file is open for appending.
    const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return system_error("open", path_);
    const auto outcome = copy_in_place(descriptor, offset, size);
    ::close(descriptor);
    return outcome;
  }

  Result<> truncate(uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
      return system_error("truncate", path_);
    kill_point("file.truncated");
    return {};
  }

 private:
  Result<> copy_in_place(int descriptor, uint64_t offset, uint64_t size) const {
    std::vector<std::byte> bytes(std::min<uint64_t>(size, kCopyBytes));
    for (const uint64_t end = offset + size; offset < end;) {
      auto got = read_at(offset, std::span(bytes).first(std::min(bytes.size(), end - offset)));
      if (!got) return got.error();
      if (got.value() == 0)
        return make_error(
            ErrorCode::failed,
            "cannot write {} again: it ends at byte {}, {} bytes before what is to be "
            "made durable",
            path_, offset, end - offset);
      for (size_t done = 0; done < got.value();) {
        const ssize_t written = ::pwrite(descriptor, bytes.data() + done, got.value() - done,
                                         static_cast<off_t>(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error("write to", path_);
        done += static_cast<size_t>(written);
      }
      offset += got.value();
    }
    return {};
  }

  const int descriptor_;
  const std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { ::close(descriptor_); }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  const int descriptor_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open_append(const std::string& path) override {
    return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC);
  }

  Result<std::unique_ptr<File>> open_read(const std::string& path) override {
    return open(path, O_RDONLY | O_CLOEXEC);
  }

  Result<> create_folder(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return system_error("create folder", path, error.value());
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error))
      names.push_back(at->path().filename().string());
    if (error) return system_error("list folder", folder, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  bool exists(const std::string& path) override {
    std::error_code error;
    return std::filesystem::exists(path, error);
  }

  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path);
    kill_point("file.removed");
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from);
    kill_point("file.renamed");
    return {};
  }

  Result<> sync_folder(const std::string& folder) override {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return system_error("open folder", folder);
    const int outcome = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    if (outcome != 0) return system_error("sync folder", folder, error);
    return {};
  }

  Result<uint64_t> free_bytes(const std::string& path) override {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) return system_error("examine the disk of", path);
    return uint64_t{status.f_bavail} * status.f_frsize;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return system_error("open lock", path);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      char holder[32] = {};
      const ssize_t got = ::pread(descriptor, holder, sizeof holder - 1, 0);
      ::close(descriptor);
      return make_error(ErrorCode::unavailable, "{} is locked by process {}", path,
                        got > 0 ? holder : "of unknown number");
    }
    const std::string id = std::to_string(::getpid());
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
      const int error = errno;
      ::close(descriptor);
      return system_error("write the process id to lock", path, error);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(descriptor));
  }

 private:
  static Result<std::unique_ptr<File>> open(const std::string& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags, 0644);
    if (descriptor < 0) return system_error("open", path);
    if ((flags & O_CREAT) != 0) kill_point("file.opened");
    return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
  }
};

}  // namespace

Result<std::string> FileSystem::read_all(const std::string& path, uint64_t bytes_max) {
  auto file = open_read(path);
  if (!file) return file.error();
  auto size = file.value()->size();
  if (!size) return size.error();
  if (size.value() > bytes_max)
    return make_error(ErrorCode::full, "cannot read {}: its {} bytes are more than the {} allowed",
                      path, size.value(), bytes_max);
  std::string content(size.value(), '\0');
  auto got = file.value()->read_at(0, std::as_writable_bytes(std::span(content)));
  if (!got) return got.error();
  content.resize(got.value());
  return content;
}

Result<> FileSystem::write_all(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  if (exists(fresh)) TAPELINE_TRY(remove(fresh));
  auto file = open_append(fresh);
  if (!file) return file.error();
  TAPELINE_TRY(file.value()->append(std::as_bytes(std::span(content))));
  TAPELINE_TRY(file.value()->sync());
  TAPELINE_TRY(rename(fresh, path));
  const auto folder = std::filesystem::path(path).parent_path().string();
  return sync_folder(folder.empty() ? "." : folder);
}

FileSystem& posix_file_system() {
  static PosixFileSystem instance;
  return instance;
}

}  // namespace tapeline
