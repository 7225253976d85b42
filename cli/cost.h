#pragma once

#include "command.h"
#include "hone/cost/mlir/text.h"

namespace hone::cli {

/// The functions of an MLIR file; "-": of standard input. Throws Error where there are none.
cost::mlir::Module read_functions(const std::string& file);

// Below `cost`: one file a group of subcommands.
void add_cost_devices(CLI::App& cost, Action& action);         ///< calibrate, devices, and the next three
void add_cost_design(CLI::App& cost, Action& action);          ///< design
void add_cost_measure(CLI::App& cost, Action& action);         ///< measure
void add_cost_runner(CLI::App& cost, Action& action);          ///< runner
void add_cost_transfer(CLI::App& cost, Action& action);        ///< transfer
void add_cost_gemm(CLI::App& cost, Action& action);            ///< gemm
void add_cost_llm(CLI::App& cost, Action& action);             ///< fit, probe, estimate, llms
void add_cost_mlir(CLI::App& cost, Action& action);            ///< mlir, features
void add_cost_predict(CLI::App& cost, Action& action);         ///< learn, predict
void add_cost_tune(CLI::App& cost, Action& action);            ///< tune
void add_cost_simulate(CLI::App& cost, Action& action);        ///< simulate
void add_cost_simulate_learn(CLI::App& cost, Action& action);  ///< simulate-learn
void add_cost_recur(CLI::App& cost, Action& action);           ///< recur

}  // namespace hone::cli
