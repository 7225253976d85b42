#pragma once

#include <functional>
#include <vector>

#include "hone/cost/machine_lock.h"

namespace hone::cost {

/// How long one call of a subject takes on this machine when nothing disturbs it.
struct Timing {
  double seconds = 0.0;    ///< low quantile over the repeats that count; NaN where none was made
  double spread = 0.0;     ///< (q80 - q20) / q20 over the same repeats
  int repeats = 0;         ///< repeats that count
  int discarded = 0;       ///< repeats left out because a neighbour disturbed them
  int rounds = 0;          ///< rounds made
  bool disturbed = false;  ///< too few undisturbed repeats, or spread above what was asked: trust it less
  bool locked = false;     ///< every round had the machine's lock
};

struct TimingOptions {
  int warmup = 2;          ///< unmeasured calls before the first round (before later ones: one, unless 0)
  int rounds = 3;          ///< the lock is taken anew for each, so that slow phases of a machine are spread
  int repeats = 5;         ///< measured calls a round and subject
  int extra_repeats = 10;  ///< at most so many more a round, to make up for disturbed ones
  int extra_rounds = 2;    ///< at most so many more while the spread is above max_spread
  double quantile = 0.2;   ///< the order statistic reported, 0 to 1, interpolated
  double max_spread = 0.1;
  double max_seconds = 10.0;    ///< stop measuring after so long under the lock, with one repeat at least
  double tolerance = 1.25;      ///< a reference run slower than this times the best one is a disturbed one
  double pause_seconds = 2e-3;  ///< between rounds, so that waiting training steps get in
  bool quiet = true;            ///< take the machine's lock
  bool processor = false;       ///< of single threads that compute: hone::thread_s instead of the wall clock

  // For tests: time and the reference that is not the machine's own.
  std::function<double()> clock = {};    ///< seconds, monotonic; empty: the machine's
  std::function<void()> reference = {};  ///< the yardstick; empty: reference_kernel
};

/// The fixed yardstick: some 100 us of dependent and independent arithmetic on 16 KiB, no allocation.
void reference_kernel();

/// Times several subjects in turn, one call each per repeat, so that all of them see the same phases of the
/// machine. Before the first call of a round and after every call the reference runs too: where one of its
/// two neighbours was slower than `tolerance` times the best seen in this process (in this call, where clock
/// or reference are given), the call is disturbed and repeated. Returns one Timing a subject. When
/// interrupted becomes true it returns what it has. Throws internal Error on impossible options; what a
/// subject throws passes through. May be called from several threads, which then wait for each other.
std::vector<Timing> measure_all(const std::vector<std::function<void()>>& subjects,
                                const TimingOptions& options = {}, const Interrupted& interrupted = {});

/// The same for one subject.
Timing measure(const std::function<void()>& subject, const TimingOptions& options = {},
               const Interrupted& interrupted = {});

}  // namespace hone::cost
