#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hone/base/json.h"
#include "hone/run/recurring_job.h"

namespace hone::run {

/// Sets the power limit of what a job runs on. Not thread safe.
class PowerControl {
 public:
  virtual ~PowerControl() = default;
  /// What there is now, as restore() takes it and a journal keeps it. Throws Error (environment).
  virtual Json current() = 0;
  /// Throws Error (environment) with what the device or the command said.
  virtual void set(double watts) = 0;
  /// Puts back what current() gave: all of it that can be, then throws Error (environment) where some cannot.
  virtual void restore(const Json& before) = 0;
  /// Whether that is what there is now; false where it cannot be told.
  virtual bool is_now(const Json& before) = 0;
};

/// By the job's [power]; null where no limits are set. `interrupted` is asked while a command of the user's
/// runs: current() and set() then end it and throw; restore() goes on all the same. Throws Error
/// (environment) where there is no such device. The job must outlive it.
std::unique_ptr<PowerControl> make_power_control(const RecurringJob& job,
                                                 std::function<bool()> interrupted = {});

}  // namespace hone::run
