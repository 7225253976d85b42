#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/cost/device_profile.h"
#include "hone/graph/graph.h"

namespace hone::cost {

/// Products of matrices that an operator is made of: `count` of [m, k] x [k, n], where k x n are the weights
/// (or what stands in their place) that stay in the array while m rows stream through it.
struct MatrixWork {
  std::int64_t count = 1, m = 0, k = 0, n = 0;
  double operations() const;  ///< multiply-accumulates
};

/// The products of linear, conv2d (as windows by filters, a product a group), causal_attention (both of its
/// products a head; the whole square) and token_parameter_attention. Others have none.
std::vector<MatrixWork> matrix_work(const graph::Graph& graph, int node);

/// How a systolic array of which weights stay in place is used.
struct ArrayUse {
  double cycles = 0.0;
  double cells = 0.0;        ///< share of the array's cells that hold a weight, on average
  double utilisation = 0.0;  ///< multiply-accumulates against cells x cycles
};

/// Weights in tiles of rows x columns; the next tile is loaded while m rows stream through, which then takes
/// the longer of m and the array's rows; filling and draining take rows + columns - 2 at the end. Tiles are
/// spread over the arrays.
ArrayUse array_use(const std::vector<MatrixWork>& works, const SystolicArray& array);

/// A change of an operator's shape.
struct ShapeChange {
  std::string what;  ///< "groups", "out", "in", "batch"
  std::int64_t from = 0, to = 0;
  double utilisation = 0.0;  ///< after it
  double cycles = 0.0;
  double operations = 0.0;  ///< multiply-accumulates, against those before
};

/// What would raise the utilisation, changes of the design before larger batches, what raises it most first:
/// channels filled up to the array's sides (by at most a half), and for grouped and depthwise convolutions
/// more channels a group: the change that "DRACO: Co-Optimizing Hardware Utilization, and Performance of DNNs
/// on Systolic Accelerator" (Jha et al., 2020) makes, since then a product is wide enough for the array and
/// its data are used again. Only changes that gain at least a hundredth are listed.
std::vector<ShapeChange> shape_changes(const graph::Graph& graph, int node, const SystolicArray& array);

}  // namespace hone::cost
