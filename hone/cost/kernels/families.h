#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "hone/base/rng.h"
#include "hone/cost/kernels/text.h"

namespace hone::cost {

/// Where a family's kernel comes from. `group` decides what is computed, the same for all kernels of a group;
/// `size` decides how large. A family draws from `group` in the same order whatever `size` gives.
struct KernelDraw {
  Rng group;
  Rng size;
  double work;  ///< how many innermost iterations to aim at

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(group.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(double probability) { return group.uniform() < probability; }
  template <typename T>
  const T& any(const std::vector<T>& list) {
    return list[group.below(list.size())];
  }
  /// `count` extents whose product is about work / per, none below `low`: unequal, at times powers of two or
  /// multiples of eight.
  KernelText::Dims extents(std::size_t count, double per = 1.0, std::int64_t low = 2);
};

using KernelFamily = void (*)(KernelText&, KernelDraw&);

struct NamedFamily {
  const char* name;
  KernelFamily write;
  bool tensors = false;
};

// One file a kind.
void write_elementwise(KernelText& text, KernelDraw& draw);
void write_reduction(KernelText& text, KernelDraw& draw);
void write_transpose(KernelText& text, KernelDraw& draw);
void write_scan(KernelText& text, KernelDraw& draw);
void write_random_nest(KernelText& text, KernelDraw& draw);
void write_chain(KernelText& text, KernelDraw& draw);

void write_matvec(KernelText& text, KernelDraw& draw);
void write_matmul(KernelText& text, KernelDraw& draw);
void write_batched_matmul(KernelText& text, KernelDraw& draw);
void write_matmul_chain(KernelText& text, KernelDraw& draw);
void write_triangular(KernelText& text, KernelDraw& draw);
void write_solve(KernelText& text, KernelDraw& draw);
void write_contraction(KernelText& text, KernelDraw& draw);
void write_outer_product(KernelText& text, KernelDraw& draw);
void write_statistics(KernelText& text, KernelDraw& draw);

void write_stencil(KernelText& text, KernelDraw& draw);
void write_in_place_stencil(KernelText& text, KernelDraw& draw);
void write_fields(KernelText& text, KernelDraw& draw);
void write_convolution_1d(KernelText& text, KernelDraw& draw);
void write_convolution_2d(KernelText& text, KernelDraw& draw);
void write_depthwise(KernelText& text, KernelDraw& draw);
void write_pooling(KernelText& text, KernelDraw& draw);

void write_softmax(KernelText& text, KernelDraw& draw);
void write_attention(KernelText& text, KernelDraw& draw);
void write_normalisation(KernelText& text, KernelDraw& draw);

void write_polynomial(KernelText& text, KernelDraw& draw);
void write_butterflies(KernelText& text, KernelDraw& draw);
void write_complex(KernelText& text, KernelDraw& draw);
void write_pixels(KernelText& text, KernelDraw& draw);
void write_resampling(KernelText& text, KernelDraw& draw);
void write_movement(KernelText& text, KernelDraw& draw);
void write_running_sums(KernelText& text, KernelDraw& draw);
void write_recursive_filter(KernelText& text, KernelDraw& draw);
void write_window(KernelText& text, KernelDraw& draw);

void write_gather(KernelText& text, KernelDraw& draw);
void write_scatter(KernelText& text, KernelDraw& draw);
void write_dynamic_programme(KernelText& text, KernelDraw& draw);
void write_distances(KernelText& text, KernelDraw& draw);
void write_bodies(KernelText& text, KernelDraw& draw);
void write_choices(KernelText& text, KernelDraw& draw);
void write_sorting(KernelText& text, KernelDraw& draw);
void write_many_statistics(KernelText& text, KernelDraw& draw);
void write_random_numbers(KernelText& text, KernelDraw& draw);
void write_iterated(KernelText& text, KernelDraw& draw);

void write_lattice(KernelText& text, KernelDraw& draw);
void write_banded(KernelText& text, KernelDraw& draw);
void write_symmetric(KernelText& text, KernelDraw& draw);
void write_kronecker(KernelText& text, KernelDraw& draw);
void write_small_matrices(KernelText& text, KernelDraw& draw);
void write_written_out(KernelText& text, KernelDraw& draw);
void write_formula(KernelText& text, KernelDraw& draw);
void write_hydrodynamics(KernelText& text, KernelDraw& draw);

void write_optimiser(KernelText& text, KernelDraw& draw);
void write_loss(KernelText& text, KernelDraw& draw);
void write_rotary(KernelText& text, KernelDraw& draw);
void write_gates(KernelText& text, KernelDraw& draw);
void write_gradients(KernelText& text, KernelDraw& draw);
void write_quantised(KernelText& text, KernelDraw& draw);

void write_graph_elementwise(KernelText& text, KernelDraw& draw);
void write_graph_perceptron(KernelText& text, KernelDraw& draw);
void write_graph_attention(KernelText& text, KernelDraw& draw);
void write_graph_convolution(KernelText& text, KernelDraw& draw);
void write_graph_normalisation(KernelText& text, KernelDraw& draw);

/// One to `most` operations on values that are there, at random; the last one's result.
std::string random_expression(KernelText& text, KernelDraw& draw, std::vector<std::string> values,
                              std::int64_t most);

}  // namespace hone::cost
