#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "hone/cost/mlir/vectorise.h"

namespace hone::cost::mlir {

/// What a body computes, operation by operation, each of values by number.
struct Trace {
  static constexpr std::int32_t kNone = -1;
  struct Value {
    double registers = 1.0;  ///< it takes
    bool vector = true;      ///< of the vector unit, else general
  };
  struct Op {
    std::int32_t result = kNone;
    std::size_t first = 0;  ///< of its operands
    bool call = false;      ///< nothing outlives it in vector registers
    double moves = 0.0;     ///< to the stack or back that a call for each lane makes of itself
  };
  std::vector<Value> values;
  std::vector<Op> ops;
  std::vector<std::int32_t> operands;
  std::vector<std::size_t> passes;  ///< where each begins in ops, and where the last ends
  /// By pass: values that are stored behind the loop, where it is over.
  std::vector<std::vector<std::int32_t>> stored_behind;
  bool whole = true;         ///< nothing was left out for its length
  std::size_t visits = 0;    ///< of items, whether that made an operation or not
  std::size_t accesses = 0;  ///< loads and stores of the first pass, those kept in registers among them

  std::size_t end_of(std::size_t op) const {
    return op + 1 < ops.size() ? ops[op + 1].first : operands.size();
  }
};

/// The trace of `passes` iterations of a loop that is left (-1: what stands outside all): of `items`, its
/// code's, with the iterations of `loops`, those inside that are written out, one after the other, in the
/// order of the text, what is equal once. `holds`: elements that stay where they are while it runs are in
/// registers. `written`: memory that is stored to anywhere.
Trace trace_of(const Nest& nest, const ValueUses& uses, const Lowered& lowered, int loop,
               const std::vector<int>& items, const std::vector<int>& loops, const std::set<int>& written,
               bool holds, int passes);

}  // namespace hone::cost::mlir
