#pragma once

#include <cstdint>
#include <vector>

namespace hone::predict {

/// The middle value, the mean of the two middle ones of an even number; NaN of none.
double median(std::vector<double> values);
/// The middle value, the upper of the two middle ones of an even number; at least one value.
double upper_median(std::vector<double> values);
/// The quantile of a sample by linear interpolation between order statistics (Hyndman and Fan, "Sample
/// Quantiles in Statistical Packages", 1996, type 7). NaN for an empty sample.
double quantile(std::vector<double> sample, double at);

/// Ranks from 1, the least value first; equal values share the mean of their ranks. NaN and infinity come
/// last, together.
std::vector<double> ranks_of(const std::vector<double>& values);

/// Spearman's rank correlation, ties sharing their mean rank; NaN where a side is constant or under 2 values.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// How near predictions came.
struct Accuracy {
  std::int64_t samples = 0;
  double mape = 0.0;      ///< mean of |predicted - measured| / |measured| over measured values that are not 0
  double spearman = 0.0;  ///< rank_correlation()
  double r2 = 0.0;        ///< 1 - residual / total sum of squares; NaN where measured values do not vary
};

/// Both of one length, finite. NaN in every field where there is nothing to compare.
Accuracy accuracy(const std::vector<double>& predicted, const std::vector<double>& measured);

/// The median of |predicted / measured - 1| over measured values that are not 0, which a few that are far off
/// do not rule; NaN where there are none.
double median_error(const std::vector<double>& predicted, const std::vector<double>& measured);

}  // namespace hone::predict
