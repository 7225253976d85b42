#include "cost.h"

namespace hone::cli {

void add_cost_mlir(CLI::App&, Action&) {}

}  // namespace hone::cli
