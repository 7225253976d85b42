#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "hone/study/trial.h"
#include "hone/task/text.h"

namespace hone::learn {

/// How a trial's design is trained at full budget.
struct TrainDesign {
  std::int64_t steps = 0;  ///< also the learning rate's horizon
  std::string output;      ///< the saved model; while training its checkpoint is OUTPUT.part
  std::function<bool()> interrupted;
  /// (step, bits per character of the last training steps, seconds so far)
  std::function<void(std::int64_t, double, double)> progress;
};

struct Trained {
  bool finished = false;
  std::int64_t steps = 0;
  study::Measures measures;  ///< bits per character on the whole validation and test text, costs
};

/// Trains the design of a text study's trial from its beginning, or from OUTPUT.part where an interrupted run
/// left one, and saves it. Throws Error where it diverges, or where the task has no models.
Trained train_design(std::shared_ptr<const task::Task> task, const study::Trial& trial,
                     const TrainDesign& design);

}  // namespace hone::learn
