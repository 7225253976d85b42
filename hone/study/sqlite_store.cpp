// A journal in one SQLite file, shared by the processes of one machine. Write-ahead logging: a commit
// survives the death of any process; a power cut may lose the last second but never corrupts. The schema in
// prose: docs/formats.md.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/json.h"
#include "hone/study/sqlite_file.h"
#include "hone/study/store.h"

namespace hone::study {
namespace {

using Use = SqliteFile::Use;

/// Renewals and reads of several threads take turns.
class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::string& path) : file_(path, SqliteFile::Open::create) {
    prepare_all();
    set_clock();
  }
  ~SqliteStore() override {
    if (!flusher_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    flusher_.join();
  }

  Receipt commit(const Commit& commit) override {
    const std::lock_guard lock(mutex_);
    SqliteFile::Transaction transaction(file_);
    for (const Lease& lease : commit.need)
      if (token_of(lease.name) != lease.token) return {};
    // Another process's clock may be ahead of this one's.
    if (!commit.events.empty()) now_ = std::max(now_, last_time());
    const double now = tick();
    Receipt receipt{true, 0, now};
    for (const Event& event : commit.events) {
      Use insert(file_, insert_);
      insert.text(1, event.kind).integer(2, event.version).real(3, now).text(4, event.payload);
      if (event.trial >= 0) insert.integer(5, event.trial);
      insert.done();
      if (receipt.first == 0) receipt.first = file_.last_row();
    }
    for (const Lease& lease : commit.release)
      Use(file_, release_).text(1, lease.name).integer(2, lease.token).done();
    for (const std::string& name : commit.drop) Use(file_, drop_).text(1, name).done();
    for (const HeldLease& held : commit.take)
      Use(file_, take_)
          .text(1, held.lease.name)
          .text(2, held.holder)
          .integer(3, held.lease.token)
          .real(4, now + held.expires_s)
          .done();
    transaction.commit();
    flush_later();
    return receipt;
  }

  void read(std::int64_t sequence, const std::function<void(const Event&)>& take) override {
    // In pages, so that the lock is not held while `take` runs and the memory stays small.
    constexpr std::size_t kPage = 4096;
    std::vector<Event> page;
    for (;;) {
      page.clear();
      {
        const std::lock_guard lock(mutex_);
        Use select(file_, select_);
        select.integer(1, sequence).integer(2, kPage);
        while (select.row()) page.push_back(event_at(select));
      }
      for (const Event& event : page) take(event);
      if (page.size() < kPage) return;
      sequence = page.back().sequence;
    }
  }

  void read_trial(std::int64_t trial, std::int64_t last,
                  const std::function<void(const Event&)>& take) override {
    std::vector<Event> events;
    {
      const std::lock_guard lock(mutex_);
      Use select(file_, select_trial_);
      select.integer(1, trial).integer(2, last);
      while (select.row()) events.push_back(event_at(select));
    }
    for (const Event& event : events) take(event);
  }

  std::optional<Event> first() override {
    const std::lock_guard lock(mutex_);
    Use select(file_, select_);
    select.integer(1, 0).integer(2, 1);
    if (!select.row()) return std::nullopt;
    return event_at(select);
  }

  std::int64_t head() override {
    const std::lock_guard lock(mutex_);
    Use select(file_, head_);
    return select.row() ? select.integer_at(0) : 0;
  }

  void save_view(const std::string& name, const View& view) override {
    const std::lock_guard lock(mutex_);
    if (file_.read_only()) return;
    Use(file_, save_view_).text(1, name).integer(2, view.sequence).text(3, view.payload).done();
  }

  std::optional<View> view(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (view_ == nullptr) return std::nullopt;
    Use select(file_, view_);
    select.text(1, name);
    if (!select.row()) return std::nullopt;
    return View{select.integer_at(0), select.text_at(1)};
  }

  std::optional<Lease> acquire(const std::string& name, const std::string& holder, double seconds) override {
    const std::lock_guard lock(mutex_);
    {  // who waits for a lease asks often, and must not keep writers waiting
      Use held(file_, peek_);
      held.text(1, name).real(2, tick());
      if (held.row()) return std::nullopt;
    }
    SqliteFile::Transaction transaction(file_);
    const double now = tick();
    std::optional<Lease> lease;
    {
      Use upsert(file_, acquire_);
      upsert.text(1, name).text(2, holder).real(3, now + seconds).real(4, now);
      while (upsert.row()) lease = Lease{name, upsert.integer_at(0)};
    }
    if (lease) {
      transaction.commit();
      flush_later();
    }
    return lease;
  }

  bool renew(const Lease& lease, double seconds) override {
    const std::lock_guard lock(mutex_);
    if (file_.read_only()) return false;
    Use(file_, renew_).real(1, tick() + seconds).text(2, lease.name).integer(3, lease.token).done();
    return file_.changes() > 0;
  }

  void release(const Lease& lease) override {
    const std::lock_guard lock(mutex_);
    if (file_.read_only()) return;
    Use(file_, release_).text(1, lease.name).integer(2, lease.token).done();
  }

  std::vector<HeldLease> leases(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    // Names are sorted by bytes: those with the prefix stand together.
    std::string end = prefix;
    end.push_back('\x7f');
    Use select(file_, leases_);
    select.text(1, prefix).text(2, end);
    std::vector<HeldLease> found;
    while (select.row())
      found.push_back({{select.text_at(0), select.integer_at(2)}, select.text_at(1), select.real_at(3)});
    return found;
  }

  double now_s() override {
    const std::lock_guard lock(mutex_);
    return tick();
  }

  std::string url() const override { return "sqlite:" + file_.path(); }

 private:
  static Event event_at(const Use& select) {
    return {select.integer_at(0), select.text_at(1), static_cast<int>(select.integer_at(2)),
            select.real_at(3),    select.text_at(4), select.null_at(5) ? -1 : select.integer_at(5)};
  }

  void prepare_all() {
    const bool indexed = file_.format() >= 2;
    select_ = file_.prepare(
        indexed
            ? "SELECT sequence, kind, version, time_s, payload, trial FROM journal WHERE sequence > ?1 ORDER "
              "BY sequence LIMIT ?2"
            : "SELECT sequence, kind, version, time_s, payload, NULL FROM journal WHERE sequence > ?1 ORDER "
              "BY sequence LIMIT ?2");
    select_trial_ = file_.prepare(
        indexed
            ? "SELECT sequence, kind, version, time_s, payload, trial FROM journal WHERE trial = ?1 AND "
              "sequence <= ?2 ORDER BY sequence"
            : "SELECT sequence, kind, version, time_s, payload, ?1 FROM journal WHERE json_extract(payload, "
              "'$.trial') = ?1 AND sequence <= ?2 ORDER BY sequence");
    last_time_ = file_.prepare("SELECT time_s FROM journal ORDER BY sequence DESC LIMIT 1");
    head_ = file_.prepare("SELECT max(sequence) FROM journal");
    if (indexed) view_ = file_.prepare("SELECT sequence, payload FROM views WHERE name = ?1");
    peek_ = file_.prepare("SELECT 1 FROM leases WHERE name = ?1 AND expires_s > ?2");
    leases_ = file_.prepare(
        "SELECT name, holder, token, expires_s FROM leases WHERE name >= ?1 AND name < ?2 AND expires_s > 0");
    if (file_.read_only()) return;
    insert_ = file_.prepare(
        "INSERT INTO journal (kind, version, time_s, payload, trial) VALUES (?1, ?2, ?3, ?4, ?5)");
    save_view_ = file_.prepare("INSERT OR REPLACE INTO views (name, sequence, payload) VALUES (?1, ?2, ?3)");
    token_ = file_.prepare("SELECT token FROM leases WHERE name = ?1 AND expires_s > 0");
    // A released lease stays as a row that has expired, so that its tokens keep rising.
    acquire_ = file_.prepare(
        "INSERT INTO leases (name, holder, token, expires_s) VALUES (?1, ?2, 1, ?3)"
        " ON CONFLICT (name) DO UPDATE SET holder = ?2, token = token + 1, expires_s = ?3 WHERE expires_s <= "
        "?4"
        " RETURNING token");
    take_ = file_.prepare(
        "INSERT OR REPLACE INTO leases (name, holder, token, expires_s) VALUES (?1, ?2, ?3, ?4)");
    drop_ = file_.prepare("DELETE FROM leases WHERE name = ?1");
    renew_ =
        file_.prepare("UPDATE leases SET expires_s = ?1 WHERE name = ?2 AND token = ?3 AND expires_s > 0");
    release_ = file_.prepare("UPDATE leases SET expires_s = 0 WHERE name = ?1 AND token = ?2");
  }

  std::int64_t token_of(const std::string& name) {
    Use select(file_, token_);
    select.text(1, name);
    return select.row() ? select.integer_at(0) : -1;
  }

  double last_time() {
    Use select(file_, last_time_);
    return select.row() ? select.real_at(0) : 0.0;
  }

  /// The store's clock runs with the machine, from what the wall clock said when a program first opened the
  /// store since the machine was started (or from the journal's end, where that is later). So all processes
  /// agree, and setting the wall clock makes no lease expire and spends no budget.
  void set_clock() {
    const std::string boot = boot_id();
    const auto known = [&]() -> std::optional<double> {
      if (view_ == nullptr) return std::nullopt;
      Use select(file_, view_);
      select.text(1, kClock);
      if (!select.row()) return std::nullopt;
      const Json json = Json::parse(select.text_at(1), nullptr, false);
      if (!json.is_object() || json.value("boot", Json()) != boot ||
          !json.value("zero_s", Json()).is_number())
        return std::nullopt;
      return json["zero_s"].get<double>();
    };
    auto zero = known();
    if (!zero && !file_.read_only()) {
      SqliteFile::Transaction transaction(file_);
      zero = known();  // another process may have been first
      if (!zero) {
        zero = std::max(wall_s(), last_time()) - boot_s();
        const std::string payload = Json{{"boot", boot}, {"zero_s", *zero}}.dump();
        Use(file_, save_view_).text(1, kClock).integer(2, 0).text(3, payload).done();
        transaction.commit();
      }
    }
    zero_s_ = zero ? *zero : wall_s() - boot_s();
    now_ = last_time();
  }

  double tick() { return now_ = std::max(now_, zero_s_ + boot_s()); }

  /// Waits a second beside the one who commits, and makes durable what no later commit did.
  void flush_later() {
    if (!file_.unsynced()) return;
    if (!flusher_.joinable()) flusher_ = std::thread([this] { flush_now_and_then(); });
    if (!flush_due_) wake_.notify_all();
    flush_due_ = true;
  }

  void flush_now_and_then() {
    const std::chrono::duration<double> patience(SqliteFile::kSyncEvery_s);
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return closing_ || flush_due_; });
      wake_.wait_for(lock, patience, [this] { return closing_; });
      file_.flush();
      flush_due_ = false;
      if (closing_) return;
    }
  }

  inline static const std::string kClock = "clock";

  SqliteFile file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread flusher_;  // begun where there is something to wait for
  bool flush_due_ = false, closing_ = false;
  sqlite3_stmt *insert_ = nullptr, *select_ = nullptr, *select_trial_ = nullptr, *head_ = nullptr,
               *last_time_ = nullptr, *peek_ = nullptr, *save_view_ = nullptr, *view_ = nullptr,
               *token_ = nullptr, *acquire_ = nullptr, *take_ = nullptr, *drop_ = nullptr, *renew_ = nullptr,
               *release_ = nullptr, *leases_ = nullptr;
  double zero_s_ = 0.0;  // when the machine started, by the store's clock
  double now_ = 0.0;     // never falls
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
