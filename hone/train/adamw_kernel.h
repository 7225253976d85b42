#pragma once

#include <cstdint>

namespace hone::train {

/// sum of x_i^2 over n float32 values, by blocks in double: finite wherever x is. NaN or infinity in x gives
/// NaN or infinity. The order of summation does not depend on the machine.
double sum_of_squares(const float* x, std::int64_t n);

/// The scalars of one AdamW update, the same for every parameter of a step.
struct AdamwStep {
  double rate = 0.0;  ///< learning rate
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double decay = 0.0;           ///< decoupled weight decay: weights shrink by rate * decay
  double gradient_scale = 1.0;  ///< clipping: what gradients are multiplied with first
  std::int64_t step = 1;        ///< 1 for the first update; corrects the moments' bias
};

/// One AdamW update in one pass over memory ("Decoupled Weight Decay Regularization", algorithm 2): n float32
/// weights, their moments m and v, and the gradient. No two arrays overlap. Elementwise: cutting a tensor
/// into pieces gives the same bits.
void adamw_update(float* weight, float* m, float* v, const float* gradient, std::int64_t n,
                  const AdamwStep& step);

}  // namespace hone::train
