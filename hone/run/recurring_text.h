#pragma once

#include <string>

#include "hone/cost/recurring/journal.h"
#include "hone/cost/recurring/trace.h"
#include "hone/run/recurrence.h"

namespace hone::run {

std::string joules_text(double joules);    ///< "512 J", "8.4 kJ", "-" for what is not finite
std::string elapsed_text(double seconds);  ///< "175 ms", "2:05"

/// Where a recurring job stands: arms with their costs and beliefs, what was spent, and what the default
/// batch size at full power would have taken, by the mean of its own runs and, where limits were profiled,
/// its slice at the highest one.
Json recurring_status_json(const RecurringJob& job, const cost::RecurringHistory& history);
std::string recurring_status_text(const RecurringJob& job, const cost::RecurringHistory& history);

/// What the next run would get, and why; nothing is run or written.
Json recurring_explain_json(const RecurringJob& job, const cost::RecurringHistory& history);
std::string recurring_explain_text(const RecurringJob& job, const cost::RecurringHistory& history);

/// A run in one line, and as JSON.
std::string finished_run_text(const RecurringJob& job, const FinishedRun& run);
Json finished_run_json(const RecurringJob& job, const FinishedRun& run);

std::string replay_text(const cost::ReplayResult& result);

}  // namespace hone::run
