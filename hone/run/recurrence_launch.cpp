#include "hone/run/recurrence_launch.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace hone::run {
namespace {

/// The environment of a run: a study's trials share a machine, a training job has it to itself.
std::vector<std::string> recurrence_environment(const RecurringJob& job, const space::Config& config,
                                                const task::RunContext& context) {
  auto list = task::command_environment(job.command->options(), config, context);
  std::erase_if(list, [](const std::string& entry) {
    for (const char* name : {"HONE_FIDELITY=", "HONE_FROM=", "HONE_HORIZON="})
      if (entry.starts_with(name)) return true;
    return false;
  });
  if (job.cores_given) return list;
  const std::set<std::string> stated(job.command->options().environment.begin(),
                                     job.command->options().environment.end());
  for (const std::string name :
       {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "HONE_CORES"}) {
    std::erase_if(list, [&](const std::string& entry) {
      return entry.starts_with(name + "=") && !stated.contains(entry);
    });
    if (const char* own = std::getenv(name.c_str());
        own != nullptr && std::none_of(list.begin(), list.end(), [&](const std::string& entry) {
          return entry.starts_with(name + "=");
        }))
      list.push_back(name + "=" + own);
  }
  return list;
}

}  // namespace

task::Launch recurrence_launch(const RecurringJob& job, const space::Config& config,
                               const task::RunContext& context) {
  const task::CommandOptions& options = job.command->options();
  task::Launch launch;
  launch.arguments = task::command_arguments(options, config, context);
  launch.program = job.command->program(launch.arguments[0]);
  launch.environment = recurrence_environment(job, config, context);
  launch.folder = job.folder;
  launch.apart = options.report_on_output;
  if (options.config_on_input) launch.input = config.json().dump() + "\n";
  return launch;
}

}  // namespace hone::run
