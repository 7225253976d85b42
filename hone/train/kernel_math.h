#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

/// Compiles a function for several instruction sets; the loader picks one by cpuid. Put it on the outermost
/// loop only, and let what the loop calls be HONE_INLINE, so that it is compiled along.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define HONE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HONE_CLONES
#endif
#if defined(__GNUC__)
#define HONE_INLINE inline __attribute__((always_inline))
#else
#define HONE_INLINE inline
#endif

/// Elementary functions as straight-line float arithmetic, which a compiler turns into vector code without
/// -ffast-math. No table, no branch.
namespace hone::train {

/// exp(y) for y <= 0, relative error below 2e-7; below -87 it stays exp(-87) = 1.6e-38. NaN gives NaN.
/// Cody and Waite's reduction to |r| <= ln(2)/2 and Cephes' polynomial (S. L. Moshier, expf.c).
HONE_INLINE float exp_of_negative(float y) {
  y = y < -87.0f ? -87.0f : y;
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
  const float shifted = y * 1.44269504088896341f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  float r = y - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const auto exponent = (std::bit_cast<std::uint32_t>(shifted) + 127u) << 23;
  return p * std::bit_cast<float>(exponent);
}

/// Q(|x|) = erfc(|x| / sqrt 2) / 2, the normal distribution's upper tail, given gauss = exp(-x*x/2). Absolute
/// error below 3e-7. Abramowitz and Stegun, Handbook of Mathematical Functions, formula 7.1.26.
HONE_INLINE float normal_tail(float x, float gauss) {
  const float magnitude = x < 0.0f ? -x : x;
  const float t = 1.0f / (1.0f + 0.231641889f * magnitude);  // 0.3275911 / sqrt 2
  float p = 0.5307027145f;                                   // the handbook's a5..a1, halved
  p = p * t - 0.7265760135f;
  p = p * t + 0.7107068705f;
  p = p * t - 0.142248368f;
  p = p * t + 0.127414796f;
  return p * t * gauss;
}

/// Phi(x), the normal distribution function, given gauss = exp(-x*x/2).
HONE_INLINE float normal_cdf(float x, float gauss) {
  const float tail = normal_tail(x, gauss);
  return x > 0.0f ? 1.0f - tail : tail;
}

}  // namespace hone::train
