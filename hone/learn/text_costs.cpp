#include "hone/learn/text_costs.h"

#include <algorithm>

#include "hone/cost/machine_lock.h"
#include "hone/cost/stopwatch.h"
#include "hone/train/model.h"

namespace hone::learn {
namespace {

/// So many tokens of the window are read at once: their attention's scores fit beside the model.
constexpr std::int64_t kAtOnce = 512;

void fill(train::Model& model, train::Model::Decode& state, std::int64_t length,
          const cost::Interrupted& interrupted) {
  const torch::InferenceMode inference;
  while (state.position < length && !(interrupted && interrupted()))
    model.decode(torch::zeros({1, std::min(kAtOnce, length - state.position)}, torch::kInt64), state);
}

}  // namespace

study::Measures text_costs(const graph::Graph& graph, int context, const cost::Interrupted& interrupted) {
  const graph::Graph one = graph.with_input("tokens", {1, context});
  train::Model model(one, 0);
  // The end of a full window, where a token costs most: one after the other over the cache of those before,
  // the likeliest each time.
  const std::int64_t tokens = std::min<std::int64_t>(16, context);
  auto before = model.start_decode();
  {
    cost::MachineLock lock;
    const cost::Working working(lock, interrupted);
    if (!working.held()) return {};
    fill(model, before, context - tokens, interrupted);
  }
  const auto generate = [&] {
    const torch::InferenceMode inference;
    // The cache has room for the window: each time the same places are written over.
    auto state = before;
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
