#include "hone/train/sequence_kernel.h"

#include "hone/train/kernel_math.h"

// Standard C++ mode keeps multiply and add apart; here they may fuse, which is also more exact.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif

namespace hone::train {
namespace {

// Sums go over a fixed number of lanes, in an order that no instruction set or alignment changes.
constexpr std::int64_t kSequenceLanes = 16;

HONE_INLINE float sequence_sum(const float* lanes) {
  float total = 0.0f;
  for (std::int64_t lane = 0; lane < kSequenceLanes; ++lane) total += lanes[lane];
  return total;
}

HONE_INLINE float sequence_dot(const float* a, const float* b, std::int64_t n) {
  float lanes[kSequenceLanes] = {};
  std::int64_t j = 0;
  for (; j + kSequenceLanes <= n; j += kSequenceLanes)
    for (std::int64_t lane = 0; lane < kSequenceLanes; ++lane) lanes[lane] += a[j + lane] * b[j + lane];
  for (std::int64_t lane = 0; j < n; ++j, ++lane) lanes[lane] += a[j] * b[j];
  return sequence_sum(lanes);
}

HONE_INLINE float sequence_max(const float* row, std::int64_t n) {
  float lanes[kSequenceLanes];
  for (float& lane : lanes) lane = row[0];
  std::int64_t j = 0;
  for (; j + kSequenceLanes <= n; j += kSequenceLanes)
    for (std::int64_t lane = 0; lane < kSequenceLanes; ++lane)
      lanes[lane] = lanes[lane] > row[j + lane] ? lanes[lane] : row[j + lane];
  for (std::int64_t lane = 0; j < n; ++j, ++lane) lanes[lane] = lanes[lane] > row[j] ? lanes[lane] : row[j];
  float best = lanes[0];
  for (float lane : lanes) best = best > lane ? best : lane;
  return best;
}

/// Softmax of scale x row[0..n) in place; scale > 0.
HONE_INLINE void sequence_softmax(float* row, std::int64_t n, float scale) {
  const float shift = sequence_max(row, n);
  float lanes[kSequenceLanes] = {};
  std::int64_t j = 0;
  for (; j + kSequenceLanes <= n; j += kSequenceLanes)
    for (std::int64_t lane = 0; lane < kSequenceLanes; ++lane) {
      const float value = exp_of_negative(scale * (row[j + lane] - shift));
      row[j + lane] = value;
      lanes[lane] += value;
    }
  for (std::int64_t lane = 0; j < n; ++j, ++lane) {
    row[j] = exp_of_negative(scale * (row[j] - shift));
    lanes[lane] += row[j];
  }
  const float share = 1.0f / sequence_sum(lanes);
  for (j = 0; j < n; ++j) row[j] *= share;
}

}  // namespace

HONE_CLONES void causal_softmax(float* scores, std::int64_t rows, std::int64_t columns, std::int64_t length,
                                std::int64_t group, std::int64_t offset, float scale) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = scores + r * columns;
    const std::int64_t seen = offset + (r / group) % length + 1;
    sequence_softmax(row, seen, scale);
    for (std::int64_t j = seen; j < columns; ++j) row[j] = 0.0f;
  }
}

HONE_CLONES void causal_softmax_backward(const float* weights, float* gradient, std::int64_t rows,
                                         std::int64_t columns, std::int64_t length, std::int64_t group,
                                         std::int64_t offset, float scale) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* w = weights + r * columns;
    float* g = gradient + r * columns;
    const std::int64_t seen = offset + (r / group) % length + 1;
    const float mean = sequence_dot(w, g, seen);
#pragma GCC ivdep
    for (std::int64_t j = 0; j < seen; ++j) g[j] = scale * w[j] * (g[j] - mean);
    for (std::int64_t j = seen; j < columns; ++j) g[j] = 0.0f;
  }
}

HONE_CLONES void attend_one(const float* query, const float* keys, const float* values, float* output,
                            float* scores, std::int64_t kv_heads, std::int64_t group, std::int64_t d,
                            std::int64_t length, std::int64_t stride) {
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(d));
  for (std::int64_t head = 0; head < kv_heads; ++head) {
    const float* k = keys + head * stride;
    const float* v = values + head * stride;
    for (std::int64_t member = 0; member < group; ++member) {
      const float* q = query + (head * group + member) * d;
      float* y = output + (head * group + member) * d;
      for (std::int64_t j = 0; j < length; ++j) scores[j] = sequence_dot(q, k + j * d, d);
      sequence_softmax(scores, length, scale);
      for (std::int64_t i = 0; i < d; ++i) y[i] = 0.0f;
      for (std::int64_t j = 0; j < length; ++j) {
        const float weight = scores[j];
        const float* value = v + j * d;
#pragma GCC ivdep
        for (std::int64_t i = 0; i < d; ++i) y[i] += weight * value[i];
      }
    }
  }
}

HONE_CLONES void matrix_vector(const float* weight, const float* bias, const float* input, float* output,
                               std::int64_t out, std::int64_t in) {
  for (std::int64_t i = 0; i < out; ++i) {
    const float sum = sequence_dot(weight + i * in, input, in);
    output[i] = bias == nullptr ? sum : sum + bias[i];
  }
}

HONE_CLONES void rotate(const float* input, float* output, std::int64_t rows, std::int64_t length,
                        std::int64_t heads, std::int64_t d, std::int64_t turned, const float* cosine,
                        const float* sine, float sign) {
  const std::int64_t half = turned / 2;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* c = cosine + (r % length) * half;
    const float* s = sine + (r % length) * half;
    for (std::int64_t head = 0; head < heads; ++head) {
      const float* x = input + (r * heads + head) * d;
      float* y = output + (r * heads + head) * d;
#pragma GCC ivdep
      for (std::int64_t i = 0; i < half; ++i) {
        const float turn = sign * s[i];
        y[i] = x[i] * c[i] - x[half + i] * turn;
        y[half + i] = x[half + i] * c[i] + x[i] * turn;
      }
      for (std::int64_t i = turned; i < d; ++i) y[i] = x[i];
    }
  }
}

HONE_CLONES void rms_norm_forward(const float* input, const float* weight, std::int64_t rows, std::int64_t n,
                                  float epsilon, float* output, float* inverse) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* x = input + r * n;
    float* y = output + r * n;
    const float scale = 1.0f / __builtin_sqrtf(sequence_dot(x, x, n) / static_cast<float>(n) + epsilon);
    if (inverse != nullptr) inverse[r] = scale;
    if (weight == nullptr) {
#pragma GCC ivdep
      for (std::int64_t j = 0; j < n; ++j) y[j] = x[j] * scale;
    } else {
#pragma GCC ivdep
      for (std::int64_t j = 0; j < n; ++j) y[j] = x[j] * scale * weight[j];
    }
  }
}

HONE_CLONES void rms_norm_backward(const float* input, const float* weight, const float* inverse,
                                   const float* gradient, std::int64_t rows, std::int64_t n,
                                   float* input_gradient, float* weight_gradient) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* x = input + r * n;
    const float* g = gradient + r * n;
    float* dx = input_gradient + r * n;
    const float scale = inverse[r];
    // With y_j = w_j s x_j and s = (mean(x^2) + eps)^(-1/2): dx = s (w g - x s^2 mean(w g x)).
    if (weight == nullptr) {
      const float pull = sequence_dot(g, x, n) * scale * scale / static_cast<float>(n);
#pragma GCC ivdep
      for (std::int64_t j = 0; j < n; ++j) dx[j] = scale * (g[j] - x[j] * pull);
    } else {
#pragma GCC ivdep
      for (std::int64_t j = 0; j < n; ++j) {
        weight_gradient[j] += g[j] * x[j] * scale;
        dx[j] = g[j] * weight[j];
      }
      const float pull = sequence_dot(dx, x, n) * scale * scale / static_cast<float>(n);
#pragma GCC ivdep
      for (std::int64_t j = 0; j < n; ++j) dx[j] = scale * (dx[j] - x[j] * pull);
    }
  }
}

}  // namespace hone::train

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
