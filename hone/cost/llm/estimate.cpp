// The cost of a transformer's inference from its architecture. Bytes and operations are what *Efficiently
// Scaling Transformer Inference* counts; what that leaves out, the launching of kernels by the host, decides
// small batches on fast accelerators, and is added here.
#include "hone/cost/llm/estimate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/cost/cost_method.h"

namespace hone::cost {
namespace {

constexpr double kLeastOverlap = 1.0, kMostOverlap = 16.0;

/// The longer of two that overlap: at 8, 9% above it where they are equal; at 1 their sum.
double longer(double a, double b, double overlap) {
  const double most = std::max(a, b);
  if (!(most > 0.0)) return 0.0;
  return most * std::pow(std::pow(a / most, overlap) + std::pow(b / most, overlap), 1.0 / overlap);
}

/// What of a model a step goes through: its decoder, or for a prompt the encoder where there is one.
struct Parts {
  double layers, tensor, kv_tensor, stages, weights_read, active, embedding, rate, bandwidth;
};

/// `tokens` go through each layer at once.
Parts parts_of(const LlmDeployment& deployment, double tokens, bool encoder) {
  const LlmArchitecture& model = deployment.model;
  Parts parts;
  parts.layers = static_cast<double>(encoder ? model.encoder_layers : model.layers);
  parts.tensor = static_cast<double>(deployment.tensor_parallel);
  parts.kv_tensor = std::min(parts.tensor, model.cache_shares());
  parts.stages = static_cast<double>(deployment.pipeline_parallel);
  const double attention = encoder ? model.attention_parameters() : model.decoder_attention();
  const double experts = static_cast<double>(model.experts),
               active = static_cast<double>(model.active_experts);
  // Experts that so many tokens reach, were they drawn evenly.
  const double reached = experts * (1.0 - std::pow(1.0 - active / experts, tokens));
  parts.embedding = static_cast<double>(model.vocabulary) * static_cast<double>(model.width);
  parts.active = parts.layers * attention + model.feed_forward_parameters(active, encoder);
  parts.weights_read =
      (parts.layers * attention + model.feed_forward_parameters(reached, encoder) + parts.embedding) *
      deployment.weight_bits / 8.0;
  const Accelerator& device = deployment.accelerator;
  parts.rate =
      deployment.activation_bits <= 8.0 && device.int8_ops > 0.0 ? device.int8_ops : device.matrix_flops;
  parts.bandwidth = device.bytes_per_s;
  return parts;
}

/// Operations of a step's attention over so many cached tokens. Only latent attention has as many for each
/// byte of its cache that they could decide: all heads read the same numbers.
double latent_operations(const LlmArchitecture& model, double tokens) {
  return model.kv_rank > 0 ? 4.0 * tokens * model.decoded_width() * static_cast<double>(model.layers) : 0.0;
}

/// A second attention makes a layer half as many kernels more.
constexpr double kSecondAttention = 1.5;

double host_s(const LlmDeployment& deployment, const LlmStack& stack, bool encoder) {
  const LlmArchitecture& model = deployment.model;
  const double layers = encoder                    ? static_cast<double>(model.encoder_layers)
                        : model.encoder_layers > 0 ? kSecondAttention * static_cast<double>(model.layers)
                                                   : static_cast<double>(model.layers);
  return layers * deployment.accelerator.host_factor *
         (stack.launch_s + (deployment.tensor_parallel > 1 ? stack.launch_shared_s : 0.0));
}

double latency_s(const LlmDeployment& deployment, const LlmStack& stack) {
  return static_cast<double>(deployment.model.layers) * stack.collective_s *
         std::log2(static_cast<double>(deployment.tensor_parallel));
}

constexpr double kTile = 128.0;

}  // namespace

std::array<double, LlmStack::kCount> LlmStack::values() const {
  return {launch_s,     launch_shared_s, kernel_s,        collective_s,     memory_share,
          sequence_s,   stage_s,         overlap,         matrix_share,     link_share,
          score_passes, request_s,       prompt_launches, activation_passes};
}

LlmStack LlmStack::of(const std::array<double, kCount>& v) {
  const double overlap = std::clamp(v[7], kLeastOverlap, kMostOverlap);
  return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], overlap, v[8], v[9], v[10], v[11], v[12], v[13]};
}

const std::array<const char*, LlmStack::kCount>& LlmStack::names() {
  static constexpr std::array<const char*, kCount> kNames{
      "launch_s",     "launch_shared_s", "kernel_s",        "collective_s",     "memory_share",
      "sequence_s",   "stage_s",         "overlap",         "matrix_share",     "link_share",
      "score_passes", "request_s",       "prompt_launches", "activation_passes"};
  return kNames;
}

LlmStack LlmStack::named(const std::string& name) {
  LlmStack stack;
  if (name == "eager") return stack;
  if (name != "graphs")
    throw Error(fmt::format("there is no stack '{}'", name), {}, suggest(name, {"eager", "graphs"}));
  stack.launch_s = 0.03e-3;
  stack.launch_shared_s = 0.01e-3;
  stack.kernel_s = 0.05e-3;
  stack.collective_s = 0.04e-3;
  stack.sequence_s = 0.02e-3;
  stack.stage_s = 1e-3;
  stack.score_passes = 0.1;
  stack.prompt_launches = 8.0;  // prompts are seldom captured: a quarter of a millisecond a layer
  return stack;
}

std::string LlmStep::bound() const {
  const auto largest = [](std::initializer_list<std::pair<double, const char*>> parts) {
    return std::max_element(parts.begin(), parts.end(),
                            [](const auto& a, const auto& b) { return a.first < b.first; })
        ->second;
  };
  const char* const what = largest(
      {{host, "launches"}, {device, ""}, {sequences, "sequences"}, {stages, "stages"}, {setup, "set-up"}});
  if (*what != '\0') return what;
  return largest({{memory, "memory"},
                  {compute, "compute"},
                  {links, "links"},
                  {kernels, "kernels"},
                  {activations, "activations"}});
}

LlmStep decode_step(const LlmDeployment& deployment, const LlmStack& stack, double batch, double context) {
  const Parts parts = parts_of(deployment, batch, false);
  LlmStep step;
  step.host = host_s(deployment, stack, false);
  const double cache = batch * context * deployment.model.kv_bytes(deployment.kv_bits / 8.0);
  step.memory =
      (parts.weights_read / parts.tensor + cache / parts.kv_tensor) / (parts.bandwidth * stack.memory_share);
  const double flops =
      2.0 * batch * (parts.active + parts.embedding) + latent_operations(deployment.model, batch * context);
  step.compute =
      flops / parts.tensor / (parts.rate * deployment.accelerator.matrix_share * stack.matrix_share);
  step.links = latency_s(deployment, stack);
  step.kernels = parts.layers * stack.kernel_s;
  step.device = step.kernels + step.links + std::max(step.memory, step.compute);
  step.sequences = stack.sequence_s * batch;
  step.stages = (parts.stages - 1.0) * stack.stage_s;
  step.seconds = longer(step.host, step.device, stack.overlap) + step.sequences + step.stages;
  return step;
}

LlmStep prompt_step(const LlmDeployment& deployment, const LlmStack& stack, double batch, double prompt) {
  const LlmArchitecture& model = deployment.model;
  const double tokens = batch * prompt;
  const bool encoder = model.encoder_layers > 0;
  const Parts parts = parts_of(deployment, tokens, encoder);
  LlmStep step;
  step.host = host_s(deployment, stack, encoder) * stack.prompt_launches;
  const double tiled = std::ceil(tokens / kTile) * kTile;
  const double scores = batch * prompt * prompt;  // of one head of one layer
  const double attended = model.attended_width();
  const double flops =
      2.0 * tiled * parts.active + 2.0 * batch * parts.embedding + 2.0 * scores * attended * parts.layers;
  step.compute =
      flops / parts.tensor / (parts.rate * deployment.accelerator.matrix_share * stack.matrix_share);
  step.memory = parts.weights_read / parts.tensor / (parts.bandwidth * stack.memory_share);
  // Scores and what is computed element by element; of the latter half is the residual stream, which tensor
  // parallelism does not split.
  step.activations =
      2.0 * parts.layers *
      (stack.score_passes * scores * static_cast<double>(model.heads) / parts.tensor +
       stack.activation_passes * tokens * static_cast<double>(model.width) * (0.5 + 0.5 / parts.tensor)) /
      (parts.bandwidth * stack.memory_share);
  // Two all-reduces a layer, each moving 2 (t - 1) / t of the activations' 16 bits through every link.
  step.links =
      latency_s(deployment, stack) + 2.0 * parts.layers * tokens * static_cast<double>(model.width) * 2.0 *
                                         2.0 * (parts.tensor - 1.0) / parts.tensor /
                                         (deployment.accelerator.link_bytes_per_s * stack.link_share);
  step.kernels = parts.layers * stack.kernel_s;
  step.device = step.kernels + step.links + std::max(step.compute, step.memory) + step.activations;
  step.sequences = stack.sequence_s * batch;
  step.stages = (parts.stages - 1.0) * stack.stage_s;
  step.setup = stack.request_s;
  step.seconds = longer(step.host, step.device, stack.overlap) + step.sequences + step.setup + step.stages;
  if (!encoder) return step;
  // The encoder read the prompt; the decoder now makes the first token.
  const LlmStep first = decode_step(deployment, stack, batch, prompt);
  for (double LlmStep::*part :
       {&LlmStep::seconds, &LlmStep::host, &LlmStep::device, &LlmStep::memory, &LlmStep::compute,
        &LlmStep::links, &LlmStep::kernels, &LlmStep::sequences, &LlmStep::stages})
    step.*part += first.*part;
  return step;
}

double roofline_decode_s(const LlmDeployment& deployment, double batch, double context) {
  const Parts parts = parts_of(deployment, batch, false);
  const double cache = batch * context * deployment.model.kv_bytes(deployment.kv_bits / 8.0);
  const double flops =
      2.0 * batch * (parts.active + parts.embedding) + latent_operations(deployment.model, batch * context);
  return std::max((parts.weights_read / parts.tensor + cache / parts.kv_tensor) / parts.bandwidth,
                  flops / parts.tensor / parts.rate);
}

double roofline_prompt_s(const LlmDeployment& deployment, double batch, double prompt) {
  const LlmArchitecture& model = deployment.model;
  const Parts parts = parts_of(deployment, batch * prompt, model.encoder_layers > 0);
  const double attended = model.attended_width();
  const double flops = 2.0 * batch * prompt * parts.active + 2.0 * batch * parts.embedding +
                       2.0 * batch * prompt * prompt * attended * parts.layers;
  return std::max(parts.weights_read / parts.tensor / parts.bandwidth, flops / parts.tensor / parts.rate);
}

}  // namespace hone::cost

HONE_REGISTER(cost, llm_estimate) {
  using namespace hone;
  cost::add_cost_method(
      registry, MethodInfo{.name = "llm_estimate",
                           .summary = "Time of a prompt and of an output token of a transformer that nobody "
                                      "measured, from its architecture.",
                           .paper = "Efficiently Scaling Transformer Inference",
                           .traits = "seconds; bytes, operations and launches; tensor and pipeline "
                                     "parallelism, batch, cache, quantisation, experts; calibrated from "
                                     "measured deployments"});
}
