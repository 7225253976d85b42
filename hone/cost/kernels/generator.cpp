#include "hone/cost/kernels/generator.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/kernels/families.h"

namespace hone::cost {

namespace {

constexpr std::uint64_t kGroupSize = 8;
constexpr std::uint64_t kSameSize = 4;  ///< so many of a group differ in their schedule only

// Frequent kinds stand here more than once in `weight`.
struct Weighted {
  NamedFamily family;
  int weight;
};

const std::vector<Weighted>& families() {
  static const std::vector<Weighted> all = {
      {{"attention", write_attention}, 2},
      {{"banded", write_banded}, 2},
      {{"batched_matmul", write_batched_matmul}, 2},
      {{"bodies", write_bodies}, 2},
      {{"butterflies", write_butterflies}, 2},
      {{"chain", write_chain}, 4},
      {{"choices", write_choices}, 2},
      {{"complex", write_complex}, 2},
      {{"contraction", write_contraction}, 3},
      {{"convolution_1d", write_convolution_1d}, 2},
      {{"convolution_2d", write_convolution_2d}, 3},
      {{"depthwise", write_depthwise}, 2},
      {{"distances", write_distances}, 2},
      {{"dynamic_programme", write_dynamic_programme}, 2},
      {{"elementwise", write_elementwise}, 4},
      {{"fields", write_fields}, 2},
      {{"formula", write_formula}, 2},
      {{"gates", write_gates}, 2},
      {{"gather", write_gather}, 2},
      {{"gradients", write_gradients}, 2},
      {{"graph_attention", write_graph_attention, true}, 1},
      {{"graph_convolution", write_graph_convolution, true}, 2},
      {{"graph_elementwise", write_graph_elementwise, true}, 2},
      {{"graph_normalisation", write_graph_normalisation, true}, 1},
      {{"graph_perceptron", write_graph_perceptron, true}, 2},
      {{"hydrodynamics", write_hydrodynamics}, 2},
      {{"in_place_stencil", write_in_place_stencil}, 2},
      {{"iterated", write_iterated}, 2},
      {{"kronecker", write_kronecker}, 2},
      {{"lattice", write_lattice}, 2},
      {{"loss", write_loss}, 2},
      {{"many_statistics", write_many_statistics}, 2},
      {{"matmul", write_matmul}, 6},
      {{"matmul_chain", write_matmul_chain}, 3},
      {{"matvec", write_matvec}, 4},
      {{"movement", write_movement}, 2},
      {{"normalisation", write_normalisation}, 2},
      {{"optimiser", write_optimiser}, 2},
      {{"outer_product", write_outer_product}, 2},
      {{"pixels", write_pixels}, 2},
      {{"polynomial", write_polynomial}, 2},
      {{"pooling", write_pooling}, 2},
      {{"quantised", write_quantised}, 2},
      {{"random_nest", write_random_nest}, 6},
      {{"random_numbers", write_random_numbers}, 2},
      {{"recursive_filter", write_recursive_filter}, 2},
      {{"reduction", write_reduction}, 3},
      {{"resampling", write_resampling}, 2},
      {{"rotary", write_rotary}, 2},
      {{"running_sums", write_running_sums}, 2},
      {{"scan", write_scan}, 2},
      {{"scatter", write_scatter}, 2},
      {{"small_matrices", write_small_matrices}, 2},
      {{"softmax", write_softmax}, 2},
      {{"solve", write_solve}, 2},
      {{"sorting", write_sorting}, 2},
      {{"statistics", write_statistics}, 2},
      {{"stencil", write_stencil}, 5},
      {{"symmetric", write_symmetric}, 2},
      {{"transpose", write_transpose}, 3},
      {{"triangular", write_triangular}, 4},
      {{"window", write_window}, 2},
      {{"written_out", write_written_out}, 2},
  };
  return all;
}

const NamedFamily& family_of(Rng& rng, const std::vector<std::string>& wanted) {
  const auto counts = [&](const Weighted& one) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), one.family.name) != wanted.end();
  };
  std::uint64_t total = 0;
  for (const auto& one : families())
    if (counts(one)) total += static_cast<std::uint64_t>(one.weight);
  if (total == 0)
    throw Error("there is no such family of kernels", {},
                suggest(wanted.empty() ? "" : wanted.front(), kernel_families()));
  auto place = static_cast<std::int64_t>(rng.below(total));
  for (const auto& one : families())
    if (counts(one) && (place -= one.weight) < 0) return one.family;
  throw internal_error("no family was drawn");
}

/// Passes on affine loops, in an order that a compiler engineer may choose.
std::string random_schedule(Rng& rng, bool tensors) {
  std::vector<std::string> passes;
  const auto chance = [&](double probability) { return rng.uniform() < probability; };
  const auto factor = [&](std::vector<int> list) { return list[rng.below(list.size())]; };
  if (tensors) {
    if (chance(0.5)) return "linalg-fuse-elementwise-ops";
    return "func.func(linalg-generalize-named-ops)";
  }
  // The compiler's vectoriser is safe only by itself.
  if (chance(0.12))
    return fmt::format("func.func(affine-super-vectorize{{virtual-vector-size={}}}),canonicalize",
                       factor({4, 8, 16}));
  if (chance(0.25))
    passes.push_back(fmt::format("affine-loop-fusion{{mode={}}}",
                                 std::vector<std::string>{"greedy", "producer", "sibling"}[rng.below(3)]));
  if (chance(0.5))
    passes.push_back(chance(0.7) ? fmt::format("affine-loop-tile{{tile-size={}}}", factor({4, 8, 16, 32, 64}))
                                 : fmt::format("affine-loop-tile{{cache-size={}}}", factor({32, 512, 4096})));
  if (chance(0.25))
    passes.push_back(fmt::format("affine-loop-unroll-jam{{unroll-jam-factor={}}}", factor({2, 4, 8})));
  if (chance(0.35))
    passes.push_back(fmt::format("affine-loop-unroll{{unroll-factor={}}}", factor({2, 4, 8, 16})));
  if (chance(0.3)) passes.push_back("affine-loop-invariant-code-motion");
  if (chance(0.4)) passes.push_back("affine-scalrep");
  if (passes.empty()) passes.push_back("affine-scalrep");
  return fmt::format("func.func({}),canonicalize", fmt::join(passes, ","));
}

}  // namespace

KernelText::Dims KernelDraw::extents(std::size_t count, double per, std::int64_t low) {
  std::vector<double> shares;
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) sum += shares.emplace_back(size.uniform(0.4, 1.6));
  const double total =
      std::log(std::max(work / per, std::pow(static_cast<double>(low), static_cast<double>(count))));
  const std::uint64_t rounding = size.below(4);
  KernelText::Dims dims;
  for (const double share : shares) {
    double extent = std::exp(total * share / sum);
    if (rounding == 1) extent = std::exp2(std::round(std::log2(extent)));
    if (rounding == 2 && extent > 12) extent = std::round(extent / 8) * 8;
    dims.push_back(std::max(low, static_cast<std::int64_t>(std::lround(extent))));
  }
  return dims;
}

std::string random_expression(KernelText& text, KernelDraw& draw, std::vector<std::string> values,
                              std::int64_t most) {
  static const std::vector<std::string> unary = {"math.sqrt",  "math.exp",   "math.absf", "math.tanh",
                                                 "arith.negf", "math.log1p", "math.sin"};
  const std::int64_t operations = draw.pick(1, most);
  std::string last = values.front();
  std::size_t unused = 1;
  for (std::int64_t i = 0; i < operations || unused < values.size(); ++i) {
    const std::string other = unused < values.size() ? values[unused++] : draw.any(values);
    switch (draw.pick(0, 9)) {
      case 0:
      case 1:
      case 2:
        last = text.add(last, other);
        break;
      case 3:
      case 4:
        last = text.mul(last, other);
        break;
      case 5:
        last = text.sub(last, other);
        break;
      case 6:
        last = text.max(last, other);
        break;
      case 7:
        last = text.add(text.mul(last, text.constant(0.5 + draw.group.uniform())), other);
        break;
      case 8:
        last = draw.chance(0.3) ? text.div(last, other) : text.min(last, other);
        break;
      default:
        last = text.add(draw.chance(0.4) ? text.unary(draw.any(unary), last) : text.mul(last, last), other);
    }
  }
  return last;
}

GeneratedKernel generate_kernel(std::uint64_t seed, std::uint64_t number,
                                const std::vector<std::string>& wanted) {
  const std::uint64_t group = number / kGroupSize, sized = number / kSameSize;
  Rng choice(seed, "kernel family", group);
  const NamedFamily& family = family_of(choice, wanted);
  const double type = choice.uniform();
  KernelText text(type < 0.6 ? "f32" : type < 0.9 ? "f64" : "i32");

  Rng size(seed, "kernel size", sized);
  const double work = std::exp(size.uniform(std::log(1e3), std::log(1.2e7)));
  KernelDraw draw{Rng(seed, "kernel group", group), size, work};
  family.write(text, draw);

  GeneratedKernel kernel;
  kernel.number = number;
  kernel.family = family.name;
  kernel.group = fmt::format("{}/{}/{}", family.name, seed, group);
  kernel.text = text.text();
  if (Rng schedule(seed, "kernel schedule", number); number % kSameSize != 0)
    kernel.schedule = random_schedule(schedule, family.tensors);
  return kernel;
}

std::vector<std::string> kernel_families() {
  std::vector<std::string> names;
  for (const auto& one : families()) names.emplace_back(one.family.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace hone::cost
