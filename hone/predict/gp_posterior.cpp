#include "hone/predict/gaussian_process.h"
#include "hone/predict/gp_algebra.h"

namespace hone::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd GaussianProcess::sample(const std::vector<Row>& rows, std::size_t count, Rng& rng) const {
  // The joint posterior: another process holds the rows, so that its kernel is at hand.
  const auto m = static_cast<Index>(rows.size());
  GaussianProcess at(inputs_, options_);
  at.theta_ = theta_;
  MatrixXd covariance(m, m), k(n_, m);
  VectorXd means(m);
  for (Index j = 0; j < m; ++j) {
    const Row& row = rows[static_cast<std::size_t>(j)];
    const Embedded it = embedded(row);
    kernel(weights_, it, n_, k.col(j).data(), nullptr);
    at.store(row);
    ++at.n_;
    at.kernel(weights_, it, j + 1, covariance.col(j).data(), nullptr);
    means[j] = mean_ + k.col(j).dot(alpha_);
  }
  const MatrixXd v = inverse_.topLeftCorner(n_, n_).triangularView<Eigen::Lower>() * k;
  covariance.triangularView<Eigen::Upper>() -= v.transpose() * v;
  RowMajor root = covariance.transpose();
  for (double extra = 1e-10;; extra *= 10.0) {
    RowMajor tried = root;
    tried.diagonal().array() += extra * weights_.scale;
    if (!algebra::cholesky(tried)) continue;
    root = std::move(tried);
    break;
  }
  MatrixXd draws(m, static_cast<Index>(count));
  for (Index j = 0; j < draws.cols(); ++j) {
    VectorXd normal(m);
    for (Index i = 0; i < m; ++i) normal[i] = rng.normal();
    draws.col(j) = means + root.triangularView<Eigen::Lower>() * normal;
  }
  return draws;
}

void GaussianProcess::leave_one_out(VectorXd& means, VectorXd& variances) const {
  VectorXd precision = VectorXd::Zero(n_);
  for (Index i = 0; i < n_; ++i) precision.head(i + 1) += inverse_.row(i).head(i + 1).cwiseAbs2().transpose();
  variances = precision.cwiseInverse();
  means = targets_.head(n_) - alpha_.cwiseProduct(variances);
}

}  // namespace hone::predict
