#pragma once

#include "command.h"

namespace hone::cli {

/// Below `bench`.
void add_bench_cost(CLI::App& bench, Action& action);

}  // namespace hone::cli
