#include "hone/cost/model_inputs.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "hone/cost/loop_sums.h"
namespace hone::cost {
namespace {

/// Pairs of features whose ratio says more than either.
struct Ratio {
  const char *over, *under;
};
constexpr Ratio kRatios[] = {{"estimated_memory_cycles", "estimated_compute_cycles"},
                             {"estimated_chain_cycles", "estimated_compute_cycles"},
                             {"flops", "operation_count"},
                             {"flops_f64", "flops"},
                             {"divide_count", "operation_count"},
                             {"root_count", "operation_count"},
                             {"transcendental_count", "operation_count"},
                             {"integer_count", "operation_count"},
                             {"load_count", "operation_count"},
                             {"store_count", "operation_count"},
                             {"unit_stride_count", "operation_count"},
                             {"still_count", "operation_count"},
                             {"short_stride_count", "operation_count"},
                             {"long_stride_count", "operation_count"},
                             {"indirect_count", "operation_count"},
                             {"vectorizable_iterations", "innermost_iterations"},
                             {"real_reduction_iterations", "innermost_iterations"},
                             {"integer_reduction_iterations", "innermost_iterations"},
                             {"shifting_iterations", "innermost_iterations"},
                             {"traffic_32k_bytes", "operation_count"},
                             {"traffic_512k_bytes", "operation_count"},
                             {"traffic_8192k_bytes", "operation_count"},
                             {"traffic_32k_bytes", "footprint_bytes"},
                             {"traffic_512k_bytes", "footprint_bytes"},
                             {"loop_entries", "loop_iterations"},
                             {"operation_count", "innermost_iterations"}};

std::size_t feature_index(std::string_view name) {
  const std::vector<std::string>& names = mlir::feature_names();
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

std::vector<double> model_inputs(const mlir::Features& function) {
  const std::vector<double>& features = function.values;
  const mlir::LoopRows& loops = function.rows;
  static const std::vector<std::pair<std::size_t, std::size_t>> ratios = [] {
    std::vector<std::pair<std::size_t, std::size_t>> list;
    for (const Ratio& ratio : kRatios)
      list.emplace_back(feature_index(ratio.over), feature_index(ratio.under));
    return list;
  }();
  std::vector<double> inputs;
  inputs.reserve(features.size() + ratios.size());
  for (const double feature : features) inputs.push_back(std::log1p(std::max(0.0, feature)));
  for (const auto& [over, under] : ratios)
    inputs.push_back(std::log((features[over] + 1e-3 * features[under] + 1e-6) / (features[under] + 1e-6)));
  for (const auto* estimates :
       {&loops.estimates, &loops.core, &loops.instructions, &loops.spills, &loops.sizes})
    inputs.push_back(estimates->empty() ? 0.0 : log_of_sum(*estimates));
  // The loop that takes most.
  const std::size_t columns = mlir::loop_feature_names().size();
  const auto most =
      std::max_element(loops.estimates.begin(), loops.estimates.end()) - loops.estimates.begin();
  for (std::size_t c = 0; c < columns; ++c)
    inputs.push_back(loops.estimates.empty() ? 0.0
                                             : loops.values[static_cast<std::size_t>(most) * columns + c]);
  return inputs;
}

}  // namespace hone::cost
