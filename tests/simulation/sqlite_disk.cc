#include "simulation/sqlite_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"

namespace tapeline::simulation {
namespace {

constexpr const char* kName = "tapeline-simulated";
constexpr int kPathMax = 512;
constexpr int kSector = 512;

/// What the connections to one file share.
struct Shared {
  std::vector<std::unique_ptr<char[]>> regions;  ///< Of the write-ahead log's index.
  std::array<int, SQLITE_SHM_NLOCK> readers{};  ///< Shared holders of each slot; -1: one exclusive.
  int file_readers = 0;                         ///< Holders of a lock on the file itself.
  int file_reserved = 0;
  int file_exclusive = 0;
  int connections = 0;  ///< With shared memory mapped.
};

}  // namespace

class SqliteDisk::Impl {
 public:
  Impl(test::FaultyFileSystem& files, const Clock& clock, uint64_t seed)
      : files_(files), clock_(clock), random_(seed) {
    vfs_.iVersion = 2;
    vfs_.szOsFile = static_cast<int>(sizeof(Open));
    vfs_.mxPathname = kPathMax;
    vfs_.zName = kName;
    vfs_.pAppData = this;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    vfs_.xAccess = access;
    vfs_.xFullPathname = full_path;
    vfs_.xRandomness = randomness;
    vfs_.xSleep = [](sqlite3_vfs*, int microseconds) { return microseconds; };
    vfs_.xCurrentTime = [](sqlite3_vfs* vfs, double* days) {
      sqlite3_int64 ms = 0;
      current_time(vfs, &ms);
      *days = static_cast<double>(ms) / 86'400'000.0;
      return SQLITE_OK;
    };
    vfs_.xGetLastError = [](sqlite3_vfs* vfs, int, char*) { return self(vfs).system_error_; };
    vfs_.xCurrentTimeInt64 = current_time;
    CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
    sqlite3_randomness(0, nullptr);  // Its own generator is made anew from ours.
  }
  ~Impl() { sqlite3_vfs_unregister(&vfs_); }

  void forget_process() { shared_.clear(); }

 private:
  struct State {
    Impl* owner = nullptr;
    std::string path;
    std::unique_ptr<test::FaultyFileSystem::RandomFile> file;
    std::shared_ptr<Shared> shared;
    bool name_unsynced = false;  ///< As SQLite does by itself: a new journal's folder is synced.
    bool remove_at_close = false;
    int lock = SQLITE_LOCK_NONE;
    bool mapped = false;
    std::array<int, SQLITE_SHM_NLOCK> held{};  ///< 1: shared, -1: exclusive.
  };
  struct Open {
    sqlite3_file base;
    State* state;
  };

  static Impl& self(sqlite3_vfs* vfs) { return *static_cast<Impl*>(vfs->pAppData); }
  static State& of(sqlite3_file* file) { return *reinterpret_cast<Open*>(file)->state; }

  int failed(const Error& error, int code) {
    system_error_ = error.code() == ErrorCode::full ? ENOSPC : EIO;
    return error.code() == ErrorCode::full ? SQLITE_FULL : code;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    Impl& impl = self(vfs);
    file->pMethods = nullptr;
    const std::string path =
        name != nullptr ? std::string(name) : "temporary/" + std::to_string(++impl.temporaries_);
    const bool existed = impl.files_.exists(path);
    auto opened = impl.files_.open_random(path, (flags & SQLITE_OPEN_CREATE) != 0);
    if (!opened) return impl.failed(opened.error(), SQLITE_CANTOPEN);
    auto state = std::make_unique<State>();
    state->owner = &impl;
    state->path = path;
    state->file = std::move(opened).value();
    state->name_unsynced = !existed && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    state->remove_at_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    auto& shared = impl.shared_[path];
    if (!shared) shared = std::make_shared<Shared>();
    state->shared = shared;
    reinterpret_cast<Open*>(file)->state = state.release();
    file->pMethods = &methods();
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    Impl& impl = self(vfs);
    if (!impl.files_.exists(name)) return SQLITE_IOERR_DELETE_NOENT;
    if (const auto removed = impl.files_.remove(name); !removed)
      return impl.failed(removed.error(), SQLITE_IOERR_DELETE);
    if (sync_folder != 0) return impl.sync_folder_of(name);
    return SQLITE_OK;
  }

  int sync_folder_of(const std::string& path) {
    const auto synced = files_.sync_folder(path.substr(0, path.rfind('/')));
    return synced ? SQLITE_OK : failed(synced.error(), SQLITE_IOERR_DIR_FSYNC);
  }

  static int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
    *out = self(vfs).files_.exists(name);
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
    std::strncpy(out, name, static_cast<size_t>(size));
    out[size - 1] = 0;
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs* vfs, int count, char* out) {
    for (int i = 0; i < count; ++i) out[i] = static_cast<char>(self(vfs).random_.below(256));
    return count;
  }

  static int current_time(sqlite3_vfs* vfs, sqlite3_int64* out) {
    constexpr int64_t kJulianOf1970Ms = 210'866'760'000'000;
    *out = kJulianOf1970Ms + self(vfs).clock_.wall().time_since_epoch().count() / 1'000;
    return SQLITE_OK;
  }

  static int close(sqlite3_file* file) {
    const std::unique_ptr<State> state(&of(file));
    unlock_file(*state, SQLITE_LOCK_NONE);
    unmap(file, 0);
    if (state->remove_at_close) static_cast<void>(state->owner->files_.remove(state->path).ok());
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    State& state = of(file);
    const std::span<std::byte> into(static_cast<std::byte*>(out), static_cast<size_t>(size));
    const auto got = state.file->read_at(static_cast<uint64_t>(offset), into);
    if (!got) return state.owner->failed(got.error(), SQLITE_IOERR_READ);
    if (got.value() == into.size()) return SQLITE_OK;
    std::memset(into.data() + got.value(), 0, into.size() - got.value());
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    State& state = of(file);
    const std::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(size));
    const auto written = state.file->write_at(static_cast<uint64_t>(offset), bytes);
    return written ? SQLITE_OK : state.owner->failed(written.error(), SQLITE_IOERR_WRITE);
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    State& state = of(file);
    const auto cut = state.file->truncate(static_cast<uint64_t>(size));
    return cut ? SQLITE_OK : state.owner->failed(cut.error(), SQLITE_IOERR_TRUNCATE);
  }

  static int sync(sqlite3_file* file, int) {
    State& state = of(file);
    if (const auto synced = state.file->sync(); !synced)
      return state.owner->failed(synced.error(), SQLITE_IOERR_FSYNC);
    if (!state.name_unsynced) return SQLITE_OK;
    state.name_unsynced = false;
    return state.owner->sync_folder_of(state.path);
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* out) {
    State& state = of(file);
    const auto size = state.file->size();
    if (!size) return state.owner->failed(size.error(), SQLITE_IOERR_FSTAT);
    *out = static_cast<sqlite3_int64>(size.value());
    return SQLITE_OK;
  }

  static int lock(sqlite3_file* file, int wanted) {
    State& state = of(file);
    Shared& shared = *state.shared;
    if (state.lock >= wanted) return SQLITE_OK;
    if (wanted == SQLITE_LOCK_SHARED) {
      if (shared.file_exclusive > 0) return SQLITE_BUSY;
      ++shared.file_readers;
    } else if (wanted == SQLITE_LOCK_RESERVED) {
      if (shared.file_reserved > 0) return SQLITE_BUSY;
      ++shared.file_reserved;
    } else {
      const bool reserved = state.lock >= SQLITE_LOCK_RESERVED;
      if (shared.file_reserved > (reserved ? 1 : 0)) return SQLITE_BUSY;
      if (!reserved) ++shared.file_reserved;
      state.lock = SQLITE_LOCK_RESERVED;
      if (shared.file_readers > 1) return SQLITE_BUSY;
      ++shared.file_exclusive;
      wanted = SQLITE_LOCK_EXCLUSIVE;
    }
    state.lock = wanted;
    return SQLITE_OK;
  }

  static void unlock_file(State& state, int wanted) {
    Shared& shared = *state.shared;
    if (state.lock > SQLITE_LOCK_RESERVED && wanted <= SQLITE_LOCK_RESERVED)
      --shared.file_exclusive;
    if (state.lock >= SQLITE_LOCK_RESERVED && wanted < SQLITE_LOCK_RESERVED) --shared.file_reserved;
    if (state.lock >= SQLITE_LOCK_SHARED && wanted < SQLITE_LOCK_SHARED) --shared.file_readers;
    state.lock = std::min(state.lock, wanted);
  }
  static int unlock(sqlite3_file* file, int wanted) {
    unlock_file(of(file), wanted);
    return SQLITE_OK;
  }

  static int check_reserved(sqlite3_file* file, int* out) {
    *out = of(file).shared->file_reserved > 0;
    return SQLITE_OK;
  }

  static int map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    State& state = of(file);
    Shared& shared = *state.shared;
    if (!state.mapped) ++shared.connections;
    state.mapped = true;
    const auto wanted = static_cast<size_t>(region);
    *out = nullptr;
    if (wanted >= shared.regions.size() && extend == 0) return SQLITE_OK;
    while (wanted >= shared.regions.size())
      shared.regions.push_back(std::make_unique<char[]>(static_cast<size_t>(size)));
    *out = shared.regions[wanted].get();
    return SQLITE_OK;
  }

  static int lock_slots(sqlite3_file* file, int first, int count, int flags) {
    State& state = of(file);
    Shared& shared = *state.shared;
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    const auto begin = static_cast<size_t>(first);
    const size_t end = begin + static_cast<size_t>(count);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      for (size_t i = begin; i < end; ++i) release(state, i);
      return SQLITE_OK;
    }
    for (size_t i = begin; i < end; ++i) {
      const int others = shared.readers[i] - (state.held[i] > 0 ? 1 : 0);
      if (state.held[i] < 0) continue;
      if (exclusive ? others != 0 : shared.readers[i] < 0) return SQLITE_BUSY;
    }
    for (size_t i = begin; i < end; ++i) {
      if (exclusive) {
        shared.readers[i] = -1;
        state.held[i] = -1;
      } else if (state.held[i] == 0) {
        ++shared.readers[i];
        state.held[i] = 1;
      }
    }
    return SQLITE_OK;
  }

  static void release(State& state, size_t slot) {
    if (state.held[slot] < 0) state.shared->readers[slot] = 0;
    if (state.held[slot] > 0) --state.shared->readers[slot];
    state.held[slot] = 0;
  }

  static int unmap(sqlite3_file* file, int) {
    State& state = of(file);
    if (!state.mapped) return SQLITE_OK;
    state.mapped = false;
    for (size_t i = 0; i < state.held.size(); ++i) release(state, i);
    if (--state.shared->connections == 0) state.shared->regions.clear();
    return SQLITE_OK;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = file_size;
      m.xLock = lock;
      m.xUnlock = unlock;
      m.xCheckReservedLock = check_reserved;
      m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
      m.xSectorSize = [](sqlite3_file*) { return kSector; };
      m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
      m.xShmMap = map;
      m.xShmLock = lock_slots;
      m.xShmBarrier = [](sqlite3_file*) {};
      m.xShmUnmap = unmap;
      return m;
    }();
    return methods;
  }

  test::FaultyFileSystem& files_;
  const Clock& clock_;
  Random random_;
  sqlite3_vfs vfs_{};
  std::map<std::string, std::shared_ptr<Shared>> shared_;
  int system_error_ = 0;
  int temporaries_ = 0;
};

SqliteDisk::SqliteDisk(test::FaultyFileSystem& files, const Clock& clock, uint64_t seed)
    : impl_(std::make_unique<Impl>(files, clock, seed)) {}
SqliteDisk::~SqliteDisk() = default;

void SqliteDisk::forget_process() {
  impl_->forget_process();
}

}  // namespace tapeline::simulation
