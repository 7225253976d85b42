#pragma once

#include <cstdint>

/// Kernels of the sequence operators on plain row-major float32, free of any tensor library. Thread safe over
/// disjoint outputs.
namespace hone::train {

/// Causal softmax of scale x scores in place. scores: [rows, columns]; row r belongs to the query at position
/// offset + (r / group) mod length and sees the columns up to that position; the others become 0.
void causal_softmax(float* scores, std::int64_t rows, std::int64_t columns, std::int64_t length,
                    std::int64_t group, std::int64_t offset, float scale);

/// gradient: [rows, columns] holds dL/dweights and gets scale x dL/dscores; columns not seen become 0.
/// weights: as causal_softmax left them.
void causal_softmax_backward(const float* weights, float* gradient, std::int64_t rows, std::int64_t columns,
                             std::int64_t length, std::int64_t group, std::int64_t offset, float scale);

/// Attention of one query a head to `length` cached keys and values. query, output: [kv_heads, group, d];
/// keys, values: kv_heads blocks of [length, d], `stride` floats apart; scores: scratch of `length`.
void attend_one(const float* query, const float* keys, const float* values, float* output, float* scores,
                std::int64_t kv_heads, std::int64_t group, std::int64_t d, std::int64_t length,
                std::int64_t stride);

/// output = weight x input + bias for one vector: weight [out, in], bias [out] or null.
void matrix_vector(const float* weight, const float* bias, const float* input, float* output,
                   std::int64_t out, std::int64_t in);

/// Turns the first `turned` elements of every head: input, output: [rows, heads, d], not the same memory;
/// row r is at position r mod length of the tables cosine, sine: [length, turned / 2]. sign -1 turns back.
void rotate(const float* input, float* output, std::int64_t rows, std::int64_t length, std::int64_t heads,
            std::int64_t d, std::int64_t turned, const float* cosine, const float* sine, float sign);

/// output = input / sqrt(mean(input^2) + epsilon) x weight. input, output: [rows, n]; weight: [n] or null for
/// ones; inverse: [rows] gets 1 / sqrt(..), may be null.
void rms_norm_forward(const float* input, const float* weight, std::int64_t rows, std::int64_t n,
                      float epsilon, float* output, float* inverse);

/// input_gradient: [rows, n]; weight_gradient: [n], added to, or null where weight is null.
void rms_norm_backward(const float* input, const float* weight, const float* inverse, const float* gradient,
                       std::int64_t rows, std::int64_t n, float* input_gradient, float* weight_gradient);

}  // namespace hone::train
