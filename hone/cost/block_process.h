#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

namespace hone::cost {

/// A block of features that share one prior variance.
struct FeatureBlock {
  double variance = 1.0;  ///< before anything is seen, of what the block contributes to a standardised target
  double width = 1.0;     ///< standard deviation of the variance's logarithm
};

struct BlockProcessOptions {
  double noise = 0.03;       ///< variance of the noise, before anything is seen
  double noise_width = 1.0;  ///< standard deviation of its logarithm
  double degrees = 4.0;      ///< of freedom of the noise (Student's t); infinity: normal
  int rounds = 4;            ///< of reweighting
};

/// Bayesian linear regression with a variance a block of features (automatic relevance determination:
/// MacKay, "Bayesian Interpolation", 1992), whose variances and noise are those of highest posterior density
/// under log-normal priors, and whose noise is Student's t as a scale mixture, fitted by reweighting (Lange
/// et al., "Robust Statistical Modeling Using the t Distribution", 1989), so that a disturbed measurement
/// counts little. A constant with variance 1 is part of it. Targets are standardised within, by those that do
/// not lie far beyond the others (ten robust deviations from the median, of eight rows at least): these count
/// next to nothing from the start. For few rows, O(n^3).
class BlockProcess {
 public:
  /// `features`: rows x columns, `block` of every column. One row at least.
  BlockProcess(const Eigen::MatrixXd& features, const std::vector<int>& block,
               const std::vector<FeatureBlock>& blocks, const Eigen::VectorXd& targets,
               const BlockProcessOptions& options = {});

  double mean(const Eigen::VectorXd& features) const;
  /// Of the function, without noise; never negative.
  double variance(const Eigen::VectorXd& features) const;
  double noise_sd() const;  ///< in the targets' unit
  /// Log density of the targets under the fitted variances and these under their priors, to a constant that
  /// depends on the number of blocks alone.
  double log_evidence() const { return log_evidence_; }
  std::size_t set_aside() const { return set_aside_; }  ///< targets far beyond the others

 private:
  double centre_ = 0.0, scale_ = 1.0;
  double log_evidence_ = 0.0;
  double noise_ = 0.0;
  std::size_t set_aside_ = 0;
  Eigen::VectorXd column_variance_;
  Eigen::VectorXd coefficients_;
  double constant_ = 0.0;
  Eigen::MatrixXd features_;
  Eigen::MatrixXd inverse_;
  Eigen::VectorXd weights_;
};

}  // namespace hone::cost
