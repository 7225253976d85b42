#include <algorithm>

#include <fmt/format.h>

#include "hone/cost/llm/deployment.h"

namespace hone::cost {

namespace {

/// How many of so many accelerators share a layer: within a machine, and as heads and layers allow.
std::int64_t shared_by(const LlmDeployment& deployment, std::int64_t accelerators, std::int64_t machine) {
  std::int64_t tensor = std::min(accelerators, machine);
  while (tensor > 1 && (accelerators % tensor != 0 || deployment.model.heads % tensor != 0)) --tensor;
  return tensor;
}

}  // namespace

LlmMemory llm_memory(const LlmDeployment& deployment, double batch, double context, double prompt) {
  const LlmArchitecture& model = deployment.model;
  const double count = static_cast<double>(deployment.accelerators());
  // A key-value head is the least that one accelerator holds.
  const double copies = std::max(1.0, static_cast<double>(deployment.tensor_parallel) / model.cache_shares());
  LlmMemory memory;
  memory.weights = model.parameters() * deployment.weight_bits / 8.0;
  memory.kv_cache = copies * batch * context * model.kv_bytes(deployment.kv_bits / 8.0);
  // The residual stream, its copy and the widest inner activation, in 16 bits, on every accelerator of a
  // stage; logits in 32 bits, split by the vocabulary.
  const double tensor = static_cast<double>(deployment.tensor_parallel);
  const std::int64_t widest =
      std::max(model.ffn_width * model.active_experts + model.shared_width, model.dense_width);
  const double inner = (model.gated ? 2.0 : 1.0) * static_cast<double>(widest) / tensor;
  memory.work = count * batch * prompt * 2.0 * (3.0 * static_cast<double>(model.width) + inner) +
                static_cast<double>(deployment.tensor_parallel) * batch * 4.0 *
                    static_cast<double>(model.vocabulary) / tensor;
  memory.reserved = count * kReservedBytes;
  memory.available = count * kUsableMemory * deployment.accelerator.memory_bytes;
  return memory;
}

LlmDeployment fitted(LlmDeployment deployment, double batch, double context, double prompt,
                     std::int64_t machine) {
  for (std::int64_t count = 1; count <= 1024; ++count) {
    // Within a machine powers of two; beyond it whole machines.
    const bool allowed = count <= machine ? (count & (count - 1)) == 0 : count % machine == 0;
    if (!allowed) continue;
    if (count / shared_by(deployment, count, machine) > deployment.model.layers) break;
    deployment = split_over(std::move(deployment), count, machine);
    if (llm_memory(deployment, batch, context, prompt).fits()) return deployment;
  }
  throw Error(fmt::format("{} with batch {} and {} tokens does not fit on any number of {}",
                          deployment.model.name, batch, context, deployment.accelerator.name),
              {}, "a smaller batch or context, fewer bits a weight, or accelerators with more memory");
}

void check_split(const LlmDeployment& deployment, const Place& place) {
  const LlmArchitecture& model = deployment.model;
  if (model.heads % deployment.tensor_parallel == 0 && deployment.pipeline_parallel <= model.layers) return;
  throw Error(
      fmt::format("{} with {} heads and {} layers cannot be split over {} x {} accelerators", model.name,
                  model.heads, model.layers, deployment.tensor_parallel, deployment.pipeline_parallel),
      place, "tensor parallelism divides the heads, and every stage has a layer");
}

LlmDeployment split_over(LlmDeployment deployment, std::int64_t accelerators, std::int64_t machine) {
  if (accelerators < 1) throw Error(fmt::format("{} accelerators are none", accelerators));
  deployment.tensor_parallel = shared_by(deployment, accelerators, machine);
  deployment.pipeline_parallel = accelerators / deployment.tensor_parallel;
  if (deployment.pipeline_parallel > deployment.model.layers)
    throw Error(fmt::format("{} layers of {} cannot be split over {} accelerators", deployment.model.layers,
                            deployment.model.name, accelerators));
  return deployment;
}

}  // namespace hone::cost
