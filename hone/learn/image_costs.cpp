#include "hone/learn/image_costs.h"

#include "hone/cost/stopwatch.h"
#include "hone/train/model.h"

namespace hone::learn {

study::Measures image_costs(const graph::Graph& one, const cost::Interrupted& interrupted) {
  train::Model model(one, 0);
  model.set_training(false);
  torch::Tensor image;
  for (const graph::Node& node : one.nodes())
    if (node.op == "input") image = torch::zeros(node.shape, torch::kFloat32);
  const auto look = [&] {
    const torch::InferenceMode inference;
    model.forward(image);
  };
  cost::TimingOptions options;
  // The machine stands still meanwhile, so no longer than a low quantile needs.
  options.warmup = 2;
  options.rounds = 3;
  options.repeats = 5;
  options.extra_repeats = 5;
  options.extra_rounds = 1;
  options.max_seconds = 1.0;
  const cost::Timing timing = cost::measure(look, options, interrupted);
  return {{"latency_s", timing.seconds}, {"latency_spread", timing.spread}};
}

}  // namespace hone::learn
