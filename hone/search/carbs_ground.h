#pragma once

#include <vector>

#include "hone/predict/gaussian_process.h"
#include "hone/search/moves.h"

namespace hone::search {

/// The space as CARBS moves through it: "basic" coordinates, in which a radius means the same for all
/// parameters. A number on a log scale: its decimal logarithm. Any other: its position times 3, so that
/// CARBS's radius of 0.3 is a tenth of the range (CARBS asks the user for that scale, and has a logit too).
/// Categories, which CARBS does not have: another one counts as one radius away. Immutable after
/// construction.
class CarbsGround {
 public:
  explicit CarbsGround(const space::Space& space);

  const Moves& moves() const { return moves_; }
  std::vector<predict::Input> inputs() const;
  /// A filled point for a Gaussian process: basic coordinates by free parameter as shares of their range,
  /// categories, NaN where inactive.
  predict::GaussianProcess::Row row(const space::Point& point) const;
  /// A Gaussian step of every number, drawn again where it leaves the range; a category changes with
  /// probability 1 / (1 + number of categories). Entries of grids are rounded.
  space::Point step(const space::Point& origin, double radius, Rng& rng) const;
  /// Squared distance in radii, over the parameters active in `a`.
  double squared_distance(const predict::GaussianProcess::Row& a, const predict::GaussianProcess::Row& b,
                          double radius) const;

 private:
  Moves moves_;
  std::vector<double> spans_;  // of the range, in basic units; by parameter
  std::size_t n_categorical_ = 0;
};

}  // namespace hone::search
