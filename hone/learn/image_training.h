#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/learn/training.h"
#include "hone/task/image.h"

namespace hone::learn {

/// One network of cells in training.
class ImageTraining final : public Training {
 public:
  /// horizon: the units of fidelity at which the learning rate's decay ends.
  ImageTraining(const task::ImageTask& task, const space::Config& config, std::uint64_t seed,
                std::int64_t horizon);

  /// One update on the next batch: every pass goes through the training images in an order of its own; those
  /// that make no whole batch at its end wait for another pass. The loss is in nats.
  train::Trainer::Step step() override;
  std::int64_t steps_per_unit() const { return settings_.steps_per_unit; }

  struct Judged {
    double error = 0.0;  ///< share
    double loss = 0.0;   ///< nats
  };
  /// Over all images of the split, with the stored moments. NaN where interrupted.
  Judged judge(task::Split split, const std::function<bool()>& interrupted = {});

  const task::ImageSettings& settings() const { return settings_; }

 private:
  ImageTraining(const task::ImageTask& task, const space::Config& config, std::uint64_t seed,
                std::int64_t horizon, task::ImageSettings settings);
  std::string task_name() const override { return "image"; }
  std::string data_name() const override { return "set of images"; }
  /// How pixels are brought to mean 0 and deviation 1.
  void describe(Json& header) const override;
  /// float32 [n, channels, height, width], every channel brought to mean 0 and deviation 1.
  torch::Tensor batch_of(const task::LabelledImages& images, const std::size_t* which, std::size_t n) const;
  void augment(torch::Tensor& batch, std::int64_t step) const;

  const task::ImageTask& task_;
  task::ImageSettings settings_;
  std::vector<std::size_t> order_;  ///< of the pass at hand
  std::int64_t pass_ = -1;
};

/// `horizon`: the step at which the learning rate's decay ends.
train::TrainerOptions trainer_options(const task::ImageSettings& settings, std::int64_t horizon);
/// int64 [n], of which the first is image `which[0]`'s class.
torch::Tensor labels_of(const task::LabelledImages& images, const std::size_t* which, std::size_t n);

}  // namespace hone::learn
