#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hone/cost/designs.h"
#include "hone/predict/forest.h"

namespace hone::cost {

struct LatencyModelOptions {
  /// Residuals count relative to the latency rather than as they are: what a relative error asks for.
  bool relative = false;
  std::size_t trees = 40;
  std::size_t min_leaf = 12;       ///< measurements in a leaf of a tree
  std::size_t forest_from = 100;   ///< fewer measurements: no forest
  std::size_t forest_rows = 4000;  ///< trees are grown on so many measurements at most, evenly spread
  std::uint64_t seed = 0;
};

/// The latency of designs on one device that has been measured often: a line over the amounts of work of the
/// view that fits best, by iteratively reweighted least squares with Huber's weights (Huber, "Robust
/// Estimation of a Location Parameter", 1964), and a random forest over the details on what the line leaves,
/// where that explains anything of measurements that it has not seen. A plain value; predictions are thread
/// safe.
class LatencyModel {
 public:
  /// Measurements of the designs `at`, as many as `latency`; what is NaN, infinite or negative is left out.
  /// Throws Error (internal) where nothing is left or a design is not there.
  LatencyModel(const Designs& designs, const std::vector<std::size_t>& at, const std::vector<double>& latency,
               const LatencyModelOptions& options = {});

  /// In the measurements' unit.
  double predict(const Designs& designs, std::size_t design) const;
  /// All of them.
  Eigen::VectorXd predict_all(const Designs& designs) const;

  std::size_t view() const { return view_; }                             ///< that fits best
  const Eigen::VectorXd& coefficients() const { return coefficients_; }  ///< a unit of each kind of work
  double intercept() const { return intercept_; }
  bool has_forest() const { return forest_.has_value(); }
  double residual() const { return residual_; }  ///< root mean square of what the line leaves

 private:
  double line(const Designs& designs, std::size_t design) const;
  /// What a residual is measured in.
  double unit(double level) const;
  predict::Row details(const Designs& designs, std::size_t design) const;

  LatencyModelOptions options_;
  std::size_t view_ = 0;
  Eigen::VectorXd coefficients_;
  double intercept_ = 0.0;
  double residual_ = 0.0;
  double floor_ = 0.0;  // of a level, where residuals are relative
  Eigen::VectorXd detail_low_, detail_width_;
  std::optional<predict::Forest> forest_;
};

/// Least squares with a tiny ridge on standardised columns, weighted by `weights` and by Huber's weights of
/// the residuals: intercept first, then a coefficient a column. Columns that do not vary get 0.
Eigen::VectorXd robust_line(const Eigen::MatrixXd& columns, const Eigen::VectorXd& targets,
                            const Eigen::VectorXd& weights, int iterations = 12);

}  // namespace hone::cost
