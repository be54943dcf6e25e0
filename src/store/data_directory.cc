#include "store/data_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "model/time.h"

namespace tapeline::store {
namespace {

constexpr const char* kMarkName = "tapeline.directory";
constexpr const char* kLockName = "lock";
constexpr std::string_view kFirstLine = "tapeline data directory";
constexpr uint64_t kMarkBytesMax = 4'096;
constexpr const char* kChooseAnother = "choose another one with --data-dir";

struct Mark {
  int64_t format_version = 0;
  std::string feed;
};

std::string mark_text(const std::string& feed, WallTime now) {
  return fmt::format("{}\nformat_version {}\nfeed {}\ncreated {}\n", kFirstLine,
                     DataDirectory::kFormatVersion, feed, model::time_text(now));
}

/// Lines of "name value" below the first line; names not known here are read over.
std::optional<Mark> parse_mark(std::string_view text) {
  Mark mark;
  bool first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (first && line != kFirstLine) return std::nullopt;
    first = false;
    const auto space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    const std::string_view value =
        space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (name == "feed") mark.feed = value;
    if (name == "format_version")
      std::from_chars(value.data(), value.data() + value.size(), mark.format_version);
  }
  if (mark.format_version < 1 || mark.feed.empty()) return std::nullopt;
  return mark;
}

Result<std::optional<Mark>> read_mark(FileSystem& files, const std::string& folder) {
  const std::string path = folder + "/" + kMarkName;
  auto text = files.read_all(path, kMarkBytesMax);
  if (!text && text.error().code() == ErrorCode::not_found) return std::optional<Mark>();
  if (!text)
    return make_error(ErrorCode::failed, "data directory: {}; give this user the right to read it",
                      text.error().message());
  auto mark = parse_mark(text.value());
  if (!mark)
    return make_error(ErrorCode::corrupt,
                      "data directory: {} is damaged: it names no format version or feed; restore "
                      "it from a copy, or {}",
                      path, kChooseAnother);
  return mark;
}

Result<> check(const Mark& mark, const DataDirectory::Options& options) {
  if (mark.format_version > DataDirectory::kFormatVersion)
    return make_error(ErrorCode::invalid,
                      "data directory: {} has format version {} and this program knows only up to "
                      "{}; use the newer program that wrote it",
                      options.path, mark.format_version, DataDirectory::kFormatVersion);
  if (!options.feed.empty() && mark.feed != options.feed)
    return make_error(ErrorCode::invalid, "data directory: {} holds the feed '{}', not '{}'; {}",
                      options.path, mark.feed, options.feed, kChooseAnother);
  return {};
}

/// A folder that we may begin in holds nothing, or what a start that was killed left.
Result<> check_empty(FileSystem& files, const std::string& folder) {
  auto names = files.list(folder);
  if (!names)
    return make_error(ErrorCode::failed,
                      "data directory: {}; give this user the right to read it, or {}",
                      names.error().message(), kChooseAnother);
  const std::string unfinished = std::string(kMarkName) + ".new";
  for (const std::string& name : names.value())
    if (name != kLockName && name != unfinished)
      return make_error(ErrorCode::invalid,
                        "data directory: {} holds other things ({}) and no {}; {}", folder, name,
                        kMarkName, kChooseAnother);
  return {};
}

Error cannot_write(const Error& cause) {
  return make_error(cause.code() == ErrorCode::full ? ErrorCode::full : ErrorCode::failed,
                    "data directory: {}; it has to be a folder that this user may write to; {}",
                    cause.message(), kChooseAnother);
}

Result<> check_disk(FileSystem& files, const DataDirectory::Options& options) {
  const auto free = files.free_bytes(options.path);
  if (!free || free.value() >= options.free_bytes_min) return {};
  return make_error(ErrorCode::full,
                    "data directory: the disk of {} has {} MiB free and store.free_bytes_min asks "
                    "for {} MiB; free space there, or {}",
                    options.path, free.value() >> 20, options.free_bytes_min >> 20, kChooseAnother);
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(FileSystem& files, const Clock& clock,
                                                           const Options& options) {
  if (const auto made = files.create_folder(options.path); !made) return cannot_write(made.error());
  // Looked at before anything is written, so that a foreign folder stays untouched.
  auto before = read_mark(files, options.path);
  if (!before) return before.error();
  if (!before.value()) TAPELINE_TRY(check_empty(files, options.path));
  if (before.value()) TAPELINE_TRY(check(*before.value(), options));

  auto lock = files.lock(options.path + "/" + kLockName);
  if (!lock && lock.error().code() == ErrorCode::unavailable)
    return make_error(ErrorCode::unavailable, "data directory: {}; stop that process, or {}",
                      lock.error().message(), kChooseAnother);
  if (!lock) return cannot_write(lock.error());
  TAPELINE_TRY(check_disk(files, options));

  // Under the lock once more: a process that held it may have made the directory meanwhile.
  auto mark = read_mark(files, options.path);
  if (!mark) return mark.error();
  if (mark.value()) {
    TAPELINE_TRY(check(*mark.value(), options));
  } else {
    const auto made =
        files.write_all(options.path + "/" + kMarkName, mark_text(options.feed, clock.wall()));
    if (!made) return cannot_write(made.error());
  }
  std::unique_ptr<DataDirectory> directory(
      new DataDirectory(options.path, options.feed, std::move(lock).value()));
  for (const std::string& folder : {directory->log_folder(), directory->dead_letter_folder()})
    if (const auto made = files.create_folder(folder); !made) return cannot_write(made.error());
  return directory;
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open_to_read(FileSystem& files,
                                                                   const Options& options) {
  auto mark = read_mark(files, options.path);
  if (!mark) return mark.error();
  if (!mark.value())
    return make_error(
        ErrorCode::not_found,
        "data directory: {} holds no tape (it has no {}); give the --data-dir of a run or "
        "replay",
        options.path, kMarkName);
  TAPELINE_TRY(check(*mark.value(), options));
  return std::unique_ptr<DataDirectory>(
      new DataDirectory(options.path, mark.value()->feed, nullptr));
}

}  // namespace tapeline::store
