#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hone/task/text.h"
#include "hone/train/checkpoint.h"
#include "hone/train/model.h"
#include "hone/train/trainer.h"

namespace hone::learn {

/// One language model in training. Everything random is drawn from (seed, step), so that a run depends on its
/// config, seed and horizon alone, and one resumed from its checkpoint goes on bit for bit. Not thread safe.
class TextTraining {
 public:
  /// horizon: the step at which the learning rate's decay ends.
  TextTraining(const task::TextTask& task, const space::Config& config, std::uint64_t seed,
               std::int64_t horizon);

  /// One update on `batch` random windows of the training text. The loss is in nats a character.
  train::Trainer::Step step();
  std::int64_t steps() const { return trainer_.steps(); }

  /// Bits per character on windows of one context spread evenly over the split, at most `characters` of them
  /// in all; an unknown character costs its symbol and a code point. NaN where interrupted.
  double bits_per_char(task::Split split, std::int64_t characters,
                       const std::function<bool()>& interrupted = {});

  train::Model& model() { return model_; }
  const task::TextSettings& settings() const { return settings_; }

  /// Writes weights, optimiser state and all that generation needs. Throws Error (environment).
  void save(const std::string& path) const;
  /// Continues from a checkpoint of the same config, seed and horizon. Throws Error where it is another's.
  void load(const std::string& path);
  /// Seconds of training in all, for the checkpoint's header.
  double train_s = 0.0;
  /// What else the caller wants to find again in the checkpoint.
  Json notes = Json::object();

 private:
  Json identity() const;

  const task::TextTask& task_;
  space::Config config_;
  std::uint64_t seed_;
  std::int64_t horizon_;
  task::TextSettings settings_;
  train::Model model_;
  train::Trainer trainer_;
};

train::TrainerOptions trainer_options(const task::TextSettings& settings, std::int64_t horizon);

}  // namespace hone::learn
