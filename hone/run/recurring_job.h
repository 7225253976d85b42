#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/options.h"
#include "hone/cost/recurring/journal.h"
#include "hone/cost/recurring/zeus.h"
#include "hone/task/command.h"

namespace hone::run {

/// When a recurring job has reached its target.
struct RecurringTarget {
  std::string metric;  ///< that the command reports; "": exit status 0 is all
  std::optional<double> min, max;
  bool reached(double value) const { return (!min || value >= *min) && (!max || value <= *max); }
  std::string text() const;  ///< "accuracy >= 0.9", "exit status 0"
};

/// Where power limits are set.
struct PowerOptions {
  std::string via = "none";      ///< "none", "command", "nvml", "powercap"
  std::vector<double> limits_w;  ///< to choose from, high to low; empty: none is set
  std::vector<std::string> set;  ///< of "command"; {watts} stands for the limit, a whole number
  std::vector<std::string> get;  ///< of "command": prints the present limit; empty: the highest is put back
  double slice_s = 5.0;          ///< of profiling a limit
  std::string powercap = "/sys/class/powercap";
  std::vector<int> gpus;  ///< of "nvml", and whose energy counts; empty: all
};

/// A training job that recurs, as its file describes it (docs/recurring.md).
struct RecurringJob {
  std::string path;    ///< as it was given
  std::string folder;  ///< that holds it, absolute
  std::string name;    ///< the file's, without its ending
  std::shared_ptr<const task::CommandTask> command;
  bool cores_given = false;  ///< else the command has as many threads as it likes
  cost::ZeusOptions zeus;
  RecurringTarget target;
  std::string progress = "fidelity";  ///< the report that says how far the job is
  double max_progress = kInfinity;    ///< where a run is given up
  int tries = 20;                     ///< of one recurrence, until it reaches the target
  bool stop_at_target = false;        ///< ask the command to end once it has reached it
  std::string energy;                 ///< a report that says the joules so far; "": hone measures
  std::string device;    ///< whose power is taken where no counter can be read; "": the processor's
  double power_w = 0.0;  ///< likewise, stated; 0: it is not
  PowerOptions power;

  std::string state_folder() const;  ///< JOB.hone beside the file
  std::string journal() const;       ///< recurrences.jsonl in it
  /// What may not change while recurrences are compared: the command and the target.
  Json identity() const;
  /// Throws Error (input) where the journal's first line is of another job; null: there is none yet.
  void check_recorded(const Json& line) const;
  /// What follows from a run that reported things, and never the `progress` that power limits or max_progress
  /// hang on: a sentence; "": nothing hangs on it, or it came.
  std::string missing_progress(const cost::RecurringRun& run) const;

  /// Throws Error naming file, line and key on anything that is wrong or unknown.
  static RecurringJob read(const std::string& path);
  static RecurringJob parse(const std::string& text, const std::string& path);
  static std::vector<OptionSpec> specs();        ///< of [recur]
  static std::vector<OptionSpec> power_specs();  ///< of [power], beside the list limits_w
};

}  // namespace hone::run
