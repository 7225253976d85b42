#pragma once

#include <array>
#include <string>

#include "hone/cost/llm/deployment.h"

namespace hone::cost {

/// The constants of a serving stack: what the software and its host add to bytes and operations. Few, each
/// with a meaning, all positive. Defaults are the middle of the public measurements that docs/llm-costs.md
/// names; calibrate() learns them from measured deployments.
struct LlmStack {
  double launch_s = 0.55e-3;        ///< host time of one layer's kernels, on the A100's usual host
  double launch_shared_s = 0.1e-3;  ///< more of it a layer with tensor parallelism: collectives are launched
  double kernel_s = 0.06e-3;        ///< device time of one layer beyond bytes and operations: kernels' ramps
  double collective_s = 0.07e-3;    ///< latency of one layer's collectives, times log2(tensor_parallel)
  double memory_share = 0.8;        ///< of the memory bandwidth that reading weights and keys attains
  double sequence_s = 0.2e-3;       ///< host time of one step for each sequence of the batch: sampling
  double stage_s = 4e-3;            ///< of passing from one pipeline stage to the next
  /// How host and device overlap: the step takes (host^p + device^p)^(1/p). At 1, the least, they take turns
  /// and add up; at 8 the longer hides the other, but for 9% where they are equal; 16 is the most.
  double overlap = 8.0;
  double matrix_share = 0.65;    ///< of matrix_flops x the accelerator's matrix_share that prompts attain
  double link_share = 0.35;      ///< of link_bytes_per_s that collectives of prompts attain
  double score_passes = 4.0;     ///< times that attention's scores go through memory; ~0: fused attention
  double request_s = 4e-3;       ///< of a prompt's first step beyond an output token's: set-up
  double prompt_launches = 1.2;  ///< host time of a prompt's layer relative to an output token's

  double activation_passes =
      30.0;  ///< times that a layer's activations go through memory: norms, sums, gates

  static constexpr std::size_t kCount = 14;
  std::array<double, kCount> values() const;
  /// From such values, `overlap` held within its bounds.
  static LlmStack of(const std::array<double, kCount>& values);
  static const std::array<const char*, kCount>& names();
  /// "eager", the defaults: every kernel of every step is launched from the host's program. "graphs": a
  /// token's kernels are captured once and launched as one graph, attention is fused, and sampling runs on
  /// the accelerator; judged from reported speeds of such stacks, not fitted to measurements. Throws Error.
  static LlmStack named(const std::string& name);
  /// The first eight decide a step of decoding; the others only prompts.
  static constexpr std::size_t kDecoding = 8;
};

/// Where an estimate's time comes from, seconds: the longer of host and device as far as they overlap, and
/// behind it sequences, stages and setup. Of an encoder's pass and the decoder's first step together.
struct LlmStep {
  double seconds = 0.0;
  double host = 0.0;         ///< launching: L x (launch + launch_shared)
  double device = 0.0;       ///< what the accelerators take
  double memory = 0.0;       ///< of it reading weights, keys and values; overlaps with compute
  double compute = 0.0;      ///< of it products
  double links = 0.0;        ///< of it collectives
  double kernels = 0.0;      ///< of it kernels' ramps
  double activations = 0.0;  ///< of it a prompt's activations and scores through memory
  double sequences = 0.0;    ///< what the host does for each sequence of the batch: sampling
  double stages = 0.0;       ///< passing from one pipeline stage to the next
  double setup = 0.0;        ///< of a prompt's first step
  /// What is largest: "launches", "sequences", "stages", "set-up", or where the device takes longest what of
  /// it: "memory", "compute", "links", "kernels" or "activations".
  std::string bound() const;
};

/// One step of decoding for `batch` sequences with `context` tokens behind them: host and device work at the
/// same time, so the step takes the longer of the two (as far as LlmStack::overlap goes). The device takes, a
/// layer, its kernels' ramps, the collectives' latency, and the longer of bytes / bandwidth and operations /
/// rate. Bytes are weights (of the experts that the batch reaches) and the cache; operations are the weights'
/// and those of latent attention.
LlmStep decode_step(const LlmDeployment& deployment, const LlmStack& stack, double batch, double context);

/// The prompt and its first output token, for `batch` prompts of `prompt` tokens each: matrix products of
/// whole tiles of 128 tokens, causal attention, collectives' volume, stages one after the other. With an
/// encoder: its pass and the decoder's first step.
LlmStep prompt_step(const LlmDeployment& deployment, const LlmStack& stack, double batch, double prompt);

/// The roofline alone: bytes / bandwidth or operations / rate, whichever is longer, at the peaks, no
/// overhead.
double roofline_decode_s(const LlmDeployment& deployment, double batch, double context);
double roofline_prompt_s(const LlmDeployment& deployment, double batch, double prompt);

}  // namespace hone::cost
