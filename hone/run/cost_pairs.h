#pragma once

#include <string>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// Two costs of the same trials, one known before the other was measured.
struct CostPair {
  std::string predicted;
  std::string measured;
  bool same_quantity = false;  ///< a prediction of the measured number itself, not just something related
  std::int64_t trials = 0;
  double rank = 0.0;  ///< Spearman's rank correlation
  double off = 0.0;   ///< same_quantity: the median of |predicted / measured - 1|
};

/// Every pair that the study's trials have: what follows from the design alone (parameters, operations)
/// against what a clock or the memory's meter said, and measures that were both predicted (under the name
/// "X_predicted", or before training with another value than afterwards) and measured. Pairs that fewer than
/// 5 trials have, or in which one side never varies, are left out.
std::vector<CostPair> cost_pairs(const study::Study& study, const StudyFile& file);

/// What the trial has under a name: its last result, completed by what was known before; the name "X
/// (before)" is X as it was before training. NaN where it lacks it.
double cost_of(const study::Trial& trial, const std::string& name);

}  // namespace hone::run
