#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "hone/train/checkpoint.h"

namespace hone::train {

/// How the learning rate moves: linear warm-up over `warmup` steps from 0, then by `decay` from the peak to
/// peak * final_ratio at `horizon`, constant beyond it. All in steps; a horizon of 0 means no decay.
struct Schedule {
  enum class Decay { constant, linear, cosine };
  double peak = 1e-3;
  std::int64_t warmup = 0;
  std::int64_t horizon = 0;
  Decay decay = Decay::cosine;
  double final_ratio = 0.1;
  double at(std::int64_t step) const;                     ///< step: 0 for the first
  static Decay decay_from_name(const std::string& name);  ///< "constant", "linear" or "cosine"
};

struct TrainerOptions {
  enum class Method { adamw, sgd };
  Method method = Method::adamw;
  Schedule schedule;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double momentum = 0.9;  ///< sgd: Nesterov's
  /// adamw: decoupled, on tensors of two or more dimensions only. sgd: of all tensors, added to the gradient.
  double weight_decay = 0.1;
  double clip = 1.0;  ///< largest global gradient norm; 0: no clipping
};

/// AdamW (Decoupled Weight Decay Regularization), or gradient descent with Nesterov's momentum ("On the
/// importance of initialization and momentum in deep learning", as LibTorch writes it: v = m v + g, w -= rate
/// (g + m v)), with warm-up, decay and clipping over any differentiable loss. Deterministic; its whole state
/// goes into a checkpoint, and a run resumed from it goes on bit for bit. Not thread safe.
class Trainer {
 public:
  /// parameters: leaves that require grad, updated in place; names: one each, all different. Contiguous
  /// float32 on the CPU is updated by a fused kernel, everything else by ATen's operators.
  Trainer(std::vector<torch::Tensor> parameters, std::vector<std::string> names, TrainerOptions options);

  struct Step {
    double loss = 0.0;
    double gradient_norm = 0.0;  ///< before clipping; NaN where the loss was not finite
    /// False: loss or gradient is NaN or infinite. Nothing was updated, the step count neither.
    bool finite = true;
  };
  /// One update from the loss (one element) that `loss` computes, given the step's number, 0 first. A
  /// parameter that the loss does not reach stays as it is, without decay. `.grad` is left alone.
  Step step(const std::function<torch::Tensor(std::int64_t)>& loss);
  std::int64_t steps() const { return steps_; }

  /// Adds copies of the weights ("weight/NAME") and moments ("adam.m/NAME", "adam.v/NAME"), and the step
  /// count (header: trainer.steps).
  void save(Checkpoint& checkpoint) const;
  /// Throws Error where the checkpoint does not fit these parameters (names, shapes, types); then nothing
  /// was changed.
  void load(const Checkpoint& checkpoint);

 private:
  void update(std::size_t i, const torch::Tensor& gradient, double gradient_scale);

  std::vector<torch::Tensor> parameters_;
  std::vector<std::string> names_;
  TrainerOptions options_;
  std::int64_t steps_ = 0;
  /// What a checkpoint holds of parameter i beside its weight, and under which names.
  std::vector<std::pair<std::string, torch::Tensor>> state_of(std::size_t i) const;

  std::vector<torch::Tensor> first_moment_;   ///< sgd: the velocity
  std::vector<torch::Tensor> second_moment_;  ///< of adamw
};

}  // namespace hone::train
