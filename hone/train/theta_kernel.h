#pragma once

#include <cstdint>

namespace hone::train {

/// Theta of TokenFormer ("TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
/// equation 6): U = A tau / ||A||_2 over a row of scores, Theta(A) = GeLU(U) = U Phi(U). A row of norm zero
/// gives zero and passes no gradient. Kernels on plain row-major float32, one pass over memory each;
/// absolute error about 1e-6 times the entry of U. Thread safe over disjoint rows.

/// scores: [rows, n]; output: [rows, n], may be `scores` itself; scale: [rows] gets tau / ||row||, which the
/// backward kernel wants, and may be null. Not finite entries make their row NaN.
void theta_forward(const float* scores, std::int64_t rows, std::int64_t n, float tau, float* output,
                   float* scale);

/// gradient: [rows, n] holds dL/dTheta and gets dL/dA: with U = s A and dU = GeLU'(U) dTheta,
/// dA = s (dU - A (sum_j dU_j A_j) / ||A||^2). scale: as theta_forward left it, with the same tau.
void theta_backward(const float* scores, const float* scale, std::int64_t rows, std::int64_t n, float tau,
                    float* gradient);

}  // namespace hone::train
