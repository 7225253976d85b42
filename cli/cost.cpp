// hone cost: what a design, an MLIR file or an LLM call costs, with no run.
#include "cost.h"

namespace hone::cli {

void add_cost(CLI::App& app, Action& action) {
  auto* cost =
      app.add_subcommand("cost", "Know what a design, an MLIR file or an LLM call costs before running it");
  cost->require_subcommand(1);
  add_cost_devices(*cost, action);
  add_cost_gemm(*cost, action);
  add_cost_llm(*cost, action);
  add_cost_mlir(*cost, action);
  add_cost_predict(*cost, action);
  add_cost_tune(*cost, action);
  add_cost_recur(*cost, action);
  add_cost_simulate(*cost, action);
  add_cost_simulate_learn(*cost, action);
}

}  // namespace hone::cli
