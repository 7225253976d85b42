#include "hone/cost/neural/kernels.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define HONE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HONE_CLONES
#endif
#define HONE_INLINE inline __attribute__((always_inline))

namespace hone::cost {
namespace {

/// Eight numbers; instruction sets without such registers take them in parts.
using Eight = float __attribute__((vector_size(32)));

/// `Rows` rows of the result, `8 Parts` columns of it.
template <int Rows, int Parts>
HONE_INLINE void tile(const float* a, std::int64_t inner, std::int64_t stride, const float* b,
                      std::int64_t columns, const float* bias, float* out) {
  Eight sums[Rows][Parts];
  for (int p = 0; p < Parts; ++p) {
    Eight first{};
    if (bias != nullptr) std::memcpy(&first, bias + 8 * p, sizeof first);
    for (int r = 0; r < Rows; ++r) sums[r][p] = first;
  }
  for (std::int64_t k = 0; k < inner; ++k) {
    Eight row[Parts];
    for (int p = 0; p < Parts; ++p) std::memcpy(&row[p], b + k * columns + 8 * p, sizeof row[p]);
    for (int r = 0; r < Rows; ++r)
      for (int p = 0; p < Parts; ++p) sums[r][p] += a[r * stride + k] * row[p];
  }
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Parts; ++p) std::memcpy(out + r * columns + 8 * p, &sums[r][p], sizeof(Eight));
}

template <int Rows>
HONE_INLINE void band(const float* a, std::int64_t inner, std::int64_t stride, const float* b,
                      std::int64_t columns, const float* bias, float* out) {
  std::int64_t j = 0;
  for (; j + 16 <= columns; j += 16)
    tile<Rows, 2>(a, inner, stride, b + j, columns, bias == nullptr ? nullptr : bias + j, out + j);
  for (; j + 8 <= columns; j += 8)
    tile<Rows, 1>(a, inner, stride, b + j, columns, bias == nullptr ? nullptr : bias + j, out + j);
  for (; j < columns; ++j)
    for (int r = 0; r < Rows; ++r) {
      float sum = bias == nullptr ? 0.0f : bias[j];
      for (std::int64_t k = 0; k < inner; ++k) sum += a[r * stride + k] * b[k * columns + j];
      out[r * columns + j] = sum;
    }
}

}  // namespace

HONE_CLONES void product(const float* a, std::int64_t rows, std::int64_t inner, std::int64_t stride,
                         const float* b, std::int64_t columns, const float* bias, float* out) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) band<4>(a + i * stride, inner, stride, b, columns, bias, out + i * columns);
  for (; i < rows; ++i) band<1>(a + i * stride, inner, stride, b, columns, bias, out + i * columns);
}

}  // namespace hone::cost
