#pragma once

#include "../command.h"

namespace hone::cli {

// One file a group of subcommands.
void add_label_make(CLI::App& app, Action& action);    ///< make, summary, families, kernel
void add_label_show(CLI::App& app, Action& action);    ///< show
void add_label_tune(CLI::App& app, Action& action);    ///< tune, bench-tune
void add_label_runner(CLI::App& app, Action& action);  ///< runner

}  // namespace hone::cli
