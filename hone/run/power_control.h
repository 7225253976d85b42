#pragma once

#include <cstdint>
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
  /// What there is now, as restore() takes it and a journal keeps it. Throws Error (environment), also where
  /// some of it cannot be read: it could not be put back.
  virtual Json current() = 0;
  /// By what limits are set, and on what, as a journal keeps it: {"via": "nvml", "gpus": [0]}.
  virtual Json whose() const = 0;
  /// Whether restore() can put back `before`, which `by` (whose() then) gave; null: that is not known.
  bool fits(const Json& before, const Json& by) const {
    return (by.is_null() || by == whose()) && has_shape(before);
  }
  /// Throws Error (environment) with what the device or the command said.
  virtual void set(double watts) = 0;
  /// Puts back what current() gave: all of it that can be, then throws Error (environment) where some cannot.
  /// Throws Error where it is not of that shape.
  virtual void restore(const Json& before) = 0;
  /// Whether that is what there is now; false where it cannot be told.
  virtual bool is_now(const Json& before) = 0;

 protected:
  virtual bool has_shape(const Json& before) const = 0;
};

/// By the job's [power]; null where no limits are set. `interrupted` is asked while a command of the user's
/// runs: current() and set() then end it and throw; restore() goes on all the same. Throws Error
/// (environment) where there is no such device. The job must outlive it.
std::unique_ptr<PowerControl> make_power_control(const RecurringJob& job,
                                                 std::function<bool()> interrupted = {});

/// "333 W, via command"; of what current() and whose() gave, which may be any JSON of a journal.
std::string power_limit_text(const Json& before, const Json& by);

/// What is to be told of run `run`, which was killed under a power limit that the job's [power] cannot put
/// back.
std::string lost_limit_text(const RecurringJob& job, std::int64_t run, const Json& before, const Json& by);

/// What is to be told where the limit that a run finds is one of the job's own lower ones: another job may
/// have set it, or left it. `present` as current() gives it; "" where it is none of them.
std::string lowered_limit_text(const RecurringJob& job, const Json& present);

}  // namespace hone::run
