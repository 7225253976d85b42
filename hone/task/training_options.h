#pragma once

#include <string>
#include <vector>

#include "hone/base/options.h"

namespace hone::task {

// Options that tasks which train with gradients have in common; each has defaults of its own.

/// "batch": so many of `what` a step.
OptionSpec batch_option(int fallback, const std::string& what, double low, double high);
/// "lr".
OptionSpec lr_option(double fallback, const std::string& summary);
/// "weight_decay".
OptionSpec weight_decay_option(double fallback, const std::string& summary);
/// "warmup", "decay" and "final_lr": how the learning rate moves.
std::vector<OptionSpec> schedule_options(double warmup, double final_lr);

/// All of several tables, one after the other.
std::vector<OptionSpec> all_options(std::vector<std::vector<OptionSpec>> tables);

}  // namespace hone::task
