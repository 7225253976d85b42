#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hone/study/journal.h"

namespace hone::study {

/// Something wrong with a store, as a user needs it.
struct Defect {
  std::string kind;  ///< a word to count by: "pages", "event", "gap", "order", "lease", "orphan", "view", ...
  std::string what;  ///< what is wrong
  std::string means;                 ///< what that means for the study
  std::string mend;                  ///< what mending does about it; "" where it can do nothing
  std::vector<std::int64_t> events;  ///< sequences, the first hundred
};

/// What a store is and what is wrong with it.
struct CheckReport {
  std::string path;
  int format = 0;            ///< 0: unknown
  bool sound = true;         ///< no problems
  std::int64_t bytes = 0;    ///< of the file and its log
  std::int64_t content = 0;  ///< bytes of the pages in use, without the log's earlier versions of them
  std::int64_t events = 0;
  std::int64_t last = 0;                       ///< sequence of the last event
  std::map<std::string, std::int64_t> trials;  ///< by state, those with any; as far as they can be read
  std::int64_t n_trials = 0;
  std::int64_t sessions = 0;
  std::string last_end;                         ///< why the last session ended; "" while open
  std::map<std::string, std::int64_t> unknown;  ///< events of kinds that this program does not know
  std::int64_t late = 0;                        ///< results that came after their lease was lost
  std::int64_t set_aside = 0;                   ///< events that an earlier mend took out of the study
  std::int64_t held = 0;                        ///< leases held now
  std::vector<Defect> problems;
  std::vector<std::string> remarks;  ///< what is as it should be, and worth knowing
};

/// Checks an SQLite store without changing it; also while searches run (it sees one moment). Reads all of it:
/// a million trials take about a minute. Throws Error where there is no such file, or it is another
/// program's.
CheckReport check_store(const std::string& path);

/// What mending did.
struct MendReport {
  CheckReport before;
  CheckReport after;
  std::string copy;                         ///< the file as it was; its log beside it
  std::int64_t kept = 0;                    ///< events taken over unchanged
  std::int64_t set_aside = 0;               ///< events moved to the table "damaged"
  std::int64_t lost = 0;                    ///< events that could not be read at all
  std::vector<std::int64_t> lost_trials;    ///< whose proposal is gone: they are deleted
  std::vector<std::int64_t> waiting_again;  ///< that ran, with nobody running them
};

/// Mends what can be mended: copies the file beside itself (NAME.before-mend), reads every event that can be
/// read, from its pages directly where SQLite cannot, and writes them to a new file, which takes the old
/// one's place at the end. Numbers of events and trials stay. What is malformed or contradicts the events
/// before it is kept in the table "damaged", and its place is taken by an event that readers skip; a trial
/// whose proposal is lost is deleted; views and index are made anew; dead leases are gone; running trials
/// without a lease wait again. A sound store is left as it is.
/// `header`: makes the journal's first event anew, where that is lost.
/// Throws Error where the store is in use, where nothing can be read, or where there is no space for a copy.
MendReport mend_store(const std::string& path, const std::function<StudyRecord()>& header = {});

}  // namespace hone::study
