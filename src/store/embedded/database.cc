#include "store/embedded/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

namespace tapeline::store {
namespace {

ErrorCode code_of(int sqlite_code, int system_error) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::unavailable;
    case SQLITE_IOERR:
      if (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG)
        return ErrorCode::full;
      // A file shorter than its own header says it is.
      return sqlite_code == SQLITE_IOERR_SHORT_READ ? ErrorCode::corrupt : ErrorCode::failed;
    default:
      return ErrorCode::failed;
  }
}

const char* next_step(ErrorCode code) {
  switch (code) {
    case ErrorCode::full:
      return "free space on that disk or raise store.bytes_max; writing goes on by itself then";
    case ErrorCode::corrupt:
      return "the file is damaged: move it and its -wal and -shm files aside and start again; the "
             "bars are made anew from what the log still holds";
    case ErrorCode::unavailable:
      return "another program holds a lock on it: end that program's transaction";
    default:
      return "check that the file and its folder can be read and written by this user";
  }
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::bind(int place, int64_t value) {
  sqlite3_bind_int64(statement_.get(), place, value);
}

void Statement::bind(int place, std::string_view text) {
  sqlite3_bind_text(statement_.get(), place, text.empty() ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}

void Statement::bind_blob(int place, std::string_view bytes) {
  sqlite3_bind_blob(statement_.get(), place, bytes.empty() ? "" : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_STATIC);
}

void Statement::bind_null(int place) {
  sqlite3_bind_null(statement_.get(), place);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  Error error = database_->error(code);
  sqlite3_reset(statement_.get());
  return error;
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Database::Database(std::string path, sqlite3* connection)
    : path_(std::move(path)), connection_(connection) {}

Database::~Database() {
  sqlite3_close_v2(connection_);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access) {
  // One thread at a time uses a connection, so SQLite's own locks are not needed.
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE |
                    (access == Access::write ? SQLITE_OPEN_CREATE : 0);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  if (connection == nullptr)
    return make_error(ErrorCode::failed, "store: cannot open {}: out of memory", path);
  std::unique_ptr<Database> database(new Database(path, connection));
  if (code != SQLITE_OK) return database->error(code);
  sqlite3_extended_result_codes(connection, 1);
  if (access == Access::read) TAPELINE_TRY(database->execute("PRAGMA query_only=ON"));
  return database;
}

Result<> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection_, sql.c_str(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  statement.database_ = this;
  if (code != SQLITE_OK) return error(code);
  return statement;
}

Result<int64_t> Database::number(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  auto row = statement.value().step();
  if (!row) return row.error();
  return row.value() ? statement.value().integer(0) : 0;
}

void Database::set_busy_timeout_ms(int64_t timeout_ms) {
  sqlite3_busy_timeout(connection_, static_cast<int>(timeout_ms));
}

Error Database::error(int code) const {
  const ErrorCode ours = code_of(code, sqlite3_system_errno(connection_));
  return make_error(ours, "store: cannot use {}: {}; {}", path_, sqlite3_errmsg(connection_),
                    next_step(ours));
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
  TAPELINE_TRY(database.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // SQLite may have rolled back by itself (disk full); the error is known to the caller already.
  auto ignored = database_->execute("ROLLBACK");
  static_cast<void>(ignored);
}

Result<> Transaction::commit() {
  TAPELINE_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace tapeline::store
