// A journal in one SQLite file, shared by the processes of one machine. Write-ahead logging with
// synchronous=NORMAL: a commit survives the death of any process; a power cut may lose the last commits but
// never corrupts. The schema in prose: docs/formats.md.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include "hone/base/clock.h"
#include "hone/study/store.h"

namespace hone::study {
namespace {

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kApplicationId = 0x686f6e65;  // "hone"
/// How long a writer waits for its turn before it gives up.
constexpr double kPatience_s = 60.0;

/// SQLite's own busy handler sleeps up to 100 ms and lets writers starve one another; short waits that grow
/// slowly keep eight writers fair.
int wait_for_turn(void*, int tries) {
  if (tries * 0.0005 > kPatience_s) return 0;
  std::this_thread::sleep_for(std::chrono::microseconds(std::min(50 + tries * 25, 500)));
  return 1;
}

bool network_file_system(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return false;
  constexpr unsigned long kNfs = 0x6969, kSmb = 0x517B, kSmb2 = 0xFE534D42, kCifs = 0xFF534D42,
                          k9p = 0x01021997;
  const auto type = static_cast<unsigned long>(info.f_type) & 0xffffffffUL;
  return type == kNfs || type == kSmb || type == kSmb2 || type == kCifs || type == k9p;
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::string& path) : path_(path) {
    const auto folder = std::filesystem::absolute(path).parent_path();
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (code)
      throw environment_error(fmt::format("{}: cannot be created: {}", folder.string(), code.message()));
    if (network_file_system(folder.string()))
      throw Error("the store's folder is on a network file system, where SQLite's locks do not hold",
                  Place{path, 0, ""}, "choose a local folder with --store sqlite:PATH");
    const int status = sqlite3_open_v2(
        path.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (status != SQLITE_OK) {
      const Error error = failure("open");
      close();
      throw error;
    }
    try {
      sqlite3_busy_handler(database_, wait_for_turn, nullptr);
      refuse_foreign();
      run("PRAGMA journal_mode=WAL");
      run("PRAGMA synchronous=NORMAL");
      run("BEGIN IMMEDIATE");
      create_schema();
      run("COMMIT");
      prepare_all();
      last_time_s_ = last_event_time();
    } catch (...) {
      close();
      throw;
    }
  }

  ~SqliteStore() override { close(); }
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Receipt commit(const Commit& commit) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(*this);
    for (const Lease& lease : commit.need)
      if (token_of(lease.name) != lease.token) return {};
    const double now = tick();
    Receipt receipt{true, 0, now};
    for (const Event& event : commit.events) {
      Use insert(*this, insert_);
      insert.text(1, event.kind).integer(2, event.version).real(3, now).text(4, event.payload).done();
      if (receipt.first == 0) receipt.first = sqlite3_last_insert_rowid(database_);
    }
    for (const Lease& lease : commit.release)
      Use(*this, release_).text(1, lease.name).integer(2, lease.token).done();
    for (const std::string& name : commit.drop) Use(*this, drop_).text(1, name).done();
    for (const HeldLease& held : commit.take)
      Use(*this, take_)
          .text(1, held.lease.name)
          .text(2, held.holder)
          .integer(3, held.lease.token)
          .real(4, now + held.expires_s)
          .done();
    transaction.commit();
    return receipt;
  }

  void read(std::int64_t sequence, const std::function<void(const Event&)>& take) override {
    // In pages, so that the lock is not held while `take` runs and the memory stays small.
    constexpr std::size_t kPage = 4096;
    for (;;) {
      std::vector<Event> page;
      {
        const std::lock_guard lock(mutex_);
        Use select(*this, select_);
        select.integer(1, sequence).integer(2, kPage);
        while (select.row())
          page.push_back({select.integer_at(0), select.text_at(1), static_cast<int>(select.integer_at(2)),
                          select.real_at(3), select.text_at(4)});
      }
      for (const Event& event : page) take(event);
      if (page.size() < kPage) return;
      sequence = page.back().sequence;
    }
  }

  std::int64_t head() override {
    const std::lock_guard lock(mutex_);
    Use select(*this, head_);
    return select.row() ? select.integer_at(0) : 0;
  }

  std::optional<Lease> acquire(const std::string& name, const std::string& holder, double seconds) override {
    const std::lock_guard lock(mutex_);
    const double now = tick();
    Use upsert(*this, acquire_);
    upsert.text(1, name).text(2, holder).real(3, now + seconds).real(4, now);
    std::optional<Lease> lease;
    while (upsert.row()) lease = Lease{name, upsert.integer_at(0)};
    return lease;
  }

  bool renew(const Lease& lease, double seconds) override {
    const std::lock_guard lock(mutex_);
    Use(*this, renew_).real(1, tick() + seconds).text(2, lease.name).integer(3, lease.token).done();
    return sqlite3_changes(database_) > 0;
  }

  void release(const Lease& lease) override {
    const std::lock_guard lock(mutex_);
    Use(*this, release_).text(1, lease.name).integer(2, lease.token).done();
  }

  std::vector<HeldLease> leases(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    Use select(*this, leases_);
    select.text(1, prefix).integer(2, static_cast<std::int64_t>(prefix.size()));
    std::vector<HeldLease> found;
    while (select.row())
      found.push_back({{select.text_at(0), select.integer_at(2)}, select.text_at(1), select.real_at(3)});
    return found;
  }

  double now_s() override {
    const std::lock_guard lock(mutex_);
    return tick();
  }

  std::string url() const override { return "sqlite:" + path_; }

 private:
  /// One use of a prepared statement: binds, steps, resets at its end.
  class Use {
   public:
    Use(SqliteStore& store, sqlite3_stmt* statement) : store_(store), statement_(statement) {}
    ~Use() {
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Use& text(int index, const std::string& value) {
      sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      return *this;
    }
    Use& integer(int index, std::int64_t value) {
      sqlite3_bind_int64(statement_, index, value);
      return *this;
    }
    Use& real(int index, double value) {
      sqlite3_bind_double(statement_, index, value);
      return *this;
    }
    bool row() {
      const int status = sqlite3_step(statement_);
      if (status == SQLITE_ROW) return true;
      if (status != SQLITE_DONE) throw store_.failure("use");
      return false;
    }
    void done() {
      while (row()) {
      }
    }
    std::int64_t integer_at(int column) const { return sqlite3_column_int64(statement_, column); }
    double real_at(int column) const { return sqlite3_column_double(statement_, column); }
    std::string text_at(int column) const {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
      return text == nullptr
                 ? std::string()
                 : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
    }

   private:
    SqliteStore& store_;
    sqlite3_stmt* statement_;
  };

  class Transaction {
   public:
    explicit Transaction(SqliteStore& store) : store_(store) { Use(store_, store_.begin_).done(); }
    ~Transaction() {
      if (!committed_) sqlite3_exec(store_.database_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    void commit() {
      Use(store_, store_.commit_).done();
      committed_ = true;
    }

   private:
    SqliteStore& store_;
    bool committed_ = false;
  };

  std::int64_t number(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) throw failure("read");
    const int status = sqlite3_step(statement);
    const std::int64_t value = status == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (status != SQLITE_ROW && status != SQLITE_DONE) throw failure("read");
    return value;
  }

  /// Before anything is written: an SQLite file of some other program stays as it is.
  void refuse_foreign() {
    const std::int64_t application = number("PRAGMA application_id");
    if (application == kApplicationId) return;
    if (application != 0 || number("PRAGMA user_version") != 0 ||
        number("SELECT count(*) FROM sqlite_master") != 0)
      throw Error("is an SQLite file, but not a store of hone", Place{path_, 0, ""},
                  "choose another file with --store");
  }

  void create_schema() {
    const std::int64_t version = number("PRAGMA user_version");
    if (version > kSchemaVersion)
      throw Error(
          fmt::format("was written by a newer hone (format {}, this one knows {})", version, kSchemaVersion),
          Place{path_, 0, ""}, "use the newer program");
    if (version == kSchemaVersion) return;
    run("CREATE TABLE journal (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL,"
        " time_s REAL NOT NULL, payload TEXT NOT NULL) STRICT");
    run("CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL,"
        " expires_s REAL NOT NULL) STRICT, WITHOUT ROWID");
    run(fmt::format("PRAGMA application_id = {}", kApplicationId));
    run(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
  }

  void prepare_all() {
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
    insert_ = prepare("INSERT INTO journal (kind, version, time_s, payload) VALUES (?1, ?2, ?3, ?4)");
    select_ = prepare(
        "SELECT sequence, kind, version, time_s, payload FROM journal WHERE sequence > ?1 ORDER BY sequence "
        "LIMIT ?2");
    head_ = prepare("SELECT max(sequence) FROM journal");
    token_ = prepare("SELECT token FROM leases WHERE name = ?1 AND expires_s > 0");
    // A released lease stays as a row that has expired, so that its tokens keep rising.
    acquire_ = prepare(
        "INSERT INTO leases (name, holder, token, expires_s) VALUES (?1, ?2, 1, ?3)"
        " ON CONFLICT (name) DO UPDATE SET holder = ?2, token = token + 1, expires_s = ?3 WHERE expires_s <= "
        "?4"
        " RETURNING token");
    take_ = prepare("INSERT OR REPLACE INTO leases (name, holder, token, expires_s) VALUES (?1, ?2, ?3, ?4)");
    drop_ = prepare("DELETE FROM leases WHERE name = ?1");
    renew_ = prepare("UPDATE leases SET expires_s = ?1 WHERE name = ?2 AND token = ?3 AND expires_s > 0");
    release_ = prepare("UPDATE leases SET expires_s = 0 WHERE name = ?1 AND token = ?2");
    leases_ = prepare(
        "SELECT name, holder, token, expires_s FROM leases WHERE substr(name, 1, ?2) = ?1 AND expires_s > 0");
  }

  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
      throw failure("prepare");
    statements_.push_back(statement);
    return statement;
  }

  void run(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) throw failure("set up");
  }

  std::int64_t token_of(const std::string& name) {
    Use select(*this, token_);
    select.text(1, name);
    return select.row() ? select.integer_at(0) : -1;
  }

  double last_event_time() {
    Use select(*this, prepare("SELECT time_s FROM journal ORDER BY sequence DESC LIMIT 1"));
    return select.row() ? select.real_at(0) : 0.0;
  }

  /// Wall clock that never falls behind what this process has seen of the journal.
  double tick() { return last_time_s_ = std::max(last_time_s_, wall_s()); }

  Error failure(const char* doing) const {
    const int code = database_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(database_);
    const std::string reason = database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_);
    std::string hint;
    Fault fault = Fault::environment;
    switch (code & 0xff) {
      case SQLITE_NOTADB:
      case SQLITE_CORRUPT:
        hint = "this is not a store of hone, or it is damaged; move it away to start anew";
        fault = Fault::input;
        break;
      case SQLITE_FULL:
        hint = "the disk is full; free some space and run the same command again";
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

  void close() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    statements_.clear();
    sqlite3_close(database_);
    database_ = nullptr;
  }

  std::string path_;
  sqlite3* database_ = nullptr;
  std::mutex mutex_;
  std::vector<sqlite3_stmt*> statements_;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *insert_ = nullptr, *select_ = nullptr,
               *head_ = nullptr, *token_ = nullptr, *acquire_ = nullptr, *take_ = nullptr, *drop_ = nullptr,
               *renew_ = nullptr, *release_ = nullptr, *leases_ = nullptr;
  double last_time_s_ = 0.0;
};

}  // namespace
}  // namespace hone::study

HONE_REGISTER(store, sqlite) {
  registry.add("store",
               {.name = "sqlite",
                .summary = "journal in one SQLite file, shared by the processes of one machine",
                .paper = "",
                .options = {},
                .traits = "many processes, one machine; survives kill -9"},
               hone::study::MakeStore([](const std::string& path) -> std::shared_ptr<hone::study::Store> {
                 return std::make_shared<hone::study::SqliteStore>(path);
               }));
}
