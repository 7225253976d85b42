#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/identity/policy.h"
#include "hone/schedule/scheduler.h"
#include "hone/search/prior.h"
#include "hone/space/space.h"
#include "hone/study/journal.h"
#include "hone/task/task.h"

namespace hone::run {

/// When a search ends. Nothing given: when the searcher has nothing more to propose, or by Ctrl-C.
struct Budget {
  std::optional<std::int64_t> trials;     ///< new trials over the whole study
  std::optional<std::int64_t> proposals;  ///< trials, and repeats of known configs, which become none
  std::optional<double> time_s;           ///< over all sessions of the study
  std::optional<std::int64_t> steps;      ///< resource units over the whole study, in the task's unit
  study::Measures spend;                  ///< bounds on what measures sum up to over all trials
  std::int64_t workers = 0;               ///< 0: one a core
  std::int64_t failures = 20;  ///< so many failed trials of a session, and no result at all, end it; 0: never
};

/// A study as the user described it, checked. A plain value.
struct StudyFile {
  std::string path;    ///< absolute
  std::string folder;  ///< its folder: relative paths in [task] start there
  std::string text;    ///< as written
  std::string name;
  std::vector<study::Objective> objectives;
  std::uint64_t seed = 0;
  std::string task_kind;
  Options task_options;
  std::shared_ptr<const task::Task> task;
  space::Space space;
  std::vector<study::Limit> limits;
  /// Of a limit that says so: whether its measure is predicted from what was measured (foresight.h).
  std::map<std::string, bool> predicts = {};
  std::string searcher;
  Options searcher_options;
  std::string scheduler;
  Options scheduler_options;
  search::Prior prior;               ///< [search.prior]
  std::vector<space::Config> first;  ///< search.try: tried before the searcher is asked
  /// search.warm_start: study files, their folders or stores, whose results searchers learn from. Read when
  /// the study begins.
  std::vector<std::string> warm_start;
  /// The measure that says what an evaluation costs, the task's own where the file names none; "": its
  /// seconds.
  std::string cost;
  identity::Settings identity = {};  ///< what is done where a candidate's function is known
  std::int64_t replicates = 1;       ///< evaluations of a config on the front, each with its own seed
  study::Aggregate aggregate = study::Aggregate::mean;
  Budget budget;

  /// Reads and checks a file. Throws Error naming file, line and key.
  static StudyFile read(const std::string& path);
  /// Whose text it is. What a journal holds was accepted when its study began: an empty name, and limits that
  /// limit nothing or that no trial can pass, are errors of a user only, so that older studies stay readable.
  enum class Source { user, journal };
  static StudyFile parse(const std::string& text, const std::string& path, Source source = Source::user);

  /// The folder of everything this study writes, beside the file: NAME.hone for NAME.toml.
  std::string home() const;
  std::string default_store() const;  ///< "sqlite:HOME/study.sqlite"

  /// The journal's first event. Reads the task's data.
  study::StudyRecord header() const;
  /// The scheduler as described.
  std::unique_ptr<schedule::Scheduler> make_scheduler() const;
  /// The horizon: the fidelity at which the front is.
  std::int64_t horizon() const;
  /// What differs from the file that a study began with or was last revised to, in words, one line each.
  struct Differences {
    std::vector<std::string> accepted;  ///< the study's trials stay comparable: budget, limits, a wider space
    std::vector<std::string> refused;   ///< they would not
  };
  Differences differences(const StudyFile& older) const;
  study::RevisedRecord revision(const std::vector<std::string>& changes) const;
  /// What the task's data is no longer, in words, where a study began with data of this identity; "" where it
  /// is the same.
  std::string changed_data(const std::string& identity) const;
  /// Throws Error at [task] where that is anything.
  void need_data(const std::string& identity) const;

 private:
  void compare_schedulers(const StudyFile& older, Differences& found) const;
};

}  // namespace hone::run
