#include "hone/train/normal_kernel.h"

#include <algorithm>
#include <bit>
#include <numbers>

#include "hone/train/kernel_math.h"

// Without errno a square root is one instruction. Multiply and add must stay apart: a fused one rounds
// otherwise, and only some machines have it.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-math-errno", "fp-contract=off")
#endif

namespace hone::train {
namespace {

constexpr std::int64_t kNormalPairs = 256;  // a block; its uniforms stay in the first cache

/// -log(v) for v in [2^-53, 1], error below 1e-12: v = m 2^e with m in [0.70, 1.42), log m = 2 artanh(s).
HONE_INLINE double negative_log(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  // What lacks between sqrt(2)'s fraction and the next exponent: from sqrt(2) on it carries.
  const std::uint64_t carried = bits + 0x95f619980c433ull;
  const std::uint64_t exponent = carried >> 52;
  const double m = std::bit_cast<double>(bits - (exponent << 52) + (std::uint64_t{1023} << 52));
  const double e = std::bit_cast<double>(exponent | 0x4330000000000000ull) - (0x1p52 + 1023.0);
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  return -(e * std::numbers::ln2 + 2.0 * s * p);
}

/// cos and sin of 2 pi u for u in [0, 1), error below 1e-14: Taylor's series within an eighth of a turn.
HONE_INLINE void turn(double u, double& cosine, double& sine) {
  const double shifted = 4.0 * u + 0x1.8p52;  // rounds to the nearest quarter, left in the low bits
  const auto quarter = std::bit_cast<std::uint64_t>(shifted);
  const double r = (u - 0.25 * (shifted - 0x1.8p52)) * (2.0 * std::numbers::pi);
  const double z = r * r;
  double c = -1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = c * z - 0.5;
  c = c * z + 1.0;
  double s = 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  s = (s * z + 1.0) * r;
  const bool odd = (quarter & 1) != 0;
  const double x = odd ? s : c, y = odd ? c : s;
  const std::uint64_t flip_x = ((quarter + 1) & 2) << 62, flip_y = (quarter & 2) << 62;
  cosine = std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) ^ flip_x);
  sine = std::bit_cast<double>(std::bit_cast<std::uint64_t>(y) ^ flip_y);
}

/// Box-Muller, as Rng::normal has it.
HONE_CLONES void pairs_of_normals(const double* first, const double* second, double scale, float* values,
                                  std::int64_t pairs) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double radius = __builtin_sqrt(2.0 * negative_log(1.0 - first[i]));
    double cosine, sine;
    turn(second[i], cosine, sine);
    values[2 * i] = static_cast<float>(scale * (radius * cosine));
    values[2 * i + 1] = static_cast<float>(scale * (radius * sine));
  }
}

}  // namespace

void fill_normal(Rng& rng, double scale, float* values, std::int64_t n) {
  double first[kNormalPairs], second[kNormalPairs];
  float block[2 * kNormalPairs];
  for (std::int64_t start = 0; start < n; start += 2 * kNormalPairs) {
    const std::int64_t wanted = std::min(n - start, 2 * kNormalPairs), pairs = (wanted + 1) / 2;
    for (std::int64_t i = 0; i < pairs; ++i) {
      first[i] = rng.uniform();
      second[i] = rng.uniform();
    }
    pairs_of_normals(first, second, scale, block, pairs);
    std::copy(block, block + wanted, values + start);
  }
}

}  // namespace hone::train

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
