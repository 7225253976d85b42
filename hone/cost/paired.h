#pragma once

#include <cstdint>
#include <functional>

#include "hone/cost/machine_lock.h"

namespace hone::cost {

/// What pairs of timed calls say of two subjects.
struct Paired {
  bool faster = false;   ///< the second is faster than the first for certain; see compare_pairs
  int pairs = 0;         ///< made
  int wins = 0;          ///< of these, in which the second was faster by more than `worthwhile` asks
  double ratio = 0.0;    ///< the first's time by the second's, median over the pairs; NaN where none was made
  double spread = 0.0;   ///< (q80 - q20) / q20 of that ratio over the pairs
  double first_s = 0.0;  ///< of a call, low quantile; NaN where no pair was made
  double second_s = 0.0;  ///< likewise
};

struct PairedOptions {
  double worthwhile = 0.98;     ///< the second must take less than so much of the first's time
  double error = 0.005;         ///< probability, at most, that a second which does not is called faster
  int first_pairs = 10;         ///< pairs before the first look at them; at each later look twice as many
  int looks = 5;                ///< at most; at each the error is a fifth, where there are five
  double max_seconds = 15.0;    ///< of calls, after which no more pairs are begun once there was one look
  double pause_seconds = 5e-4;  ///< between ten pairs, so that waiting training steps get in
  bool quiet = true;            ///< take the machine's lock
  std::uint64_t seed = 1;       ///< of the order within each pair
  std::function<double()> clock = {};  ///< for tests: seconds, monotonic; empty: hone::thread_s
};

/// Whether `second` takes less than `worthwhile` of the time of `first`, by a sign test over pairs of calls
/// next to each other in time. Subjects compute in the calling thread, and their time is what that took of a
/// processor: slices of time that other processes got in a call's midst are none of it. A coin says which of
/// a pair goes first: where the second would not take less at any moment of the machine, a pair shows it
/// faster with probability 1/2 at most, independently of all other pairs, however much neighbours disturb and
/// whatever the phases of the machine. So no assumption on the noise stands behind `error`: it is shared out
/// evenly among the looks, and at each as many pairs must agree as fair coins would with that probability.
/// Out of time, or interrupted, it looks once more at the pairs there are. It ends undecided (not faster)
/// after the last look, or early where as many pairs disagree. Throws internal Error on impossible options;
/// what a subject throws passes through.
Paired compare_pairs(const std::function<void()>& first, const std::function<void()>& second,
                     const PairedOptions& options = {}, const Interrupted& interrupted = {});

/// The probability of at least `heads` heads among `tosses` of a fair coin, up to 1000 of them.
double heads_probability(int heads, int tosses);

}  // namespace hone::cost
