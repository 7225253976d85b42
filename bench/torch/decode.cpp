// Latency of one decoded token, and what a model costs to make. One thread; see DEPENDENCIES for the
// environment that OpenBLAS needs. Prints the median of many tokens, in microseconds.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <torch/torch.h>

#include "hone/base/clock.h"
#include "hone/base/registry.h"
#include "hone/graph/decoder.h"
#include "hone/train/model.h"

namespace {

using hone::graph::DecoderSpec;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

DecoderSpec spec_of(int layers, int width, bool tokenized) {
  DecoderSpec spec{.vocabulary = 96, .context = 128, .width = width};
  spec.layers.assign(static_cast<std::size_t>(layers),
                     {.tokenized = tokenized, .heads = 4, .tokens = width, .ffn_tokens = 4 * width});
  return spec;
}

double token_us(const DecoderSpec& spec) {
  hone::train::Model model(hone::graph::decoder(spec, 1, spec.context), 1);
  const torch::Tensor token = torch::ones({1, 1}, torch::kInt64);
  std::vector<double> times;
  for (int round = 0; round < 8; ++round) {
    auto state = model.start_decode();
    for (int i = 0; i < spec.context; ++i) {
      const double start = hone::monotonic_s();
      model.decode(token, state);
      times.push_back(1e6 * (hone::monotonic_s() - start));
    }
  }
  return median(times);
}

}  // namespace

int main() {
  hone::add_methods(hone::detail::collect_hone_train);
  at::set_num_threads(1);
  std::printf("one decoded token, microseconds (context 128, 4 heads, vocabulary 96)\n");
  std::printf("%8s %8s %10s %10s\n", "layers", "width", "plain", "tokenized");
  for (int width : {32, 128})
    for (int layers : {0, 1, 2, 4})
      std::printf("%8d %8d %10.1f %10.1f\n", layers, width, token_us(spec_of(layers, width, false)),
                  token_us(spec_of(layers, width, true)));

  std::vector<double> making;
  const auto graph = hone::graph::decoder(spec_of(4, 128, false), 1, 128);
  for (int i = 0; i < 9; ++i) {
    const double start = hone::monotonic_s();
    const hone::train::Model model(graph, static_cast<std::uint64_t>(i));
    making.push_back(hone::monotonic_s() - start);
  }
  std::printf("a model of %lld parameters is made in %.1f ms\n",
              static_cast<long long>(graph.parameter_count()), 1e3 * median(making));
  std::vector<double> keys;
  for (int i = 0; i < 50; ++i) {
    const double start = hone::monotonic_s();
    hone::graph::canonical(graph);
    keys.push_back(hone::monotonic_s() - start);
  }
  std::printf("its structural key takes %.0f us\n", 1e6 * median(keys));
}
