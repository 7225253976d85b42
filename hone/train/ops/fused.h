#pragma once

#include <functional>

#include <torch/torch.h>

#include "hone/graph/graph.h"
#include "hone/train/lowering.h"

// What the lowerings with kernels of their own share.
namespace hone::train::ops {

/// The kernels take float32 on the CPU; everything else runs from ATen's operators.
inline bool kernel_serves(const torch::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == torch::kFloat32;
}

/// Whether a gradient of any of them will be wanted.
inline bool wants_gradient(std::initializer_list<const torch::Tensor*> tensors) {
  if (!at::GradMode::is_enabled()) return false;
  for (const torch::Tensor* tensor : tensors)
    if (tensor->defined() && tensor->requires_grad()) return true;
  return false;
}

/// The gradients of plain(inputs), differentiable again: what a kernel's backward returns where somebody
/// differentiates the gradient.
inline torch::autograd::variable_list plain_gradients(
    const std::function<torch::Tensor(const torch::autograd::variable_list&)>& plain,
    const torch::autograd::variable_list& inputs, const torch::Tensor& gradient) {
  torch::autograd::variable_list wanted;
  for (const torch::Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) wanted.push_back(input);
  const auto found = torch::autograd::grad({plain(inputs)}, wanted, {gradient}, true, true);
  torch::autograd::variable_list result(inputs.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].defined() && inputs[i].requires_grad()) result[i] = found[next++];
  return result;
}

template <typename Rules>
MakeLowering lowering_maker() {
  return [] { return std::make_shared<const Rules>(); };
}

}  // namespace hone::train::ops
