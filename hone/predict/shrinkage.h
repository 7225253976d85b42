#pragma once

#include <cstdint>
#include <vector>

namespace hone::predict {

/// What was evaluated several times.
struct Repeated {
  double mean = 0.0;     ///< less is better
  double squares = 0.0;  ///< sum of squared deviations from the mean
  std::int64_t n = 1;    ///< evaluations
};

/// The posterior mean of each: of many means the best is else one of the luckiest, with a single evaluation
/// behind it. So they are drawn towards their median, as Efron and Morris do ("Stein's Estimation Rule and
/// Its Competitors - An Empirical Bayes Approach", 1973), by what evaluations of one thing spread and what
/// the means do, both in the better half (the worse has a long tail and a noise of its own, which tell
/// nothing of the best). Where repeats agree nothing moves.
std::vector<double> posterior_means(const std::vector<Repeated>& all);

}  // namespace hone::predict
