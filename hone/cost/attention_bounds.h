#pragma once

#include <vector>

#include "hone/graph/graph.h"

namespace hone::cost {

/// One attention: every query of [queries, d] against every key of [keys, d], in each of batch x heads.
struct AttentionShape {
  double heads = 1.0;     ///< of queries, over the batch
  double kv_heads = 1.0;  ///< of keys and values, over the batch
  double queries = 1.0, keys = 1.0, d = 1.0;
  double element_bytes = 4.0;
  bool causal = false;  ///< a query sees half of the keys, on average

  static AttentionShape of(const graph::Graph& graph, int node, double element_bytes = 4.0);
};

/// What a cascade of Einsums that computes attention needs.
struct AttentionBound {
  int passes = 1;
  /// Bytes on chip beside tiles of keys and values, of one query, so that its row of scores need not leave:
  /// grows with the keys where there are several passes, and does not where there is one.
  double row_bytes = 0.0;
  bool fits = false;           ///< at least one query's row fits the buffer
  double traffic_bytes = 0.0;  ///< least that passes between buffer and memory
};

/// The families of "FuseMax: Leveraging Extended Einsums to Optimize Attention Accelerator Design" (Nayak et
/// al., 2024): 3 passes over the keys (scores and their maximum; exponentials and their sum; division and the
/// product with values), 2 (a local maximum, corrected at the end), 1 (running maximum and sum, as in
/// FlashAttention). A pass more must find the row of scores again: it stays on chip, or is written and read,
/// whichever moves less. Queries, keys, values and outputs move at least once, and keys and values again for
/// every block of queries that the buffer cannot hold together, of which a causal one reads what it sees. In
/// the order 3, 2, 1.
std::vector<AttentionBound> attention_bounds(const AttentionShape& shape, double buffer_bytes);

}  // namespace hone::cost
