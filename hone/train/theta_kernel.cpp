#include "hone/train/theta_kernel.h"

#include <cmath>

#include "hone/train/kernel_math.h"

// Standard C++ mode keeps multiply and add apart; here they may fuse, which is also more exact.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

namespace hone::train {
namespace {

// Sums go over a fixed number of lanes, in an order that no instruction set or alignment changes.
constexpr std::int64_t kLanes = 32;

HONE_INLINE float theta_sum_lanes(const float* lanes) {
  float total = 0.0f;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) total += lanes[lane];
  return total;
}

/// ||row||^2 where float holds it.
HONE_INLINE float theta_squares(const float* row, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += row[j + lane] * row[j + lane];
  for (std::int64_t lane = 0; j < n; ++j, ++lane) lanes[lane] += row[j] * row[j];
  return theta_sum_lanes(lanes);
}

/// tau / ||row|| in double, for rows whose squares leave float's range.
float theta_scale_exactly(const float* row, std::int64_t n, float tau) {
  double squares = 0.0;
  for (std::int64_t j = 0; j < n; ++j) squares += static_cast<double>(row[j]) * row[j];
  // A row so short that its scale is beyond float counts as one of norm zero (NaN passes on).
  if (squares < 1e-70) return 0.0f;
  return static_cast<float>(tau / std::sqrt(squares));
}

}  // namespace

HONE_CLONES void theta_forward(const float* scores, std::int64_t rows, std::int64_t n, float tau,
                               float* output, float* scale) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* a = scores + i * n;
    float* y = output + i * n;
    const float squares = theta_squares(a, n);
    const bool ordinary = squares > 1e-30f && squares < 1e37f;
    const float s = ordinary ? tau / __builtin_sqrtf(squares) : theta_scale_exactly(a, n, tau);
    if (scale != nullptr) scale[i] = s;
      // `output` may be `scores`, but never an array that overlaps it shifted.
#pragma GCC ivdep
    for (std::int64_t j = 0; j < n; ++j) {
      const float u = a[j] * s;
      y[j] = u * normal_cdf(u, exp_of_negative(-0.5f * u * u));
    }
  }
}

HONE_CLONES void theta_backward(const float* scores, const float* scale, std::int64_t rows, std::int64_t n,
                                float tau, float* gradient) {
  constexpr float kInverseRootTwoPi = 0.3989422804014327f;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* a = scores + i * n;
    float* g = gradient + i * n;
    const float s = scale[i];
    for (std::int64_t j = 0; j < n; ++j) {
      const float u = a[j] * s;
      const float gauss = exp_of_negative(-0.5f * u * u);
      g[j] *= normal_cdf(u, gauss) + u * gauss * kInverseRootTwoPi;
    }
    // In terms of U = s A, of squared length tau^2, no intermediate leaves float's range:
    // dA = s (dU - U (sum_j dU_j U_j) / tau^2).
    float lanes[kLanes] = {};
    std::int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes)
      for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += g[j + lane] * (a[j + lane] * s);
    for (std::int64_t lane = 0; j < n; ++j, ++lane) lanes[lane] += g[j] * (a[j] * s);
    const float radial = theta_sum_lanes(lanes) / (tau * tau);
    for (j = 0; j < n; ++j) g[j] = s * (g[j] - a[j] * s * radial);
  }
}

}  // namespace hone::train

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
