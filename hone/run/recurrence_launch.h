#pragma once

#include "hone/run/recurring_job.h"
#include "hone/task/command_keeper.h"

namespace hone::run {

/// What is started for a run of the job: program, arguments, environment, standard input. Throws Error where
/// the program is not there.
task::Launch recurrence_launch(const RecurringJob& job, const space::Config& config,
                               const task::RunContext& context);

}  // namespace hone::run
