#include "hone/train/adamw_kernel.h"

#include <algorithm>
#include <cmath>

#include "hone/train/kernel_math.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast", "no-math-errno")
#endif

namespace hone::train {
namespace {

constexpr std::int64_t kSquareLanes = 32;
constexpr std::int64_t kSquareBlock = 4096;

HONE_INLINE float block_squares(const float* x, std::int64_t n) {
  float lanes[kSquareLanes] = {};
  std::int64_t i = 0;
  for (; i + kSquareLanes <= n; i += kSquareLanes)
    for (std::int64_t lane = 0; lane < kSquareLanes; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
  for (std::int64_t lane = 0; i < n; ++i, ++lane) lanes[lane] += x[i] * x[i];
  float total = 0.0f;
  for (std::int64_t lane = 0; lane < kSquareLanes; ++lane) total += lanes[lane];
  return total;
}

}  // namespace

HONE_CLONES double sum_of_squares(const float* x, std::int64_t n) {
  double total = 0.0;
  for (std::int64_t begin = 0; begin < n; begin += kSquareBlock) {
    const std::int64_t size = std::min(kSquareBlock, n - begin);
    const float quick = block_squares(x + begin, size);
    if (quick > 1e-30f && quick < 1e37f) {
      total += quick;
      continue;
    }
    // Squares that leave float's range, or values that are not finite.
    for (std::int64_t i = begin; i < begin + size; ++i) total += static_cast<double>(x[i]) * x[i];
  }
  return total;
}

HONE_CLONES void adamw_update(float* __restrict weight, float* __restrict m, float* __restrict v,
                              const float* __restrict gradient, std::int64_t n, const AdamwStep& step) {
  const auto power = static_cast<double>(step.step);
  const auto beta1 = static_cast<float>(step.beta1);
  const auto beta2 = static_cast<float>(step.beta2);
  const auto fresh1 = static_cast<float>(1.0 - step.beta1);
  const auto fresh2 = static_cast<float>(1.0 - step.beta2);
  const auto kept = static_cast<float>(1.0 - step.rate * step.decay);
  const auto stride = static_cast<float>(step.rate / (1.0 - std::pow(step.beta1, power)));
  const auto root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(step.beta2, power)));
  const auto epsilon = static_cast<float>(step.epsilon);
  const auto scale = static_cast<float>(step.gradient_scale);
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * scale;
    const float new_m = beta1 * m[i] + fresh1 * g;
    const float new_v = beta2 * v[i] + fresh2 * (g * g);
    m[i] = new_m;
    v[i] = new_v;
    weight[i] = kept * weight[i] - stride * new_m / (__builtin_sqrtf(new_v) * root_correction + epsilon);
  }
}

}  // namespace hone::train

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
