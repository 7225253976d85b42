#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "hone/predict/output_transform.h"
#include "hone/predict/process_mixture.h"
#include "hone/search/moves.h"

namespace hone::search {

/// The rows of a Gaussian process for the points of a space: one input a free parameter (Moves::free),
/// numbers as in a Point, categories by index, NaN where inactive.
class Coding {
 public:
  explicit Coding(const Moves& moves);

  const std::vector<predict::Input>& inputs() const { return inputs_; }
  /// `point` may be filled or not.
  std::vector<double> row(const space::Point& point) const;
  /// A filled point with NaN where it is inactive.
  space::Point active(const space::Point& point) const;
  /// Puts the entries of a row's gradient where a point has them.
  void spread(const Eigen::VectorXd& of_row, Eigen::VectorXd& of_point) const;

 private:
  const Moves* moves_;
  std::vector<predict::Input> inputs_;
};

struct SurrogateOptions {
  predict::OutputTransform::Kind transform = predict::OutputTransform::Kind::power;
  std::size_t max_observations = 1000;
  bool curve = false;  ///< rows end with a resource
  bool warp = false;   ///< numbers are warped
  double noise_floor = 1e-6;
  /// Expects next to no noise, though any may be found.
  bool quiet = false;
  /// Up to so many observations the process is a mixture over draws of its hyperparameters.
  std::size_t mixed_until = 0;
  std::uint64_t seed = 1;  ///< of those draws
};

/// A Gaussian process that grows with a study and is a function of what it was told alone, whenever it is
/// asked. Hyperparameters belong to epochs: they are fitted to the observations as they were when their
/// number reached a mark (every one up to 32, then one for each 1/8 more), starting from the prior's mode;
/// what came later is appended, with the same hyperparameters. Fits are made when they are needed, so a
/// study that is only read pays for none.
///
/// Fits of more than 256 rows begin with 256 of them. Beyond max_observations an epoch keeps so many: the
/// best half, and of the others, in the order they came, evenly spread ones (HEBO and TuRBO keep all or only
/// the near ones). Values are transformed (OutputTransform) by what the model holds now.
class Surrogate {
 public:
  Surrogate(std::vector<predict::Input> inputs, const SurrogateOptions& options);

  /// A finite value for an observation; one with a known key gets the new value.
  void observe(std::int64_t key, std::vector<double> row, double value);
  void forget(std::int64_t key);
  std::size_t size() const { return observations_.size(); }
  bool holds(std::int64_t key) const { return index_.contains(key); }
  double value(std::int64_t key) const { return at(key).value; }
  double upper_quartile() const;  ///< of the values; at least one

  /// Brings the model up to date; what is below is of it. At least one observation.
  void refresh();
  const predict::ProcessMixture& process() const { return process_; }
  double transformed(double value) const { return transform_(value); }
  /// One unit of a value where the transform is linear (standard), in the model's units.
  double unit() const { return transform_(1.0) - transform_(0.0); }
  /// The observations in the model, by row: their keys and posterior means.
  const std::vector<std::int64_t>& keys() const { return keys_; }
  const Eigen::VectorXd& fitted() const { return fitted_; }
  /// Adds rows whose value is what the model expects of them: the kriging believer (Ginsbourger et al.,
  /// "Kriging Is Well-Suited to Parallelize Optimization", 2010), and without noise, so that nothing more is
  /// to be learnt there. Until forget_imagined() or refresh().
  /// Returns those values.
  std::vector<double> imagine(const std::vector<std::vector<double>>& rows);
  /// Adds rows with one value, as if it had been observed there. Likewise until forget_imagined() or
  /// refresh().
  void suppose(const std::vector<std::vector<double>>& rows, double value);
  void forget_imagined();

 private:
  struct Observation {
    std::int64_t key;
    std::vector<double> row;
    double value;
  };
  /// The observations when an epoch began.
  struct Epoch {
    std::vector<std::int64_t> keys;
    std::vector<double> values;
  };

  void begin_epoch();
  void fit_epoch();
  const Observation& at(std::int64_t key) const { return observations_[index_.at(key)]; }

  SurrogateOptions options_;
  std::vector<Observation> observations_;  // in the order they came
  std::unordered_map<std::int64_t, std::size_t> index_;
  Epoch epoch_;
  std::size_t next_epoch_ = 1;
  bool is_fitted_ = false;              // the process is of the present epoch
  std::vector<std::int64_t> appended_;  // observations since the epoch began
  std::vector<std::int64_t> keys_;
  predict::ProcessMixture process_;
  predict::OutputTransform transform_;
  Eigen::VectorXd fitted_;
};

}  // namespace hone::search
