#pragma once

#include <torch/torch.h>

namespace hone::train {

/// Theta of TokenFormer over the last dimension, from ATen's operators: GeLU(A tau / ||A||_2), exact GeLU; a
/// row of norm zero gives zero and passes no gradient. scores: [..., n], floating. Differentiable any number
/// of times. The plain form of theta_kernel.h.
torch::Tensor theta(const torch::Tensor& scores, double tau);

/// Token-parameter attention ("TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
/// equations 5 and 6): Theta(X K^T) V.
/// x: [..., in]; keys: [n, in]; values: [n, out]; returns [..., out]. tau: the published scale is sqrt(n),
/// which 0 stands for; a grown model keeps the tau it was trained with. float32 on the CPU runs fused
/// kernels; other devices and types, and gradients of gradients, run the plain form.
torch::Tensor token_parameter_attention(const torch::Tensor& x, const torch::Tensor& keys,
                                        const torch::Tensor& values, double tau = 0.0);

/// The same from ATen's operators alone, on any device.
torch::Tensor token_parameter_attention_plain(const torch::Tensor& x, const torch::Tensor& keys,
                                              const torch::Tensor& values, double tau = 0.0);

}  // namespace hone::train
