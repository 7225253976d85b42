#include "hone/predict/ridge.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "hone/base/error.h"

namespace hone::predict {

Ridge Ridge::fit(std::span<const double> rows, std::size_t columns, std::span<const double> targets,
                 double penalty) {
  if (targets.empty() || rows.size() != targets.size() * columns)
    throw Error("a regression wants as many rows as targets, and one at least");
  const auto n = static_cast<Eigen::Index>(targets.size()), d = static_cast<Eigen::Index>(columns);
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> x(rows.data(), n, d);
  const Eigen::Map<const Eigen::VectorXd> y(targets.data(), n);
  const Eigen::RowVectorXd mean = x.colwise().mean();
  const double middle = y.mean();
  Eigen::MatrixXd centred = x.rowwise() - mean;
  Eigen::RowVectorXd deviation = (centred.colwise().squaredNorm() / static_cast<double>(n)).cwiseSqrt();
  for (Eigen::Index i = 0; i < d; ++i) deviation[i] = deviation[i] > 1e-12 ? deviation[i] : 1.0;
  centred = centred.array().rowwise() / deviation.array();
  Eigen::MatrixXd gram = centred.transpose() * centred;
  gram.diagonal().array() += penalty;
  const Eigen::VectorXd right = centred.transpose() * (y.array() - middle).matrix();
  const Eigen::VectorXd scaled = gram.ldlt().solve(right);
  std::vector<double> weights(columns);
  double constant = middle;
  for (Eigen::Index i = 0; i < d; ++i) {
    weights[static_cast<std::size_t>(i)] = scaled[i] / deviation[i];
    constant -= mean[i] * weights[static_cast<std::size_t>(i)];
  }
  return Ridge(std::move(weights), constant);
}

}  // namespace hone::predict
