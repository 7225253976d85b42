#include "cost.h"

namespace hone::cli {

void add_cost_tune(CLI::App&, Action&) {}

}  // namespace hone::cli
