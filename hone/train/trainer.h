#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "hone/train/checkpoint.h"

namespace hone::train {

/// How the learning rate moves: linear warm-up over `warmup` steps from 0, then by `decay` from the peak to
/// peak * final_ratio at `horizon`, constant beyond it.
struct Schedule {
  enum class Decay { constant, linear, cosine };
  double peak = 1e-3;
  std::int64_t warmup = 0;
  std::int64_t horizon = 0;
  Decay decay = Decay::cosine;
  double final_ratio = 0.1;
  double at(std::int64_t step) const;  ///< step: 0 for the first
};

struct TrainerOptions {
  Schedule schedule;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  ///< decoupled (AdamW), on tensors of two or more dimensions only
  double clip = 1.0;          ///< largest global gradient norm; 0: no clipping
};

/// AdamW (Decoupled Weight Decay Regularization) with warm-up, decay and clipping over any differentiable
/// loss. Deterministic; its whole state goes into a checkpoint, and a run resumed from it goes on bit for
/// bit. Not thread safe.
class Trainer {
 public:
  Trainer(std::vector<torch::Tensor> parameters, std::vector<std::string> names, TrainerOptions options);

  struct Step {
    double loss = 0.0;
    double gradient_norm = 0.0;  ///< before clipping
    bool finite = true;          ///< false: loss or gradient is NaN or infinite; nothing was updated
  };
  /// One update from the loss that `loss` computes (given the step's number, 0 first).
  Step step(const std::function<torch::Tensor(std::int64_t)>& loss);
  std::int64_t steps() const { return steps_; }

  /// Weights ("weight/NAME"), moments ("adam.m/NAME", "adam.v/NAME") and the step count.
  void save(Checkpoint& checkpoint) const;
  /// Throws Error where the checkpoint does not fit these parameters.
  void load(const Checkpoint& checkpoint);

 private:
  std::vector<torch::Tensor> parameters_;
  std::vector<std::string> names_;
  TrainerOptions options_;
  std::int64_t steps_ = 0;
  std::vector<torch::Tensor> first_moment_;
  std::vector<torch::Tensor> second_moment_;
};

}  // namespace hone::train
