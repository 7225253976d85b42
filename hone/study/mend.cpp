// Mending a store: what can be read of it, in a new file.
#include <filesystem>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/study/audit.h"
#include "hone/study/check.h"
#include "hone/study/pages.h"
#include "hone/study/reading.h"
#include "hone/study/sqlite_file.h"

namespace hone::study {
namespace {

using Use = SqliteFile::Use;

/// NAME.before-mend, or with a number where that is taken; the log comes along.
std::string copy_aside(const std::string& path) {
  std::string copy = path + ".before-mend";
  for (int n = 2; std::filesystem::exists(copy); ++n) copy = fmt::format("{}.before-mend-{}", path, n);
  std::error_code code;
  std::filesystem::copy_file(path, copy, code);
  if (!code && std::filesystem::exists(path + "-wal"))
    std::filesystem::copy_file(path + "-wal", copy + "-wal", code);
  if (code) {
    std::error_code ignored;
    std::filesystem::remove(copy, ignored);
    throw environment_error(fmt::format("{}: cannot be copied: {}", path, code.message()),
                            "a copy of the store is made before it is mended; free some space");
  }
  return copy;
}

void remove_store(const std::string& path) {
  std::error_code code;
  for (const char* ending : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(path + ending, code);
}

/// Puts events into the table of what was set aside; see write_aside.
sqlite3_stmt* prepare_aside(SqliteFile& file) {
  return file.prepare(
      "INSERT INTO damaged (sequence, why, kind, version, time_s, payload, trial) VALUES "
      "(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
}

void write_aside(SqliteFile& file, sqlite3_stmt* prepared, const Event& event, const std::string& why) {
  Use aside(file, prepared);
  aside.integer(1, event.sequence)
      .text(2, why)
      .text(3, event.kind)
      .integer(4, event.version)
      .real(5, event.time_s)
      .text(6, event.payload);
  if (event.trial >= 0) aside.integer(7, event.trial);
  aside.done();
}

/// The events of a store: those that SQLite gives, and where it fails or they have gaps, those from its
/// pages.
class Source {
 public:
  Source(Reading& reading, const std::string& path) : reading_(reading) {
    std::vector<bool> there;
    std::int64_t found = 0;
    const std::int64_t unread = reading.scan([&](const Event& event) {
      const auto at = static_cast<std::size_t>(event.sequence);
      if (there.size() <= at) there.resize(std::max(at + 1, 2 * there.size()));
      there[at] = true;
      last_ = event.sequence;
      ++found;
    });
    if (unread == 0 && found == last_ && found > 0) return;
    std::map<std::int64_t, Event> beyond;
    read_pages(path, [&](const Event& event) {
      const auto at = static_cast<std::size_t>(event.sequence);
      if (at < there.size() && there[at]) return;
      (event.sequence < last_ ? from_pages_ : beyond).emplace(event.sequence, event);
    });
    for (auto& [sequence, event] : beyond) {
      if (sequence > last_ + kWidestGap) break;
      last_ = sequence;
      from_pages_.emplace(sequence, std::move(event));
    }
  }

  void each(const std::function<void(const Event&)>& take) {
    auto next = from_pages_.begin();
    reading_.scan([&](const Event& event) {
      for (; next != from_pages_.end() && next->first < event.sequence; ++next) take(next->second);
      take(event);
    });
    for (; next != from_pages_.end(); ++next) take(next->second);
  }
  bool empty() const { return last_ == 0; }

 private:
  Reading& reading_;
  std::map<std::int64_t, Event> from_pages_;
  std::int64_t last_ = 0;
};

/// Writes the events that a study can read, and what stands for the others.
class Rewriting {
 public:
  Rewriting(SqliteFile& file, MendReport& report) : file_(file), report_(report) {
    file.run(
        "CREATE TABLE damaged (sequence INTEGER NOT NULL, why TEXT NOT NULL, kind TEXT NOT NULL, version "
        "INTEGER, time_s REAL, payload ANY, trial INTEGER) STRICT");
    insert_ = file.prepare(
        "INSERT OR REPLACE INTO journal (sequence, kind, version, time_s, payload, trial) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6)");
    aside_ = prepare_aside(file);
    time_at_ = file.prepare("SELECT time_s FROM journal WHERE sequence = ?1");
  }

  /// An event whose number cannot be right: nothing stands for it in the journal.
  void stray(const Event& event) { put_aside(event, "its number is far beyond those before"); }

  void events(Source& source, const std::function<StudyRecord()>& header) {
    Audit audit(
        {.keep = [this](const Event& event) { keep(event); },
         .set_aside = [this](const Event& event, const Audit::Fault& fault) { set_aside(event, fault); },
         .missing =
             [this](std::int64_t first, std::int64_t last, double before_s) {
               for (std::int64_t sequence = first; sequence <= last; ++sequence)
                 write({sequence, kDamaged, 1, before_s, R"({"lost":true})", -1});
               report_.lost += last - first + 1;
             },
         .lost_trial = [this](std::int64_t trial, std::int64_t sequence) { lost(trial, sequence); }});
    source.each([&](const Event& event) { audit.take(event, false); });
    audit.finish();
    if (!audit.has_header()) {
      if (!header)
        throw Error("the first event, which says what the study is, is lost", Place{file_.path(), 0, ""},
                    "give the study file: hone store check FILE --mend");
      Event event = encode(Record(header()));
      event.sequence = 1;
      event.time_s = first_time_s_;
      write(event);
    }
    std::int64_t next = audit.last() + 1;
    for (std::size_t id = 0; id < audit.trials().size(); ++id) {
      const auto& life = audit.trials()[id];
      if (life.state != TrialState::running) continue;
      EndRecord end;
      end.trial = static_cast<std::int64_t>(id);
      end.attempt = life.attempt;
      end.state = TrialState::waiting;
      end.reason = "nobody was running it when the store was mended";
      Event event = encode(Record(end));
      event.sequence = next++;
      event.time_s = audit.last_time_s();
      write(event);
      report_.waiting_again.push_back(end.trial);
    }
  }

 private:
  void write(const Event& event) {
    Use insert(file_, insert_);
    insert.integer(1, event.sequence)
        .text(2, event.kind)
        .integer(3, event.version)
        .real(4, event.time_s)
        .text(5, event.payload);
    if (event.trial >= 0) insert.integer(6, event.trial);
    insert.done();
  }

  void keep(const Event& event) {
    Event filed = event;
    records_.clear();
    decode(event, records_);
    if (!std::holds_alternative<UnknownRecord>(records_.front()))
      filed.trial = encode(records_.front()).trial;
    if (filed.time_s < last_time_s_) filed.time_s = last_time_s_;
    last_time_s_ = filed.time_s;
    if (first_time_s_ == 0.0) first_time_s_ = filed.time_s;
    write(filed);
    ++report_.kept;
  }

  void put_aside(const Event& event, const std::string& why) {
    write_aside(file_, aside_, event, why);
    ++report_.set_aside;
  }

  void set_aside(const Event& event, const Audit::Fault& fault) {
    put_aside(event, fault.what);
    Json why{{"was", event.kind}, {"why", fault.what}};
    write({event.sequence, kDamaged, 1, last_time_s_,
           why.dump(-1, ' ', false, Json::error_handler_t::replace), -1});
  }

  void lost(std::int64_t trial, std::int64_t sequence) {
    double time_s = 0.0;
    {
      Use at(file_, time_at_);
      at.integer(1, sequence);
      if (at.row()) time_s = at.real_at(0);
    }
    Event event = encode(Record(DeleteRecord{trial}));
    event.sequence = sequence;
    event.time_s = time_s;
    write(event);
    report_.lost_trials.push_back(trial);
  }

  SqliteFile& file_;
  MendReport& report_;
  sqlite3_stmt *insert_ = nullptr, *aside_ = nullptr, *time_at_ = nullptr;
  std::vector<Record> records_;
  double last_time_s_ = 0.0, first_time_s_ = 0.0;
};

/// What earlier mends set aside stays.
void keep_damaged(Reading& reading, SqliteFile& file) {
  sqlite3_stmt* aside = prepare_aside(file);
  reading.damaged([&](const Event& event, const std::string& why) { write_aside(file, aside, event, why); });
}

void to_disk(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

MendReport mend_store(const std::string& path, const std::function<StudyRecord()>& header) {
  MendReport report;
  report.before = check_store(path);
  if (report.before.sound) {
    report.after = report.before;
    return report;
  }
  const std::string fresh = fmt::format("{}.mending-{}", path, ::getpid());
  {
    // Held until the mended file is in its place, so that nobody works on the old one meanwhile.
    Reading reading(path, Reading::Access::exclusive);
    report.copy = copy_aside(path);
    try {
      remove_store(fresh);
      {
        Source source(reading, report.copy);
        if (source.empty())
          throw Error("not one event can be read", Place{path, 0, ""},
                      fmt::format("nothing was changed; the file as it is was copied to {}", report.copy));
        SqliteFile file(fresh, SqliteFile::Open::create);
        SqliteFile::Transaction transaction(file);
        Rewriting rewriting(file, report);
        keep_damaged(reading, file);
        rewriting.events(source, header);
        reading.strays([&](const Event& event) { rewriting.stray(event); });
        transaction.commit();
      }
      to_disk(fresh);
    } catch (...) {
      remove_store(fresh);
      throw;
    }
    // Nobody else has the old file open, and its log belongs to it alone.
    std::error_code code;
    std::filesystem::rename(fresh, path, code);
    if (code)
      throw environment_error(fmt::format("{}: cannot be replaced: {}", path, code.message()),
                              fmt::format("the mended store is {}", fresh));
    std::filesystem::remove(path + "-wal", code);
    std::filesystem::remove(path + "-shm", code);
    to_disk(std::filesystem::absolute(path).parent_path().string());
  }
  report.after = check_store(path);
  return report;
}

}  // namespace hone::study
