#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/base/key.h"
#include "hone/task/cell.h"
#include "hone/task/cell_functions.h"

namespace hone::task {

/// How cells are told apart without training any.
///
///   published          strings as NAS-Bench-201 counts its cells: a skip connection is its operand, a `none`
///                      is zero, a node whose only term is zero is zero (but "zero + x" is another string
///                      than "x"), terms are sorted. All 15,625 cells: 6,466.
///   structural         what zero contributes is gone, an operation on zero is zero, sums are flat and
///                      sorted. 4,930.
///   tanh_bias, tanh, relu_linear_pool
///                      by what the cell computes where every operation of a kind is one fixed random map of
///                      256-dimensional vectors, shared by all edges: tanh(W x + b); tanh(W x); W max(x, 0)
///                      with pooling linear, W x. 6,100, 4,930 and 4,540: with a bias an operation on zero is
///                      not zero; poolings of sums are sums of poolings, and rectified maps are homogeneous,
///                      conv(x + x) = conv(x) + conv(x).
///
/// All of them take operations of a kind on the same input for equal, as the benchmark's own strings do;
/// task::canonical does not.
struct CellClasses {
  std::string name;
  std::int64_t classes = 0;
  /// Of the functional ones: classes when the outputs are rounded to 1, 2, ... 9 decimals. That all are equal
  /// is the check that no two functions fall together by rounding and no equal ones apart.
  std::vector<std::int64_t> by_decimals = {};
  bool stable() const;
};

/// The five counts over designs (see cells_of()), in the order above. Two designs of several cells are one
/// class where all of their cells are. All of NAS-Bench-201: about half a second.
std::vector<CellClasses> class_counts(const std::vector<std::vector<Cell>>& designs);

/// A cell as a string, by one of the first two conventions.
enum class CellStrings { published, structural };
std::string cell_string(const Cell& cell, CellStrings convention);

}  // namespace hone::task
