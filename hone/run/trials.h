#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/run/posterior.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// Which trials of a study are meant, and in what order.
struct TrialFilter {
  std::vector<study::TrialState> states;  ///< empty: any but deleted
  std::vector<std::string> causes;        ///< of failed and infeasible ones; empty: any
  std::string origin;                     ///< which searcher, "user", "replicate"; "": any
  /// Holds over parameters, measures (as shown, else the last result's, else the costs) and the fields of
  /// trial_fields(). A trial that lacks what it names does not match.
  space::Expression where;
  bool front = false;  ///< only the front's members
  /// Whose front that is, null: the study's own. With it expressions, orders and exports have the measures of
  /// all evaluations of a trial together (Shown::measures) instead of its own last result's.
  std::shared_ptr<const Shown> shown = nullptr;
  /// A parameter, measure or field; "-" before it: the largest first. "": by id, the newest first. Trials
  /// that lack it come last.
  std::string sort;

  bool any() const;  ///< whether every trial but the deleted ones matches
};

/// What a filter and --sort know beside parameters and measures.
const std::vector<std::string>& trial_fields();

/// Throws Error where the filter names what this study does not know: names, causes, origins. Reads every
/// trial where a name may be one that only a trial tells.
void check_filter(const TrialFilter& filter, study::Study& study, const StudyFile& file);

/// Calls `take` with every trial that matches, by ascending id, until it returns false. A light study is read
/// trial by trial: its memory stays small, however many there are.
void each_trial(study::Study& study, const TrialFilter& filter,
                const std::function<bool(const study::Trial&)>& take);

/// The first `limit` trials in the filter's order (ids), and how many match in all. What the study's views
/// tell is not searched for: the newest of a million come at once.
struct TrialChoice {
  std::vector<std::int64_t> ids;
  std::int64_t matching = 0;
};
TrialChoice choose_trials(study::Study& study, const TrialFilter& filter, std::int64_t limit);

/// A table for people: id, state, origin, fidelity, objectives, seconds, and why; folded to `width` columns
/// (0: any width will do). `shown`: objectives of all evaluations together; null: of the trial's last result.
std::string trials_text(const study::Study& study, const StudyFile& file, const TrialChoice& choice,
                        const Shown* shown = nullptr, std::size_t width = 0);

/// One attempt at a trial, as the journal has it.
struct Attempt {
  std::int64_t number = 0;
  std::string worker;
  std::int64_t to = 0;
  double began_s = 0.0;
  double ended_s = 0.0;  ///< 0: under way, or its end is not known
  std::string ending;    ///< "completed", "given back", "its worker died", ...
  std::string reason;
};
std::vector<Attempt> attempts_of(const study::Study& study, std::int64_t trial);

/// All that is known of a trial as one JSON document; without what it printed. With `shown` also "measures",
/// what its evaluations come to together, where there is a result.
Json trial_json(const study::Study& study, const study::Trial& trial, const Shown* shown = nullptr);
/// The same for people, with the default config's values beside it and its learning curve drawn.
std::string trial_text(const study::Study& study, const StudyFile& file, const study::Trial& trial);
/// The last `lines` lines of what a trial printed, all of it where `lines` is 0; "" where it printed nothing.
std::string trial_output(const study::Store& store, std::int64_t trial, std::size_t lines);
/// The trial's events, one JSON object a line.
std::string trial_events(const study::Study& study, std::int64_t trial);

/// Where an export goes, piece by piece.
using Sink = std::function<void(std::string_view)>;
/// A table by RFC 4180, one row a trial: trial, state, origin, seed, replicate_of, the space's parameters,
/// the measures of its last fidelity, fidelity, spent_s, created, finished (UTC), same_as, reason, cause.
/// A measure named as one of the fixed columns is "measure.NAME", a parameter named as another column
/// "parameter.NAME": no name stands twice.
void export_csv(study::Study& study, const StudyFile& file, const TrialFilter& filter, const Sink& sink);
/// One JSON object a line: what trial_json says, but for the attempts.
void export_jsonl(study::Study& study, const TrialFilter& filter, const Sink& sink);
/// One line of such a table without its end.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace hone::run
