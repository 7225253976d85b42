#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hone/cost/llm/measured.h"
#include "hone/run/cost_bench.h"

namespace hone::run {

/// Which steps are held out together: a key of a step of a deployment; "": never held out.
using FoldKey = std::function<std::string(const cost::MeasuredDeployment&, const cost::LlmStepMeasure&)>;

/// Holds out the steps of each key in turn (together with those of copies), learns from the rest, predicts
/// them; with an empty function everything is learned from and predicted. Targets: token_s (also the median
/// of its errors), prompt_s, and request_s, a prompt with 127 further tokens where both were held out.
/// Models: "calibrated" (constants, profiles and residuals), "constants" (without residuals), "uncalibrated"
/// (hone's defaults), and the baselines roofline, mean, linear on parameters, linear on layers, and, where
/// the same deployment was measured at other sizes, interpolation between them.
std::vector<CostScore> fold_scores(const std::string& suite,
                                   const std::vector<cost::MeasuredDeployment>& measured, const FoldKey& key,
                                   const CostBenchOptions& options);

}  // namespace hone::run
