#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "hone/cost/energy.h"
#include "hone/run/power_control.h"
#include "hone/run/recurrence.h"
#include "hone/task/command_lines.h"
#include "hone/task/command_run.h"

namespace hone::run {

/// Joules since a run began: from the command's own reports, from counters, or power x time.
class RecurrenceEnergy {
 public:
  explicit RecurrenceEnergy(const RecurringJob& job);
  void start();
  /// The limit that is set from now on: power that is only modelled is no more than it.
  void limit(std::optional<double> watts);
  /// What the command says. "" or why it cannot be: it is then not taken.
  std::string reported(double joules);
  /// Whether there is anything to say yet: joules of the command's own may never come.
  bool known() const { return !from_reports_ || reported_; }
  double joules();
  bool measured() const { return from_reports_ || meter_.measures(); }
  std::string source() const;

 private:
  bool from_reports_;
  cost::EnergyMeter meter_;
  double power_w_ = 0.0;
  std::string whose_, source_;
  std::optional<double> limit_w_;
  std::optional<double> reported_;
  double modelled_ = 0.0, last_s_ = 0.0;
};

/// Watches one run: hears its reports, reckons its cost, profiles power limits, and says when it is to stop.
class RecurrenceWatch {
 public:
  /// `control` null: no limits are set. `slice` is told of every limit that was profiled.
  RecurrenceWatch(const RecurringJob& job, const cost::ZeusRun& run, cost::PowerProfile profile,
                  PowerControl* control, std::function<void(const cost::PowerSlice&, double seconds)> slice);

  void start();  ///< sets the first limit; the command starts now
  void hear(std::string_view bytes);
  void end_of_reports();
  /// What is to become of the run; asked often.
  task::RunEars::Wish wish();
  std::string shown() const;  ///< "epoch 3, accuracy 0.81, 1.2 kJ"

  bool reached() const { return reached_; }
  bool over_cost() const { return over_cost_; }
  bool over_progress() const { return over_progress_; }
  bool heard_target() const { return value_.has_value(); }
  bool heard_anything() const { return lines_heard_ > 0; }
  const std::set<std::string>& names() const { return names_; }  ///< of what was reported
  const std::string& refused() const { return refused_; }
  /// What went wrong with a power limit on the way; "": nothing.
  const std::string& broken() const { return broken_; }
  /// Why the joules that the command reports give no cost; "": they do.
  const std::string& no_cost() const { return no_cost_; }
  /// Of a run that reached its target long after the latest joules that it reported: what its cost lacks; "":
  /// it lacks nothing. Joules may come just before the report of the progress that they belong to.
  const std::string& stale_joules() const { return stale_joules_; }
  double progress() const { return progress_; }
  std::optional<double> limit_w() const { return limit_; }
  /// Whether a limit was to be set, be it that this failed: it may have had its effect all the same.
  bool tried_limit() const { return tried_limit_; }
  /// Fixes the cost where the run's end is the target, or where it ended without it.
  void close(bool reached);
  double energy_j() const { return energy_j_; }
  double seconds() const { return seconds_; }
  double total_energy_j() const { return total_energy_j_; }
  double total_seconds() const { return total_seconds_; }
  const RecurrenceEnergy& energy() const { return energy_; }

 private:
  double now() const;
  double cost_now();
  void line(const task::JsonLines::Line& line);
  void advanced(double progress);
  void next_limit();
  void set_limit(double watts);

  const RecurringJob& job_;
  cost::ZeusRun run_;
  cost::PowerProfile profile_;
  PowerControl* control_;
  std::function<void(const cost::PowerSlice&, double)> slice_;
  RecurrenceEnergy energy_;
  task::JsonLines lines_;
  double began_ = 0.0, looked_ = -1.0, last_joules_ = 0.0;
  bool reached_ = false, fixed_ = false, over_cost_ = false, over_progress_ = false;
  std::int64_t lines_heard_ = 0;
  std::set<std::string> names_;
  std::optional<double> value_, limit_;
  double progress_ = 0.0, energy_j_ = 0.0, seconds_ = 0.0, total_energy_j_ = 0.0, total_seconds_ = 0.0;
  std::string refused_, broken_, no_cost_, stale_joules_;
  int advances_since_joules_ = 0;  ///< of the progress
  double first_advance_ = 0.0;     ///< the progress at the first of them
  bool profiling_ = false, tried_limit_ = false;
  /// Whether what is heard may be from before the limit was set: setting it takes a while, and reports wait
  /// in their pipe meanwhile. No slice begins with such a one.
  bool behind_ = false;
  bool heard_now_ = false;             ///< since wish() was asked last
  std::optional<double> slice_began_;  ///< seconds; nothing: the first report under the limit is awaited
  double slice_progress_ = 0.0, slice_joules_ = 0.0;
};

}  // namespace hone::run
