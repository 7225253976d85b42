#pragma once

#include <cstdint>
#include <string>

#include "hone/base/json.h"
#include "hone/study/journal.h"
#include "hone/study/trial.h"

namespace hone::study {

/// What a study has paid for its evaluations, kept as events come. A unit is one of the fidelity (a step, an
/// epoch). A trial that goes on from fidelity 3 to 9 pays 6; results that are reused (same_as) pay nothing.
///
/// An attempt pays for what its results reach beyond the trial's last result before; one that ended otherwise
/// says how far it got (EndRecord::reached), and one that was stopped or paused got to what it reported last.
/// Where nobody knows (it ended without saying or reporting, its worker died or vanished) it counts in full,
/// up to its target, as lost. One that is infeasible before training pays nothing. What an attempt that was
/// given back did is in its checkpoint, and counts when the next one goes on from there. O(1) a change,
/// O(measures) a result; a measure that few results of a trial have is looked for in those before.
///
/// What an attempt took by itself (EndRecord::took) counts as it is, also where it was given back, and its
/// results' values of that measure then only until it ends: they need not tell whether it began anew.
/// O(results of the trial) such a measure.
class Spending {
 public:
  /// Before a result is put into its trial. Of one at a fidelity where one stands, what that one lacks
  /// counts.
  void take(const Trial& trial, const Result& result);
  /// Before the end of an attempt is.
  void take(const Trial& trial, const EndRecord& end);
  /// A trial that runs: after it began to, or its results changed; and before either ends.
  void add_running(const Trial& trial) { running_ += remaining(trial); }
  void drop_running(const Trial& trial) { running_ -= remaining(trial); }

  std::int64_t units() const { return units_ + lost_; }  ///< paid, the lost ones included
  std::int64_t lost() const { return lost_; }        ///< of attempts of which nobody knows how far they got
  std::int64_t running() const { return running_; }  ///< that running attempts have yet to pay
  /// Sum over all trials of a measure's value in the last result (it tells what the trial cost so far, as the
  /// measures of `cost` do), with what units of which nobody told it (lost ones, a failure that only says how
  /// far it got) cost at the mean price of the others. A value below 0 or not finite tells nothing.
  double total(const std::string& measure) const;
  /// What so many units cost at the mean price so far; 0 where there is none yet.
  double expected(const std::string& measure, std::int64_t units) const;

  Json json() const;
  static Spending from_json(const Json& json);  ///< throws Json::exception

 private:
  static std::int64_t remaining(const Trial& trial);
  void add(const Trial& trial, const std::string& measure, double now, std::int64_t fidelity);
  void settle(const Trial& trial, const std::string& measure, double took, std::int64_t to);
  double price(const std::string& measure) const;  ///< of a unit, on average; 0: nothing was told

  std::int64_t units_ = 0, lost_ = 0, running_ = 0;
  Measures sums_;
  Measures aside_;  ///< of parts that were broken off before they told a unit
  Measures told_;   ///< by measure: the units whose cost is in sums_
};

}  // namespace hone::study
