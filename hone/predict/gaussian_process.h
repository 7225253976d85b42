#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "hone/base/rng.h"

namespace hone::predict {

/// What a column of a Gaussian process's inputs holds.
struct Input {
  std::size_t categories = 0;  ///< 0: a number in [0, 1]; else a category's index, 0 to categories - 1
  bool optional = false;       ///< may be NaN: inactive. Inactive entries equal each other and nothing else.
};

struct GpOptions {
  double noise_floor = 1e-6;  ///< smallest variance of the noise, in units of the targets' variance
  /// Prior of the noise's variance: log-normal.
  double noise_log_mean = -4.0, noise_log_deviation = 1.0;
  /// Whether rows have one entry more at their end: the resource, in (0, 1], of a learning curve.
  bool curve = false;
  /// Whether numbers are warped before distances are taken, each by a curve of its own that is fitted along.
  bool warp = false;
};

/// Hyperparameters, all as natural logarithms.
struct Hyperparameters {
  Eigen::VectorXd length;                           ///< one an input: lengthscales
  double noise = 0.0;                               ///< variance of the noise
  double scale = 0.0;                               ///< variance of the process
  Eigen::Vector3d curve = Eigen::Vector3d::Zero();  ///< weight, alpha and beta of the learning curve's kernel
  Eigen::VectorXd warp;  ///< two a number, in the inputs' order: the curve's a and b; 0 and 0 are no warping
};

/// Gaussian-process regression (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006).
///
/// Kernel: scale * Matern-5/2(numbers) * exp(-sum over categories that differ of 1 / length), each input with
/// its own lengthscale: the product form of CoCaBO (Ru et al., "Bayesian Optimisation over Multiple
/// Continuous and Categorical Inputs", 2020) with the Hamming kernel of BoTorch's CategoricalKernel. An
/// inactive number lies at 0.5 and half a unit aside, along an axis of its own. So an inactive one equals
/// only inactive ones, as in the kernels of Hutter and Osborne ("A Kernel for Hierarchical Parameter Spaces",
/// 2013) and Swersky et al. ("Raiders of the Lost Architecture: Kernels for Bayesian Optimization in
/// Conditional Parameter Spaces", 2014), and the kernel stays positive definite as theirs does, because it is
/// taken in a Euclidean embedding; theirs bends an active number into an arc, here it stays straight. An
/// inactive category is a category more. With a learning curve the kernel is multiplied by 1 + weight *
/// kappa(r, r'), kappa = (beta / (r + r' + beta))^alpha: an asymptote and an exponentially decaying part,
/// both smooth over configs (Swersky et al., "Freeze-Thaw Bayesian Optimization", 2014).
///
/// With warping an active number x lies at 1 - (1 - x^a)^b, so that a function that varies quickly at one end
/// and slowly at the other looks stationary (Snoek et al., "Input Warping for Bayesian Optimization of
/// Non-Stationary Functions", 2014, with Kumaraswamy's distribution function in place of the beta's, as in
/// Cowen-Rivers et al., "HEBO: Pushing The Limits of Sample-Efficient Hyperparameter Optimisation", 2022);
/// log a and log b are normal(0, sqrt 3/4), BoTorch's prior.
///
/// The mean is constant, with a standard normal prior, and is integrated into the fit in closed form (its
/// posterior mode). Priors expect targets of about mean 0 and variance 1: lengthscales log-normal(sqrt 2 +
/// log(d) / 2, sqrt 3) (Hvarfner et al., "Vanilla Bayesian Optimization Performs Great in High Dimensions",
/// 2024), for categories, whose distance is not squared, log-normal(2 + log d, sqrt 3); noise log-normal(-4,
/// 1) (BoTorch), unless GpOptions says another; scale log-normal(0, 1/2).
///
/// Exact, O(n^3) to fit and O(n^2) to add a row, to predict a variance or its gradient. Not thread safe.
class GaussianProcess {
 public:
  using Row = std::vector<double>;
  struct Prediction {
    double mean = 0.0;
    double variance = 0.0;              ///< of the function, without the noise; never negative
    Eigen::VectorXd mean_gradient;      ///< by entry of the row; 0 for categories and inactive entries
    Eigen::VectorXd variance_gradient;  ///< likewise
  };

  explicit GaussianProcess(std::vector<Input> inputs, const GpOptions& options = {});

  std::size_t size() const { return static_cast<std::size_t>(n_); }
  const std::vector<Input>& inputs() const { return inputs_; }
  const Hyperparameters& hyperparameters() const { return theta_; }
  /// What a process has before fit(): the prior's mode, the noise no less than the default prior's.
  Hyperparameters prior_mode() const;

  /// Takes all rows out.
  void clear();
  /// Replaces the hyperparameters and factors anew: O(n^3).
  void set_hyperparameters(const Hyperparameters& theta);
  /// Adds a row: O(n^2). Its value here is the same, to rounding, as in a factoring of all rows at once.
  /// `noise_share`: of the noise's variance, how much the target has; 0 is a value that is known exactly.
  void append(const Row& row, double target, double noise_share = 1.0);
  /// Takes back the last rows until `size` are left. O(n^2) (the weights).
  void truncate(std::size_t size);
  /// New targets for the present rows: O(n^2).
  void set_targets(const std::vector<double>& targets);
  /// Replaces everything but the hyperparameters: O(n^3).
  void set(const std::vector<Row>& rows, const std::vector<double>& targets);
  /// Maximises the posterior of the hyperparameters, from the present ones on, by L-BFGS with analytic
  /// gradients; then factors anew. Returns the log posterior density (to a constant).
  double fit(int iterations);

  double mean() const { return mean_; }  ///< the constant mean
  double log_likelihood() const;         ///< log marginal likelihood of the targets at the present mean
  Prediction predict(const Row& row, bool gradient = false) const;
  /// Means and variances of many rows; quicker than one by one.
  void predict(const std::vector<Row>& rows, Eigen::VectorXd& means, Eigen::VectorXd& variances) const;
  /// The means at the stored rows: the targets without their noise. O(n).
  Eigen::VectorXd fitted() const;
  /// Means only: O(n) a row.
  Eigen::VectorXd predict_means(const std::vector<Row>& rows) const;
  /// `count` draws of the function's values at `rows` together: one column a draw.
  Eigen::MatrixXd sample(const std::vector<Row>& rows, std::size_t count, Rng& rng) const;
  /// For every row, what the others predict of its target (with noise): leave-one-out, Rasmussen and
  /// Williams, equations 5.10 to 5.12.
  void leave_one_out(Eigen::VectorXd& means, Eigen::VectorXd& variances) const;

  /// The negative log posterior of packed hyperparameters (pack) and its gradient, on the present rows.
  double objective(const Eigen::VectorXd& packed, Eigen::VectorXd* gradient) const;
  Eigen::VectorXd pack(const Hyperparameters& theta) const;
  Hyperparameters unpack(const Eigen::VectorXd& packed) const;
  /// What packed hyperparameters are drawn from before anything is known: independent normals, cut off at the
  /// bounds. Of lengthscales of numbers, noise and the like it lies around the mode that fit() pulls towards
  /// (log-normals taken whole let numbers look too smooth to begin with); of categories it is the log-normal.
  struct Sampling {
    Eigen::VectorXd mean, deviation, low, high;
  };
  Sampling sampling() const;
  /// The log likelihood of the targets at packed hyperparameters, to a constant; -infinity where the kernel
  /// matrix cannot be factored. O(n^3).
  double log_likelihood_at(const Eigen::VectorXd& packed) const;

 private:
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  /// A row in the space in which distances are taken.
  struct Embedded {
    Eigen::VectorXd numbers;     // numbers, then indicators of the optional ones
    Eigen::VectorXd categories;  // indices
    double resource = 1.0;
  };
  /// Weights of the distances, from hyperparameters.
  struct Weights {
    Eigen::VectorXd numbers;     // 1 / length^2
    Eigen::VectorXd categories;  // 1 / length
    double scale = 1.0;
    Eigen::Vector3d curve = Eigen::Vector3d::Zero();
  };

  Embedded embedded(const Row& row) const;
  /// Puts the stored numbers where the present warping has them.
  void warp_stored(const Eigen::VectorXd& warp, Eigen::MatrixXd& numbers) const;
  bool is_warped(Eigen::Index column) const { return options_.warp && column < plain_; }
  void store(const Row& row);
  Weights weights(const Hyperparameters& theta) const;
  /// The kernel between `row` and the first `count` stored rows, and where `slope` is given what a squared
  /// distance takes off it: dk = -slope / 2 * d(distance^2).
  void kernel(const Weights& weights, const Embedded& row, Eigen::Index count, double* k,
              double* slope) const {
    kernel(weights, numbers_, row, count, k, slope);
  }
  void kernel(const Weights& weights, const Eigen::MatrixXd& numbers, const Embedded& row, Eigen::Index count,
              double* k, double* slope) const;
  double kernel_at_zero(const Weights& weights, double resource) const;
  void factor();
  void solve();
  Eigen::Index parameters() const;

  std::vector<Input> inputs_;
  GpOptions options_;
  std::vector<std::size_t> number_inputs_, category_inputs_;  // by column of the embedding
  Eigen::Index plain_ = 0;                                    // numbers that are no indicators

  Hyperparameters theta_;
  Weights weights_;
  Eigen::Index n_ = 0;
  Eigen::MatrixXd numbers_;        // by row and column; capacity may be more than n_
  Eigen::MatrixXd plain_numbers_;  // likewise, as they were given, NaN where inactive; only where warped
  Eigen::MatrixXd categories_;     // likewise
  Eigen::VectorXd resources_;
  Eigen::VectorXd targets_;
  RowMajor inverse_;  // of the kernel matrix's Cholesky factor, lower; capacity may be more than n_
  Eigen::VectorXd alpha_;
  double mean_ = 0.0;
};

}  // namespace hone::predict
