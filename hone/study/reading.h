#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/study/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hone::study {

/// A sequence so far after the one before it is damage, not a gap.
inline constexpr std::int64_t kWidestGap = 1'000'000;

/// A store's SQLite file read as it is at one moment: nothing is set up, upgraded or changed, and what is
/// damaged is stepped over. As a Store it can be read only. Not thread safe. For the files of this room only.
class Reading final : public Store {
 public:
  enum class Access {
    shared,     ///< others may go on writing
    exclusive,  ///< nobody else has it open, and nobody can open it; throws Error where somebody has
  };
  Reading(const std::string& path, Access access);
  ~Reading() override;
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// What SQLite says that keeps everything from being read; "" where its schema can be.
  const std::string& unreadable() const { return unreadable_; }
  std::int64_t application_id() const { return application_id_; }
  int format() const { return format_; }
  std::int64_t content();  ///< bytes of the pages in use
  bool has_table(const std::string& name) { return known("table", name); }
  bool has_index(const std::string& name) { return known("index", name); }
  /// The journal's rows say whose they are (format 2).
  bool has_trial_column() const { return has_trial_column_; }
  /// SQLite's own check, at most `most` complaints; none: sound.
  std::vector<std::string> integrity(int most);

  /// Events that can be read, by ascending sequence. Returns how many places could not be read (each may have
  /// been an event).
  std::int64_t scan(const std::function<void(const Event&)>& take);
  struct LeaseRow {
    std::string name, holder;
    std::int64_t token = 0;
    double expires_s = 0.0;
  };
  std::vector<LeaseRow> lease_rows();  ///< empty where they cannot be read
  std::optional<View> saved_view(const std::string& name);
  /// What an earlier mend set aside, and why.
  void damaged(const std::function<void(const Event&, const std::string& why)>& take);
  std::int64_t count(const char* table);  ///< of rows; 0 where they cannot be read

  /// As a Store it ends after this event, and has the views that are given; what is saved can be asked for.
  void end_at(std::int64_t sequence) { end_ = sequence; }
  void show_view(std::optional<View> view) { shown_ = std::move(view); }
  const std::optional<View>& captured() const { return captured_; }

  /// After scan(): the events that stand so far after all those before that their numbers are damage.
  void strays(const std::function<void(const Event&)>& take);

  void read(std::int64_t sequence, const std::function<void(const Event&)>& take) override;
  std::optional<Event> first() override;
  std::int64_t head() override { return end_; }
  void read_trial(std::int64_t trial, std::int64_t last,
                  const std::function<void(const Event&)>& take) override;
  void save_view(const std::string&, const View& view) override { captured_ = view; }
  std::optional<View> view(const std::string&) override { return shown_; }
  std::vector<HeldLease> leases(const std::string&) override { return {}; }
  double now_s() override;
  std::string url() const override { return "sqlite:" + path_; }
  Receipt commit(const Commit&) override { throw read_only(); }
  std::optional<Lease> acquire(const std::string&, const std::string&, double) override { throw read_only(); }
  bool renew(const Lease&, double) override { throw read_only(); }
  void release(const Lease&) override { throw read_only(); }

 private:
  Error read_only() const;
  bool known(const std::string& type, const std::string& name);
  sqlite3_stmt* statement(const std::string& sql);
  std::int64_t number(const std::string& sql, std::int64_t otherwise);
  std::int64_t largest();
  Event event_at(sqlite3_stmt* row) const;
  std::string columns() const;

  std::string path_;
  sqlite3* database_ = nullptr;
  std::map<std::string, sqlite3_stmt*> statements_;
  std::string unreadable_;
  std::int64_t application_id_ = 0;
  int format_ = 0;
  bool has_trial_column_ = false;
  std::int64_t end_ = 0;
  std::int64_t strays_after_ = 0;  // the last event before them; 0: there are none
  std::optional<View> shown_, captured_;
};

}  // namespace hone::study
