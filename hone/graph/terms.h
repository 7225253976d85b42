#pragma once

#include <vector>

#include "hone/base/key.h"
#include "hone/graph/graph.h"

// What canonical() and canonical_graph() share: a graph rewritten by its operators' algebra.
namespace hone::graph {

/// A value that a graph computes, without what cannot matter.
struct Term {
  int node = -1;              ///< the graph's node whose operator and parameters these are; -1: zeros
  Shape shape;                ///< of the value
  Key label;                  ///< operator, attributes, parameters' shapes and starts: what it is by itself
  std::vector<int> operands;  ///< indices of terms
  /// Commutative operators: how often each of the operands, which then are distinct, goes in. Empty for
  /// others.
  std::vector<int> counts;

  bool unordered() const { return !counts.empty(); }
};

struct Terms {
  std::vector<Term> terms;      ///< operands before their users; all that the outputs need, and no more
  std::vector<int> outputs;     ///< indices of terms
  std::vector<Key> parameters;  ///< by index in the graph: label of shape and start
};

/// Sums (or any associative operator) of more operands than this stay nested.
inline constexpr int kMostOperands = 4096;

/// Rewrites by the rules that operators declare (graph/operator.h): identities pass, what is zero becomes
/// zeros, zeros leave sums, nested associative operators become one, one operand alone stands for itself,
/// equal operators on equal operands with the same parameters are one, and what no output needs is gone.
Terms simplify(const Graph& graph);

/// The canonical form in full.
struct CanonicalForm {
  Key key;
  std::vector<Term> terms;  ///< in canonical order; operands numbered so, unordered ones sorted
  std::vector<int> outputs;
  std::vector<int> parameter_order;  ///< the graph's parameters by canonical position
};
CanonicalForm canonical_form(const Graph& graph);

}  // namespace hone::graph
