#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hone/cost/few.h"

namespace hone::cost::mlir {

/// What is unknown until the program runs: a `?` in a shape, a bound that depends on data.
constexpr std::int64_t kDynamic = INT64_MIN;

/// One node of an affine expression; operands are indices into AffineMap::nodes, smaller than their own.
struct AffineNode {
  enum class Op : std::uint8_t { constant, dim, symbol, add, mul, mod, floordiv, ceildiv };
  Op op = Op::constant;
  std::int64_t value = 0;  ///< of a constant; the number of a dim or symbol
  int left = -1, right = -1;
};

/// `(d0, d1)[s0] -> (d0 + s0, d1 floordiv 2)`. A plain value.
struct AffineMap {
  int dims = 0, symbols = 0;
  Few<AffineNode> nodes;
  Few<int, 2> results;  ///< indices into nodes

  /// One result at given operands, dims first and symbols after them; kDynamic operands, a division by zero
  /// and overflow give kDynamic.
  std::int64_t evaluate(std::size_t result, std::span<const std::int64_t> operands) const;
  /// The value of a result that no operand enters; kDynamic where one does.
  std::int64_t constant(std::size_t result) const;
};

/// (d0, ..., d(n-1)) -> (d0, ..., d(n-1)).
AffineMap identity_map(int dims);
/// () -> (value).
AffineMap constant_map(std::int64_t value);

/// A sum of operands times factors, plus a constant: what analyses want of a result of a map.
struct Linear {
  Few<std::int64_t> factors;  ///< one an operand
  std::int64_t constant = 0;
  /// false: something is not linear (mod, floordiv, a product of operands). Factors then bound the change
  /// from below: an operand that enters at all has a factor that is not 0.
  bool exact = true;
};
Linear linear(const AffineMap& map, std::size_t result);

/// By operand: whether it enters a result through a quotient or remainder whose divisor is no power of two,
/// which is more than a shift or a mask.
std::vector<bool> divided(const AffineMap& map, std::size_t result);

}  // namespace hone::cost::mlir
