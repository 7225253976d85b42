#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hone/cost/by_number.h"
#include "hone/cost/mlir/lowered.h"

namespace hone::cost::mlir {

inline double floor_to_power(double value) {
  return value < 1.0 ? 1.0
                     : static_cast<double>(std::bit_floor(static_cast<std::uint64_t>(std::min(value, 1e9))));
}

/// How values of a nest come from each other, equal ones being one.
struct ValueUses {
  ByNumber<Few<int>> from;  ///< by value: what it is computed from
  /// By value: what computes it, and in how many cycles.
  struct Made {
    Work work;
    double cycles;
    Link link;
  };
  ByNumber<Made> made;
  ByNumber<int> stored;  ///< by access of the nest: the value that it stores
  ByNumber<int> item;    ///< by value: the item of Lowered that gives it
};

/// Instructions for `members` accesses that lie in the gaps of each other's `width` elements, `stride` apart:
/// whole vectors and shuffles, as LLVM's model of AVX-512, or without of AVX2, counts them.
double together(const Nest::Access& access, double stride, double members, double width,
                const CodeTarget& target);

/// Fills in what carries over iterations, what stays in registers, and how many lanes run at once. Values
/// come from each other as vectors leave them.
void vectorise(const Nest& nest, ValueUses& uses, Lowered& lowered);

}  // namespace hone::cost::mlir
