#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/study/study.h"

namespace hone::identity {

/// An interval that holds the true proportion with at least 95% probability, from `hits` of `n` draws:
/// Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial",
/// 1934. Exact, hence rather too wide. {0, 1} where n is 0.
std::pair<double, double> clopper_pearson(std::int64_t hits, std::int64_t n);

/// How often equal functional keys gave different results: what only evaluating all of them can tell (policy
/// `count`). Every trial that was evaluated itself is compared with the first one of its key, at the highest
/// fidelity at which both have a result, in the objectives that say how good a candidate is (costs belong to
/// how it is built). A plain value.
struct Collisions {
  std::int64_t pairs = 0;      ///< comparisons
  std::int64_t different = 0;  ///< of those: a measure differs at all
  /// Of those: by more than noise explains. Where the study has replicates that is three standard deviations
  /// of the difference of two evaluations, pooled over all replicates of the measure; where it has none,
  /// every difference counts, since evaluations of one seed are taken to be deterministic.
  std::int64_t collisions = 0;
  double low = 0.0, high = 1.0;  ///< of the proportion of collisions, see clopper_pearson
  struct Measure {
    std::string name;
    double noise = 0.0;    ///< standard deviation of a single evaluation; 0: no replicates
    double largest = 0.0;  ///< difference of a pair
    bool operator==(const Measure&) const = default;
  };
  std::vector<Measure> measures;
  std::vector<std::pair<std::int64_t, std::int64_t>> examples;  ///< colliding trials, the first ones
  double evaluation_s = 0.0;  ///< what the later one of each pair took: reuse would have saved it

  double rate() const {
    return pairs > 0 ? static_cast<double>(collisions) / static_cast<double>(pairs) : 0.0;
  }
  bool operator==(const Collisions&) const = default;
};

/// Of a whole study; walks all its trials.
Collisions collisions(const study::Study& study);

}  // namespace hone::identity
