#pragma once

#include <Eigen/Core>

/// Dense algebra on lower triangles that Eigen has no direct call for, or not a lean one.
namespace hone::predict::algebra {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The lower Cholesky factor in place (what is above the diagonal is untouched). False where the matrix is
/// not positive definite; its content is then lost.
bool cholesky(RowMajor& matrix);
/// Inverts a lower triangular matrix in place: n^3 / 6 multiplications.
void invert_lower(RowMajor& matrix);
/// transpose(lower) * lower in place, of which the lower triangle is given: n^3 / 6 multiplications.
void gram_of_lower(RowMajor& matrix);

}  // namespace hone::predict::algebra
