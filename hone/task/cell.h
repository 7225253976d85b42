#pragma once

#include <string>
#include <vector>

#include "hone/base/key.h"

namespace hone::task {

/// One use of an earlier state: an operation on it. "" and "skip_connect" pass it on, "none" gives zero.
struct CellTerm {
  int from = 0;
  std::string op = {};
  bool operator==(const CellTerm&) const = default;
};

/// A state of a cell: the sum of its terms (zero where there are none), then an operation on that sum ("":
/// none). NAS-Bench-201 and DARTS have operations on the terms, NAS-Bench-101 on the sums.
struct CellState {
  std::vector<CellTerm> terms;
  std::string op = {};
  bool operator==(const CellState&) const = default;
};

/// A cell of an architecture search space: a small DAG of named operations. States 0 to inputs - 1 are what
/// the cell is given, `states` are the ones after them. A plain value.
struct Cell {
  int inputs = 1;
  std::vector<CellState> states = {};
  std::vector<int> outputs = {};     ///< one state, or several that are concatenated
  std::vector<CellTerm> added = {};  ///< added to the concatenation (NAS-Bench-101's input to output)
  bool operator==(const Cell&) const = default;

  /// "2=nor_conv_3x3(0) 3=avg_pool_3x3(0+2) out=2+3", for people and keys.
  std::string text() const;
};

/// Whether an operation passes on what it gets.
bool passes_on(const std::string& op);
/// Whether an operation without trained parameters maps zero to zero: pooling. What normalises with a trained
/// shift does not, in training.
bool keeps_zero(const std::string& op);

/// The canonical form of a cell whose operations all have parameters of their own, so that only isomorphic
/// structures are one: what passes on and what is zero is gone, states that nothing reaches the output
/// through are gone, sums are flat, every operation is one state with plain terms, and states are numbered by
/// their place in the graph (colour refinement, as graph::canonical does it). Two spellings of one structure
/// give equal cells. Where an output is a sum, it is a state without operation.
Cell canonical(const Cell& cell);

/// Identity of the canonical form.
Key key(const Cell& cell);

}  // namespace hone::task
