#pragma once

#include <functional>
#include <string>

#include "hone/cost/device_profile.h"
#include "hone/cost/machine_lock.h"

namespace hone::cost {

struct CalibrateOptions {
  /// How long one repeat of one loop takes, about: shorter than a scheduler's slice, so that some are whole.
  double repeat_s = 0.002;
  int repeats = 12;                  ///< of a loop, a round
  int rounds = 5;                    ///< over all loops, so that slow phases of a machine are spread
  double max_s = 45.0;               ///< ends after so long; one round is always made
  double most_bytes = 1073741824.0;  ///< of main memory to go through
  bool quiet = true;                 ///< under the machine's lock, a round at a time
  std::function<void(const std::string&)> progress;  ///< may be empty
  Interrupted interrupted = {};
};

/// Measures what this machine can do: operations a second by type, reading and copying by level of memory
/// (a working set of half and of three quarters of each cache; main memory: four times the last cache, at
/// most a quarter of what is free), of one thread and of all, and what a call, a thread's wake-up and a
/// process cost. Rates are the best of all repeats, as nothing but disturbance makes one lower; the spread is
/// how far the median lies below. Throws Error (environment) where it was interrupted before it had any
/// figure.
DeviceProfile calibrate(const CalibrateOptions& options = {});

}  // namespace hone::cost
