#pragma once

#include <cstdint>

#include "hone/cost/accelerator.h"
#include "hone/cost/llm/architecture.h"

namespace hone::cost {

/// A model on accelerators. A plain value.
struct LlmDeployment {
  LlmArchitecture model;
  Accelerator accelerator;
  std::int64_t tensor_parallel = 1;    ///< accelerators that share each layer
  std::int64_t pipeline_parallel = 1;  ///< stages of layers, one after the other
  double weight_bits = 16.0;           ///< a stored parameter, scales of quantised groups included
  double kv_bits = 16.0;               ///< a stored key or value
  double activation_bits = 16.0;       ///< 8: products run in the accelerator's 8-bit arithmetic

  std::int64_t accelerators() const { return tensor_parallel * pipeline_parallel; }
};

/// What a deployment holds in memory, in bytes, over all its accelerators.
struct LlmMemory {
  double weights = 0.0;
  double kv_cache = 0.0;   ///< of `batch` sequences of `context` tokens
  double work = 0.0;       ///< activations of the largest step, logits
  double reserved = 0.0;   ///< contexts of the driver and the communication library
  double available = 0.0;  ///< of all accelerators together
  double total() const { return weights + kv_cache + work + reserved; }
  bool fits() const { return total() <= available; }
};

/// `batch` sequences of at most `context` tokens (prompt and output), of which `prompt` at most are computed
/// at once. Grouped keys that tensor parallelism cannot split are held by several accelerators.
LlmMemory llm_memory(const LlmDeployment& deployment, double batch, double context, double prompt);

/// Memory that the driver, kernels and communication take on each accelerator before a model is loaded.
constexpr double kReservedBytes = 1.5e9;
/// Share of an accelerator's memory that can be filled: allocators fragment it.
constexpr double kUsableMemory = 0.95;

/// The fewest accelerators on which the deployment fits: within one machine of at most `machine` of them by
/// tensor parallelism (a divisor of the heads, powers of two first), beyond it by stages. The deployment's
/// own tensor_parallel and pipeline_parallel are set. Throws Error where not even 1024 of them do.
LlmDeployment fitted(LlmDeployment deployment, double batch, double context, double prompt,
                     std::int64_t machine = 8);

/// Throws Error at `place` where a layer's heads, or the layers, cannot be shared as the deployment says.
void check_split(const LlmDeployment& deployment, const Place& place = {});

/// Splits a known number of accelerators: tensor parallelism within a machine of `machine`, stages beyond.
/// Throws Error where `accelerators` < 1 or cannot be split so.
LlmDeployment split_over(LlmDeployment deployment, std::int64_t accelerators, std::int64_t machine = 8);

}  // namespace hone::cost
