#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "hone/base/json.h"
#include "hone/base/key.h"
#include "hone/space/config.h"
#include "hone/train/checkpoint.h"
#include "hone/train/model.h"
#include "hone/train/trainer.h"

namespace hone::learn {

/// One design in training. Everything random is drawn from (seed, step), so that a run depends on its config,
/// seed and horizon alone, and one resumed from its checkpoint goes on bit for bit. Not thread safe.
class Training {
 public:
  virtual ~Training() = default;
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// One update; the loss is in nats.
  virtual train::Trainer::Step step() = 0;
  std::int64_t steps() const { return trainer_.steps(); }
  train::Model& model() { return model_; }

  /// Writes weights, moments, optimiser state and what describe() adds. Throws Error (environment).
  void save(const std::string& path) const;
  /// Continues from a checkpoint of the same task, config, seed, horizon and data. Throws Error where it is
  /// another's.
  void load(const std::string& path);
  /// Seconds of training in all, for the checkpoint's header.
  double train_s = 0.0;
  /// What else the caller wants to find again in the checkpoint.
  Json notes = Json::object();

 protected:
  /// By what a checkpoint is told from another run's.
  struct Run {
    space::Config config;
    std::uint64_t seed = 0;
    std::int64_t horizon = 0;  ///< in units of fidelity
    Key data;
  };
  Training(Run run, train::Model model, const train::TrainerOptions& options);

  std::uint64_t seed() const { return run_.seed; }
  /// The task's name, and what it calls its data.
  virtual std::string task_name() const = 0;
  virtual std::string data_name() const = 0;
  /// Adds to a checkpoint's header what the task's own readers need.
  virtual void describe(Json& header) const = 0;

  train::Model model_;
  train::Trainer trainer_;

 private:
  Json identity() const;

  Run run_;
};

/// The learning rate's way that a task's settings (lr, warmup, decay, final_lr) ask for; `horizon` in steps.
template <class Settings>
train::Schedule schedule_of(const Settings& settings, std::int64_t horizon) {
  return {.peak = settings.lr,
          .warmup = std::llround(settings.warmup * static_cast<double>(horizon)),
          .horizon = horizon,
          .decay = train::Schedule::decay_from_name(settings.decay),
          .final_ratio = settings.final_lr};
}

}  // namespace hone::learn
