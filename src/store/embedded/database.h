#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite behind our words: the only files that know its C interface.
namespace tapeline::store {

class Database;

/// A prepared statement. Values are bound by place (from 1) and must live until the statement is
/// reset; columns are read by place (from 0) and live until the next step. Owned by one thread,
/// and must not outlive its database.
class Statement {
 public:
  Statement() = default;

  void bind(int place, int64_t value);
  void bind(int place, std::string_view text);
  void bind_blob(int place, std::string_view bytes);
  void bind_null(int place);

  /// True: a row stands ready. False: no more. Resets the statement on false and on errors.
  Result<bool> step();
  void reset();

  int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::string_view blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  const Database* database_ = nullptr;
};

/// One connection to one file. Used by one thread at a time. Not movable: statements refer to it.
class Database {
 public:
  enum class Access { read, write };

  /// `write` creates the file when it is absent; `read` does not.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access);

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// Runs statements that give no rows wanted here.
  Result<> execute(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  /// The first column of the first row of a query, as a number; 0 when there is no row.
  Result<int64_t> number(const std::string& sql);

  void set_busy_timeout_ms(int64_t timeout_ms);

  const std::string& path() const { return path_; }
  /// What SQLite last said, as an Error for the person who must act.
  Error error(int code) const;

 private:
  Database(std::string path, sqlite3* connection);

  const std::string path_;
  sqlite3* const connection_;
};

/// Ends with a rollback unless `commit` succeeded.
class Transaction {
 public:
  enum class Kind { read, write };
  static Result<Transaction> begin(Database& database, Kind kind);

  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace tapeline::store
