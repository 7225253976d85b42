#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/task/image.h"
#include "hone/train/checkpoint.h"
#include "hone/train/model.h"
#include "hone/train/trainer.h"

namespace hone::learn {

/// One network of cells in training. Everything random is drawn from (seed, step), so that a run depends on
/// its config, seed and horizon alone, and one resumed from its checkpoint goes on bit for bit. Not thread
/// safe.
class ImageTraining {
 public:
  /// horizon: the units of fidelity at which the learning rate's decay ends.
  ImageTraining(const task::ImageTask& task, const space::Config& config, std::uint64_t seed,
                std::int64_t horizon);

  /// One update on the next batch: every pass goes through the training images in an order of its own; those
  /// that make no whole batch at its end wait for another pass. The loss is in nats.
  train::Trainer::Step step();
  std::int64_t steps() const { return trainer_.steps(); }
  std::int64_t steps_per_unit() const { return settings_.steps_per_unit; }

  struct Judged {
    double error = 0.0;  ///< share
    double loss = 0.0;   ///< nats
  };
  /// Over all images of the split, with the stored moments. NaN where interrupted.
  Judged judge(task::Split split, const std::function<bool()>& interrupted = {});

  train::Model& model() { return model_; }
  const task::ImageSettings& settings() const { return settings_; }

  /// Writes weights, moments and optimiser state. Throws Error (environment).
  void save(const std::string& path) const;
  /// Continues from a checkpoint of the same config, seed and horizon. Throws Error where it is another's.
  void load(const std::string& path);
  /// Seconds of training in all, for the checkpoint's header.
  double train_s = 0.0;
  /// What else the caller wants to find again in the checkpoint.
  Json notes = Json::object();

 private:
  Json identity() const;
  /// float32 [n, channels, height, width], every channel brought to mean 0 and deviation 1.
  torch::Tensor batch_of(const task::LabelledImages& images, const std::size_t* which, std::size_t n) const;
  void augment(torch::Tensor& batch, std::int64_t step) const;

  const task::ImageTask& task_;
  space::Config config_;
  std::uint64_t seed_;
  std::int64_t horizon_;
  task::ImageSettings settings_;
  train::Model model_;
  train::Trainer trainer_;
  std::vector<std::size_t> order_;  ///< of the pass at hand
  std::int64_t pass_ = -1;
};

/// `horizon` in steps.
train::TrainerOptions trainer_options(const task::ImageSettings& settings, std::int64_t horizon);
/// int64 [n], of which the first is image `which[0]`'s class.
torch::Tensor labels_of(const task::LabelledImages& images, const std::size_t* which, std::size_t n);

}  // namespace hone::learn
