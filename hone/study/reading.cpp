#include "hone/study/reading.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"

namespace hone::study {
namespace {

std::string text_at(sqlite3_stmt* row, int column) {
  const auto* text = static_cast<const char*>(sqlite3_column_blob(row, column));
  const int size = sqlite3_column_bytes(row, column);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

/// Resets a statement at the end of its use.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  ~Rows() { sqlite3_reset(statement_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

Reading::Reading(const std::string& path, Access access) : path_(path) {
  std::error_code code;
  const std::string absolute = std::filesystem::absolute(path).string();
  std::string uri = "file:";
  for (const char c : absolute)
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", static_cast<unsigned>(c))
                                            : std::string(1, c);
  // Without the right to write beside it there is no shared-memory file; a file without a log is all there
  // is.
  const bool may_write = ::access(std::filesystem::path(absolute).parent_path().c_str(), W_OK) == 0;
  if (!may_write && !std::filesystem::exists(path + "-wal", code)) uri += "?immutable=1";
  const int flags = access == Access::exclusive ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  const int opened =
      sqlite3_open_v2(uri.c_str(), &database_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
  if (opened != SQLITE_OK || database_ == nullptr) {
    const std::string reason = database_ == nullptr ? "out of memory" : sqlite3_errmsg(database_);
    sqlite3_close(database_);
    throw environment_error(fmt::format("{}: cannot be opened: {}", path, reason),
                            "check the permissions of the file and its folder");
  }
  sqlite3_busy_timeout(database_, access == Access::exclusive ? 500 : 10000);
  int status = SQLITE_OK;
  if (access == Access::exclusive) {
    // In this mode the first access wants the file for itself.
    sqlite3_exec(database_, "PRAGMA locking_mode=EXCLUSIVE", nullptr, nullptr, nullptr);
    status = sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  } else {
    status = sqlite3_exec(database_, "BEGIN; SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr);
  }
  if (status == SQLITE_BUSY || status == SQLITE_LOCKED) {
    sqlite3_close(database_);
    throw environment_error(fmt::format("{}: somebody works on this store", path),
                            "stop the searches on it, and what else has it open");
  }
  if (status != SQLITE_OK) unreadable_ = sqlite3_errmsg(database_);
  application_id_ = number("PRAGMA application_id", 0);
  format_ = static_cast<int>(number("PRAGMA user_version", 0));
  has_trial_column_ = number("SELECT count(*) FROM pragma_table_info('journal') WHERE name = 'trial'", 0) > 0;
  end_ = largest();
}

Reading::~Reading() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(database_);
}

Error Reading::read_only() const { return internal_error("a reading of a store cannot be written"); }
double Reading::now_s() { return wall_s(); }

/// Prepared once; null where the table is not there or its schema cannot be read.
sqlite3_stmt* Reading::statement(const std::string& sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK)
    return nullptr;
  statements_[sql] = statement;
  return statement;
}

std::int64_t Reading::number(const std::string& sql, std::int64_t otherwise) {
  sqlite3_stmt* select = statement(sql);
  Rows rows(select);
  return rows.step() == SQLITE_ROW ? sqlite3_column_int64(select, 0) : otherwise;
}

bool Reading::known(const std::string& type, const std::string& name) {
  return number(
             fmt::format("SELECT count(*) FROM sqlite_master WHERE type = '{}' AND name = '{}'", type, name),
             0) > 0;
}

std::int64_t Reading::content() { return number("PRAGMA page_count", 0) * number("PRAGMA page_size", 0); }

std::int64_t Reading::count(const char* table) {
  return number(fmt::format("SELECT count(*) FROM {}", table), 0);
}

std::int64_t Reading::largest() {
  const std::int64_t last = number("SELECT max(sequence) FROM journal", 0);
  if (last > 0) return last;
  // The page with the last ones may be damaged; others remember.
  std::int64_t guess = 0;
  if (has_trial_column_)
    guess = number("SELECT max(rowid) FROM journal INDEXED BY journal_trial WHERE trial IS NOT NULL", 0);
  return std::max(guess, number("SELECT max(sequence) FROM views", 0));
}

std::vector<std::string> Reading::integrity(int most) {
  std::vector<std::string> complaints;
  sqlite3_stmt* check = statement(fmt::format("PRAGMA integrity_check({})", most));
  Rows rows(check);
  int status = SQLITE_ROW;
  while ((status = rows.step()) == SQLITE_ROW) {
    const std::string line = text_at(check, 0);
    if (line != "ok") complaints.push_back(line);
  }
  if (status != SQLITE_DONE) complaints.emplace_back(sqlite3_errmsg(database_));
  return complaints;
}

std::string Reading::columns() const {
  return fmt::format("SELECT sequence, kind, version, time_s, payload, {} FROM journal ",
                     has_trial_column_
                         ? "trial"
                         : "json_extract(CASE WHEN json_valid(payload) THEN payload END, '$.trial')");
}

Event Reading::event_at(sqlite3_stmt* row) const {
  return {sqlite3_column_int64(row, 0),
          text_at(row, 1),
          sqlite3_column_int(row, 2),
          sqlite3_column_double(row, 3),
          text_at(row, 4),
          sqlite3_column_type(row, 5) == SQLITE_INTEGER ? sqlite3_column_int64(row, 5) : -1};
}

std::int64_t Reading::scan(const std::function<void(const Event&)>& take) {
  std::int64_t unread = 0;
  std::int64_t last = 0;
  const std::int64_t until = largest();
  sqlite3_stmt* after = statement(columns() + "WHERE sequence > ?1 ORDER BY sequence");
  sqlite3_stmt* single = statement(columns() + "WHERE sequence = ?1");
  if (after == nullptr || single == nullptr) return unread;
  strays_after_ = 0;
  for (;;) {
    bool whole = false, strays = false;
    {
      Rows rows(after);
      sqlite3_bind_int64(after, 1, last);
      for (;;) {
        const int status = rows.step();
        whole = status == SQLITE_DONE;
        if (status != SQLITE_ROW) break;
        Event event = event_at(after);
        // A damaged page may tell nonsense for numbers.
        strays = event.sequence > last + kWidestGap;
        if (event.sequence <= last || strays) break;
        last = event.sequence;
        take(event);
      }
    }
    if (whole) return unread;
    // One by one, until there is one that can be read again.
    bool found = false;
    const std::int64_t good = last, most = std::min(until, last + kWidestGap);
    while (!found && last < most) {
      Rows rows(single);
      sqlite3_bind_int64(single, 1, ++last);
      const int status = rows.step();
      if (status == SQLITE_ROW && sqlite3_column_int64(single, 0) == last) {
        take(event_at(single));
        found = true;
      } else if (status != SQLITE_DONE) {
        ++unread;
      }
    }
    if (found) continue;
    if (!strays) return std::max<std::int64_t>(unread, 1);
    strays_after_ = good;
    return unread;
  }
}

void Reading::strays(const std::function<void(const Event&)>& take) {
  if (strays_after_ == 0) return;
  sqlite3_stmt* select = statement(columns() + "WHERE sequence > ?1 ORDER BY sequence");
  Rows rows(select);
  if (select == nullptr) return;
  sqlite3_bind_int64(select, 1, strays_after_ + kWidestGap);
  while (rows.step() == SQLITE_ROW) take(event_at(select));
}

std::vector<Reading::LeaseRow> Reading::lease_rows() {
  std::vector<LeaseRow> found;
  sqlite3_stmt* select = statement("SELECT name, holder, token, expires_s FROM leases ORDER BY name");
  Rows rows(select);
  while (rows.step() == SQLITE_ROW)
    found.push_back({text_at(select, 0), text_at(select, 1), sqlite3_column_int64(select, 2),
                     sqlite3_column_double(select, 3)});
  return found;
}

void Reading::damaged(const std::function<void(const Event&, const std::string& why)>& take) {
  sqlite3_stmt* select =
      statement("SELECT sequence, kind, version, time_s, payload, trial, why FROM damaged");
  Rows rows(select);
  while (rows.step() == SQLITE_ROW) take(event_at(select), text_at(select, 6));
}

std::optional<Store::View> Reading::saved_view(const std::string& name) {
  sqlite3_stmt* select = statement("SELECT sequence, payload FROM views WHERE name = ?1");
  Rows rows(select);
  if (select != nullptr) sqlite3_bind_text(select, 1, name.c_str(), -1, SQLITE_TRANSIENT);
  if (rows.step() != SQLITE_ROW) return std::nullopt;
  return View{sqlite3_column_int64(select, 0), text_at(select, 1)};
}

void Reading::read(std::int64_t sequence, const std::function<void(const Event&)>& take) {
  sqlite3_stmt* select = statement(columns() + "WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence");
  Rows rows(select);
  if (select == nullptr) return;
  sqlite3_bind_int64(select, 1, sequence);
  sqlite3_bind_int64(select, 2, end_);
  int status = SQLITE_DONE;
  while ((status = rows.step()) == SQLITE_ROW) take(event_at(select));
  if (status != SQLITE_DONE)
    throw Error(fmt::format("the store cannot be read: {}", sqlite3_errmsg(database_)), Place{path_, 0, ""});
}

std::optional<Event> Reading::first() {
  sqlite3_stmt* select = statement(columns() + "WHERE sequence = 1");
  Rows rows(select);
  if (rows.step() != SQLITE_ROW) return std::nullopt;
  return event_at(select);
}

void Reading::read_trial(std::int64_t trial, std::int64_t last,
                         const std::function<void(const Event&)>& take) {
  if (!has_trial_column_) return;
  std::vector<Event> events;
  {
    sqlite3_stmt* select = statement(columns() + "WHERE trial = ?1 AND sequence <= ?2 ORDER BY sequence");
    Rows rows(select);
    if (select == nullptr) return;
    sqlite3_bind_int64(select, 1, trial);
    sqlite3_bind_int64(select, 2, last);
    while (rows.step() == SQLITE_ROW) events.push_back(event_at(select));
  }
  for (const Event& event : events) take(event);
}

}  // namespace hone::study
