#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "hone/study/trial.h"
#include "hone/task/task.h"

namespace hone::learn {

/// How a trial's design is trained at full budget.
struct TrainDesign {
  std::int64_t steps = 0;  ///< units of the task's fidelity; also the learning rate's horizon
  std::string output;      ///< the saved model; while training its checkpoint is OUTPUT.part
  std::function<bool()> interrupted;
  /// (units so far, training loss of the last steps in loss_unit(), seconds so far)
  std::function<void(double, double, double)> progress;
};

struct Trained {
  bool finished = false;
  std::int64_t steps = 0;    ///< units reached
  study::Measures measures;  ///< quality on the whole validation and test data, costs
};

/// Trains the design of a trial of task text or image from its beginning, or from OUTPUT.part where an
/// interrupted run left one, and saves it. Throws Error where OUTPUT cannot be
/// written (before any training), where it diverges, or where the task has no models.
Trained train_design(std::shared_ptr<const task::Task> task, const study::Trial& trial,
                     const TrainDesign& design);

/// What a task's training losses are in: "bits/char", "nats".
std::string loss_unit(const task::Task& task);

}  // namespace hone::learn
