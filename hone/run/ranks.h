#pragma once

#include <vector>

namespace hone::run {

/// How contenders compare over several problems (Demsar, "Statistical Comparisons of Classifiers over
/// Multiple Data Sets", 2006).
struct RankTest {
  std::vector<double> mean_ranks;  ///< by contender
  double chi_square = 0.0;         ///< Friedman's statistic, k - 1 degrees of freedom
  double p = 1.0;                  ///< probability of a larger one where all are alike
  /// Two mean ranks further apart than this differ at the 5% level (Nemenyi's test).
  double critical_difference = 0.0;
  /// Groups of contenders, best first, within which no two differ; only maximal ones of two or more.
  std::vector<std::vector<std::size_t>> alike;
};

/// `values`: by problem, then contender; less is better. Every row must be of the same size, at least 2; at
/// least one row. Throws Error otherwise.
RankTest rank_test(const std::vector<std::vector<double>>& values);

/// The two-sided critical value of Nemenyi's test for k contenders at level `alpha`: the quantile of the
/// studentised range with infinite degrees of freedom, by the square root of two. k = 2: 1.960, k = 10: 3.164
/// at 5%. k from 2 to 1,000.
double nemenyi_quantile(std::size_t k, double alpha = 0.05);

/// Probability that a chi-square variable with `degrees` degrees of freedom exceeds x.
double chi_square_tail(double x, double degrees);

}  // namespace hone::run
