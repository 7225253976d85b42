#include "hone/predict/gp_algebra.h"

#include <Eigen/Cholesky>
#include <cmath>

namespace hone::predict::algebra {
namespace {

using Eigen::Index;
using Block = Eigen::Ref<RowMajor, 0, Eigen::OuterStride<>>;

constexpr Index kBlock = 48;

void invert(Block matrix) {
  const Index n = matrix.rows();
  if (n <= kBlock) {
    for (Index i = 0; i < n; ++i) {
      const double inverse = 1.0 / matrix(i, i);
      // Row i of the inverse from the rows above, which are inverted already.
      if (i > 0) {
        const Eigen::RowVectorXd row =
            matrix.row(i).head(i) * matrix.topLeftCorner(i, i).triangularView<Eigen::Lower>();
        matrix.row(i).head(i) = -inverse * row;
      }
      matrix(i, i) = inverse;
    }
    return;
  }
  const Index half = n / 2, rest = n - half;
  invert(matrix.topLeftCorner(half, half));
  invert(matrix.bottomRightCorner(rest, rest));
  auto below = matrix.bottomLeftCorner(rest, half);
  const RowMajor right = below * matrix.topLeftCorner(half, half).triangularView<Eigen::Lower>();
  below.noalias() = matrix.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>() * (-right);
}

void gram(Block matrix) {
  const Index n = matrix.rows();
  if (n <= kBlock) {
    const RowMajor lower = matrix.triangularView<Eigen::Lower>();
    matrix.triangularView<Eigen::Lower>() = lower.transpose() * lower;
    return;
  }
  const Index half = n / 2, rest = n - half;
  auto below = matrix.bottomLeftCorner(rest, half);
  gram(matrix.topLeftCorner(half, half));
  matrix.topLeftCorner(half, half).triangularView<Eigen::Lower>() += below.transpose() * below;
  const RowMajor product =
      matrix.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>().transpose() * below;
  below = product;
  gram(matrix.bottomRightCorner(rest, rest));
}

}  // namespace

bool cholesky(RowMajor& matrix) {
  Eigen::LLT<Eigen::Ref<RowMajor>, Eigen::Lower> factor(matrix);
  return factor.info() == Eigen::Success && std::isfinite(matrix.diagonal().sum());
}

void invert_lower(RowMajor& matrix) { invert(matrix); }

void gram_of_lower(RowMajor& matrix) { gram(matrix); }

}  // namespace hone::predict::algebra
