#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hone::study {

/// A connection to a store's SQLite file, with prepared statements and errors for people. For the files of
/// this room only. Not thread safe.
///
/// Durability: a commit survives the death of any process at once, and a power cut once it is older than
/// about a second: see sync_if_due, and flush, which somebody must call a second after the last commit.
class SqliteFile {
 public:
  enum class Open {
    create,    ///< made where it is missing
    existing,  ///< must be there, and is only read where it cannot be written
  };
  /// Opens it, brings its tables to the current format. Throws Error where it is no store of hone, newer than
  /// this program, damaged, or on a network file system.
  SqliteFile(const std::string& path, Open how);
  ~SqliteFile();
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  static constexpr int kFormat = 2;
  static constexpr std::int64_t kApplicationId = 0x686f6e65;  ///< "hone"

  const std::string& path() const { return path_; }
  bool read_only() const { return read_only_; }
  /// 1: a file of an earlier hone that could not be upgraded, since it is read-only.
  int format() const { return format_; }

  sqlite3_stmt* prepare(const char* sql);
  void run(const std::string& sql);
  std::int64_t number(const char* sql);
  std::int64_t last_row() const;
  int changes() const;
  /// To be called before a transaction begins: the first of each second waits until the disk has it and all
  /// before it.
  void sync_if_due();
  /// Whether there are commits that a power cut would take.
  bool unsynced() const { return unsynced_; }
  /// Waits until the disk has all that was committed. Keeps quiet about a failing disk: the next commit that
  /// waits for it says so.
  void flush();
  static constexpr double kSyncEvery_s = 1.0;  ///< what a power cut may take
  Error failure(const char* doing) const;

  /// One use of a prepared statement: binds, steps, resets at its end.
  class Use {
   public:
    Use(const SqliteFile& file, sqlite3_stmt* statement) : file_(file), statement_(statement) {}
    ~Use();
    Use& text(int index, const std::string& value);  ///< is not copied: it must live until the use ends
    Use& integer(int index, std::int64_t value);
    Use& real(int index, double value);
    Use& null(int index);
    bool row();
    void done();
    std::int64_t integer_at(int column) const;
    double real_at(int column) const;
    std::string text_at(int column) const;
    bool null_at(int column) const;

   private:
    const SqliteFile& file_;
    sqlite3_stmt* statement_;
  };

  class Transaction {
   public:
    explicit Transaction(SqliteFile& file);
    ~Transaction();
    void commit();

   private:
    SqliteFile& file_;
    bool committed_ = false;
  };

 private:
  void open(Open how);
  void open_copy();
  void refuse_foreign();
  void use_write_ahead_log();
  void upgrade();
  void close();

  std::string path_;
  std::optional<ScratchFolder> copy_;  // with what is read in its place
  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr;
  bool read_only_ = false;
  int format_ = kFormat;
  bool full_ = false;  // the next commit waits for the disk
  bool unsynced_ = false;
  double synced_s_ = -1e9;  // monotonic
};

}  // namespace hone::study
