#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hone/learn/training.h"
#include "hone/task/text.h"

namespace hone::learn {

/// One language model in training.
class TextTraining final : public Training {
 public:
  /// horizon: the step at which the learning rate's decay ends.
  TextTraining(const task::TextTask& task, const space::Config& config, std::uint64_t seed,
               std::int64_t horizon);

  /// One update on `batch` random windows of the training text. The loss is in nats a character.
  train::Trainer::Step step() override;

  /// Bits per character on windows of one context spread evenly over the split, at most `characters` of them
  /// in all; an unknown character costs its symbol and a code point. NaN where interrupted.
  double bits_per_char(task::Split split, std::int64_t characters,
                       const std::function<bool()>& interrupted = {});

  const task::TextSettings& settings() const { return settings_; }

 private:
  TextTraining(const task::TextTask& task, const space::Config& config, std::uint64_t seed,
               std::int64_t horizon, task::TextSettings settings);
  std::string task_name() const override { return "text"; }
  std::string data_name() const override { return "text"; }
  /// What generation needs.
  void describe(Json& header) const override;

  const task::TextTask& task_;
  task::TextSettings settings_;
};

/// `horizon`: the step at which the learning rate's decay ends.
train::TrainerOptions trainer_options(const task::TextSettings& settings, std::int64_t horizon);

}  // namespace hone::learn
