#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/recurring/power_profile.h"
#include "hone/cost/recurring/zeus.h"

namespace hone::cost {

/// How a run of a recurring job ended.
enum class RunEnding {
  reached,      ///< the target
  unreached,    ///< it ended, or its most epochs were over, without the target
  stopped,      ///< its cost came to the threshold
  failed,       ///< the command failed before the target: counts as unreached
  wrong,        ///< it ended in a way that says nothing of its batch size: counts as neither
  interrupted,  ///< somebody stopped hone: counts as neither
};
const char* ending_name(RunEnding ending);
bool ending_counts(RunEnding ending);

/// A run as its journal tells it.
struct RecurringRun {
  ZeusRun zeus;
  std::int64_t recurrence = 0;
  int tries = 1;                                     ///< which try of its recurrence
  RunEnding ending = RunEnding::reached;             ///< of one that is over
  double total_energy_j = 0.0, total_seconds = 0.0;  ///< to the end of the program
  double power_limit_w = kNaN;  ///< under which it ran after profiling; NaN: none was set
  double progress = 0.0;
  bool measured = false;                  ///< the energy
  std::string source;                     ///< of the energy
  std::vector<std::string> reports = {};  ///< names of what the command reported
};

/// What a journal comes to; a function of its lines.
struct RecurringHistory {
  std::vector<RecurringRun> ended;                ///< that count, in the order in which they ended
  std::vector<RecurringRun> others;               ///< that ended and do not count
  std::vector<RecurringRun> running;              ///< started, and neither ended nor given up
  std::map<std::int64_t, PowerProfile> profiles;  ///< by batch size, of every unit of progress
  /// Of runs whose power limit was not put back: what it was before, as whoever set it wrote it.
  std::map<std::int64_t, Json> limits_before;
  /// Of the same runs, who that was (PowerControl::whose); null: its journal does not say.
  std::map<std::int64_t, Json> limits_set_by;
  std::int64_t next_run = 0, next_recurrence = 0;
  Json job;  ///< the first line; null: the journal is empty

  /// For zeus_state and zeus_choose: those that count, then the running ones.
  std::vector<ZeusRun> runs() const;
  /// What is known of a batch size in a unit of progress (PowerProfile::in_unit); empty where nothing is.
  PowerProfile profile(std::int64_t batch_size, const std::string& progress) const;
};

/// The journal of a recurring job: JSON lines that are only ever appended (docs/formats.md, "Recurrences").
/// Several processes of one machine may hold one: whoever decides holds the file's lock meanwhile, and each
/// run that is alive holds a lock of its own, which ends with its process however that ends. The locks are
/// ranges of FILE.lock that belong to the open file (Linux), so that they hold between threads' journals too.
/// A last line that a dying process left unfinished is cut off by the next one that writes. Not thread safe.
class RecurringJournal {
 public:
  /// Opens it, making it and its folder where they are not. Throws Error (environment) where that fails.
  explicit RecurringJournal(const std::string& path);
  ~RecurringJournal();
  RecurringJournal(const RecurringJournal&) = delete;
  RecurringJournal& operator=(const RecurringJournal&) = delete;

  const std::string& path() const { return path_; }

  /// Held from here on until it goes: nobody else appends.
  class Hold {
   public:
    explicit Hold(RecurringJournal& journal) : journal_(journal) { journal_.lock(true); }
    ~Hold() { journal_.lock(false); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    RecurringJournal& journal_;
  };

  /// All lines so far. Throws Error naming file and line on what is malformed; an unfinished last line is
  /// none.
  RecurringHistory read() const;
  /// Of a file, without writing anything; an empty history where there is none. Runs whose process was killed
  /// are taken as given up.
  static RecurringHistory read(const std::string& path);
  /// Appends one line and waits until it is on the disk. Under a Hold. Adds "time_s".
  void append(Json line);

  /// Marks the run as this process's until it ends or release() is called.
  void claim(std::int64_t run);
  void release(std::int64_t run);
  /// Whether a process, or another journal of this one, has claimed the run.
  bool alive(std::int64_t run) const;
  /// Appends "abandoned" for runs that are not over and that nobody holds: their process was killed. They
  /// count as neither. Under a Hold.
  void give_up_dead(RecurringHistory& history);

 private:
  void lock(bool take);
  static bool alive(const std::string& path, std::int64_t run);

  std::string path_;
  int fd_ = -1, lock_fd_ = -1;
};

/// History of journal text. `file` for errors.
RecurringHistory recurring_history(const std::string& text, const std::string& file);

}  // namespace hone::cost
