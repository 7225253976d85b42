#include "hone/study/sqlite_file.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hone/base/clock.h"

namespace hone::study {
namespace {

/// How long a writer waits for its turn before it gives up.
constexpr double kPatience_s = 60.0;

/// SQLite's own busy handler sleeps up to 100 ms and lets writers starve one another; short waits that grow
/// slowly keep many writers fair.
int wait_for_turn(void*, int tries) {
  if (tries * 0.0005 > kPatience_s) return 0;
  std::this_thread::sleep_for(std::chrono::microseconds(std::min(50 + tries * 25, 500)));
  return 1;
}

bool network_file_system(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  constexpr unsigned long kNfs = 0x6969, kSmb = 0x517B, kSmb2 = 0xFE534D42, kCifs = 0xFF534D42,
                          k9p = 0x01021997, kCeph = 0x00C36400, kLustre = 0x0BD00BD0, kGpfs = 0x47504653,
                          kBeegfs = 0x19830326, kAfs = 0x5346414F;
  const auto type = static_cast<unsigned long>(info.f_type) & 0xffffffffUL;
  for (const unsigned long known : {kNfs, kSmb, kSmb2, kCifs, k9p, kCeph, kLustre, kGpfs, kBeegfs, kAfs})
    if (type == known) return true;
  return false;
}

}  // namespace

SqliteFile::SqliteFile(const std::string& path, Open how) : path_(path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  std::error_code code;
  if (how == Open::create) {
    std::filesystem::create_directories(folder, code);
    if (code)
      throw environment_error(fmt::format("{}: cannot be created: {}", folder.string(), code.message()));
  } else if (!std::filesystem::exists(path, code)) {
    throw Error("there is no such store", Place{path, 0, ""}, "run hone search, or name it with --store");
  }
  if (network_file_system(folder.string()))
    throw Error("the store's folder is on a network file system, where SQLite's locks do not hold",
                Place{path, 0, ""}, "choose a local folder with --store sqlite:PATH");
  try {
    open(how);
  } catch (...) {
    close();
    throw;
  }
}

SqliteFile::~SqliteFile() { close(); }

void SqliteFile::open(Open how) {
  std::error_code code;
  const bool there = std::filesystem::exists(path_, code);
  const bool writable =
      !there || (::access(path_.c_str(), W_OK) == 0 &&
                 ::access(std::filesystem::absolute(path_).parent_path().c_str(), W_OK) == 0);
  if (writable) {
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (how == Open::create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path_.c_str(), &database_, flags, nullptr) != SQLITE_OK) throw failure("open");
    read_only_ = sqlite3_db_readonly(database_, "main") == 1;
  } else {
    // Without the right to write SQLite cannot make its shared-memory file. Where there is no log beside the
    // file either, the file is all there is, and it can be read as it stands.
    read_only_ = true;
    const bool has_log = std::filesystem::exists(path_ + "-wal", code);
    if (has_log && !std::filesystem::exists(path_ + "-shm", code)) return open_copy();
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(path_).string())
      uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned>(c))
                                              : std::string(1, c);
    if (!has_log) uri += "?immutable=1";
    if (sqlite3_open_v2(uri.c_str(), &database_, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                        nullptr) != SQLITE_OK)
      throw failure("open");
  }
  sqlite3_busy_handler(database_, wait_for_turn, nullptr);
  refuse_foreign();
  if (read_only_) {
    format_ = static_cast<int>(number("PRAGMA user_version"));
    if (format_ < 1)
      throw Error("is empty and cannot be written", Place{path_, 0, ""},
                  "check the permissions of the file and its folder");
  } else {
    // The rollback journal that making the file needs must be gone for good before the log is relied on:
    // found again after a power cut, it would undo everything.
    run("PRAGMA synchronous=EXTRA");
    use_write_ahead_log();
    run("PRAGMA synchronous=NORMAL");
    run("PRAGMA wal_autocheckpoint=4000");
    run("BEGIN IMMEDIATE");
    upgrade();
    run("COMMIT");
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
  }
}

/// Two processes that change a new file's mode at once would wait for each other for ever, so SQLite asks no
/// busy handler there: one of them is told at once, and tries again.
void SqliteFile::use_write_ahead_log() {
  for (int tries = 0;; ++tries) {
    const int status = sqlite3_exec(database_, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    if (status == SQLITE_OK) return;
    if ((status & 0xff) != SQLITE_BUSY || wait_for_turn(nullptr, tries) == 0) throw failure("set up");
  }
}

/// A log can only be read with a file beside it that cannot be made here: a copy is read in its place.
void SqliteFile::open_copy() {
  try {
    copy_.emplace("hone-read");
  } catch (const Error&) {
    throw environment_error(fmt::format("{}: its log cannot be read where nothing can be written", path_),
                            "copy the store and its -wal to a folder of your own");
  }
  const std::string copy = copy_->path() + "/study.sqlite";
  std::error_code code;
  std::filesystem::copy_file(path_, copy, code);
  if (!code) std::filesystem::copy_file(path_ + "-wal", copy + "-wal", code);
  if (code)
    throw environment_error(fmt::format("{}: cannot be copied to be read: {}", path_, code.message()));
  std::filesystem::permissions(copy, std::filesystem::perms::owner_write, std::filesystem::perm_options::add,
                               code);
  std::filesystem::permissions(copy + "-wal", std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add, code);
  if (sqlite3_open_v2(copy.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) !=
      SQLITE_OK)
    throw failure("open");
  sqlite3_busy_handler(database_, wait_for_turn, nullptr);
  refuse_foreign();
  format_ = static_cast<int>(number("PRAGMA user_version"));
}

/// Before anything is written: an SQLite file of some other program stays as it is. Read in one transaction,
/// since another process may be making the file a store just now.
void SqliteFile::refuse_foreign() {
  run("BEGIN");
  const std::int64_t application = number("PRAGMA application_id");
  const std::int64_t version = number("PRAGMA user_version");
  const std::int64_t tables = number("SELECT count(*) FROM sqlite_master");
  run("COMMIT");
  if (application != kApplicationId && (application != 0 || version != 0 || tables != 0))
    throw Error("is an SQLite file, but not a store of hone", Place{path_, 0, ""},
                "choose another file with --store");
  if (version > kFormat)
    throw Error(fmt::format("was written by a newer hone (format {}, this one knows {})", version, kFormat),
                Place{path_, 0, ""}, "use the newer program");
}

void SqliteFile::upgrade() {
  const std::int64_t version = number("PRAGMA user_version");
  if (version == kFormat) return;
  if (version == 0) {
    run("CREATE TABLE journal (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL,"
        " time_s REAL NOT NULL, payload TEXT NOT NULL, trial INTEGER) STRICT");
    run("CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL,"
        " expires_s REAL NOT NULL) STRICT, WITHOUT ROWID");
  } else {  // 1: events did not say whose they are beside their payload
    run("ALTER TABLE journal ADD COLUMN trial INTEGER");
    run("UPDATE journal SET trial = json_extract(payload, '$.trial') WHERE json_valid(payload)");
  }
  run("CREATE INDEX journal_trial ON journal(trial) WHERE trial IS NOT NULL");
  run("CREATE TABLE views (name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, payload TEXT NOT NULL) STRICT,"
      " WITHOUT ROWID");
  run(fmt::format("PRAGMA application_id = {}", kApplicationId));
  run(fmt::format("PRAGMA user_version = {}", kFormat));
}

sqlite3_stmt* SqliteFile::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    throw failure("prepare");
  statements_.push_back(statement);
  return statement;
}

void SqliteFile::run(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) throw failure("set up");
}

std::int64_t SqliteFile::number(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) throw failure("read");
  const int status = sqlite3_step(statement);
  const std::int64_t value = status == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_finalize(statement);
  if (status != SQLITE_ROW && status != SQLITE_DONE) throw failure("read");
  return value;
}

std::int64_t SqliteFile::last_row() const { return sqlite3_last_insert_rowid(database_); }
int SqliteFile::changes() const { return sqlite3_changes(database_); }

void SqliteFile::sync_if_due() {
  const double now = monotonic_s();
  const bool due = now - synced_s_ >= kSyncEvery_s;
  if (due) synced_s_ = now;
  if (due == full_) return;
  full_ = due;
  run(due ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

void SqliteFile::flush() {
  if (!unsynced_) return;
  // The log is what makes commits last. SQLite syncs it by itself only where a commit is told to wait.
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(database_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr)
    return;
  if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK) return;
  unsynced_ = false;
  synced_s_ = monotonic_s();
}

Error SqliteFile::failure(const char* doing) const {
  const int code = database_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(database_);
  const std::string reason = database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_);
  std::string hint;
  Fault fault = Fault::environment;
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      hint = "this is not a store of hone, or it is damaged: hone store check says what can be saved";
      fault = Fault::input;
      break;
    case SQLITE_FULL:
      hint = "the disk is full; free some space and run the same command again";
      break;
    case SQLITE_IOERR:
      hint = "the disk may be full or failing; what was committed before is kept";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      hint = "check the permissions of the file and its folder";
      break;
    case SQLITE_BUSY:
      hint = "another process has held the store for a minute";
      break;
    default:
      break;
  }
  return Error(fmt::format("cannot {} the store: {}", doing, reason), Place{path_, 0, ""}, hint, fault);
}

void SqliteFile::close() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  statements_.clear();
  sqlite3_close(database_);
  database_ = nullptr;
  copy_.reset();
}

SqliteFile::Use::~Use() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteFile::Use& SqliteFile::Use::text(int index, const std::string& value) {
  sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  return *this;
}

SqliteFile::Use& SqliteFile::Use::integer(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

SqliteFile::Use& SqliteFile::Use::real(int index, double value) {
  sqlite3_bind_double(statement_, index, value);
  return *this;
}

SqliteFile::Use& SqliteFile::Use::null(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

bool SqliteFile::Use::row() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) throw file_.failure("use");
  return false;
}

void SqliteFile::Use::done() {
  while (row()) {
  }
}

std::int64_t SqliteFile::Use::integer_at(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double SqliteFile::Use::real_at(int column) const { return sqlite3_column_double(statement_, column); }
bool SqliteFile::Use::null_at(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string SqliteFile::Use::text_at(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

SqliteFile::Transaction::Transaction(SqliteFile& file) : file_(file) {
  if (file.read_only_)
    throw environment_error(fmt::format("{}: the store cannot be written", file.path_),
                            "check the permissions of the file and its folder");
  file.sync_if_due();
  Use(file, file.begin_).done();
}

SqliteFile::Transaction::~Transaction() {
  if (!committed_) sqlite3_exec(file_.database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteFile::Transaction::commit() {
  Use(file_, file_.commit_).done();
  committed_ = true;
  file_.unsynced_ = !file_.full_;
}

}  // namespace hone::study
