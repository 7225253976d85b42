#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/cost/recurring/journal.h"
#include "hone/run/recurring_job.h"

namespace hone::run {

/// A run that came to its end, and what is to be said of it.
struct FinishedRun {
  cost::RecurringRun run;
  std::string reason;  ///< "exit status 1: ...", "its cost came to ..."; "" where it reached the target
};

/// Who hears of a recurrence; each may be empty.
struct RecurrenceEars {
  std::function<bool()> interrupted;
  std::function<void(const std::string&)> progress;     ///< one line, often
  std::function<void(const std::string&)> said;         ///< one line, worth keeping
  std::function<void(const std::string&)> warned = {};  ///< one line that somebody must read: it is said once
  /// Each run once it is recorded, or could not be; also where run_recurrence throws because of it.
  std::function<void(const FinishedRun&)> finished = {};
};

struct RecurrenceResult {
  std::int64_t recurrence = 0;
  std::vector<FinishedRun> runs;  ///< its tries
  bool reached = false;
  bool interrupted = false;
};

/// One recurrence of the job: chooses a batch size (zeus_choose), runs the command, profiles power limits
/// just in time where the batch size's are not known yet, stops the run at its threshold, puts the power
/// limit back, records everything, and tries again until the target is reached. Several processes may do so
/// at once.
///
/// Cost counts up to the report that reaches the target. A limit's slice goes from the first report that was
/// written under it, rather than while it was being set, to the first one that comes at least `slice` later,
/// so that throughput and energy belong to whole progress; the paper measures slices of so many seconds. A
/// run that ends before all limits were profiled leaves the rest to the next run of its batch size.
///
/// Throws Error where the default batch size does not reach the target (input: nothing is known to compare
/// with then), where the command reports nothing that the target asks for, where a power limit cannot be set
/// (environment), and where the journal is another job's. What ran is recorded all the same.
RecurrenceResult run_recurrence(const RecurringJob& job, const RecurrenceEars& ears = {});

/// What the next run would get, of a history: a pure function.
cost::ZeusChoice next_choice(const RecurringJob& job, const cost::RecurringHistory& history);
/// The power limit under which a batch size runs, or the one that is profiled next; nothing: none is set.
struct PowerPlan {
  std::optional<double> profile_w;
  std::optional<cost::PowerSlice> best;  ///< where all limits are known
};
PowerPlan power_plan(const RecurringJob& job, const cost::PowerProfile& profile);

}  // namespace hone::run
