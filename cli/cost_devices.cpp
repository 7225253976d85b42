#include "cost.h"

namespace hone::cli {

void add_cost_devices(CLI::App&, Action&) {}

}  // namespace hone::cli
