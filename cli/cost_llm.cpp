#include "cost.h"

namespace hone::cli {

void add_cost_llm(CLI::App&, Action&) {}

}  // namespace hone::cli
