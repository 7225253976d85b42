#pragma once

#include "cost_llm.h"
#include "hone/cost/gemm/gemm_forest.h"

namespace hone::cli {

// Below `cost gemm`.
void add_cost_gemm_measure(CLI::App& gemm, Action& action);  ///< measure
void add_cost_gemm_use(CLI::App& gemm, Action& action);      ///< predict, choose

/// What a forest says of itself on shapes that were held out: a table, and how well it chose.
std::string gemm_scores_text(const cost::GemmForest& forest);

}  // namespace hone::cli
