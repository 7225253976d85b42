#include "hone/learn/text_costs.h"

#include <algorithm>

#include "hone/cost/stopwatch.h"
#include "hone/train/model.h"

namespace hone::learn {

study::Measures text_costs(const graph::Graph& graph, int context, const cost::Interrupted& interrupted) {
  const graph::Graph one = graph.with_input("tokens", {1, 1});
  train::Model model(one, 0);
  // A generation as it happens: one token after the other over a growing cache, the likeliest each time.
  const std::int64_t tokens = std::min<std::int64_t>(16, context);
  const auto generate = [&] {
    const torch::InferenceMode inference;
    auto state = model.start_decode();
    torch::Tensor token = torch::zeros({1, 1}, torch::kInt64);
    for (std::int64_t i = 0; i < tokens; ++i) token = model.decode(token, state).argmax(-1);
  };
  cost::TimingOptions options;
  // The machine stands still meanwhile, so no longer than a low quantile needs.
  options.warmup = 1;
  options.rounds = 3;
  options.repeats = 3;
  options.extra_repeats = 3;
  options.extra_rounds = 1;
  options.max_seconds = 1.0;
  const cost::Timing timing = cost::measure(generate, options, interrupted);
  return {{"latency_s", timing.seconds / static_cast<double>(tokens)}, {"latency_spread", timing.spread}};
}

}  // namespace hone::learn
