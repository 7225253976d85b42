#include "hone/cost/mlir/affine.h"

namespace hone::cost::mlir {
namespace {

using Op = AffineNode::Op;

std::int64_t apply(Op op, std::int64_t a, std::int64_t b) {
  if (a == kDynamic || b == kDynamic) return kDynamic;
  std::int64_t result = 0;
  switch (op) {
    case Op::add:
      return __builtin_add_overflow(a, b, &result) ? kDynamic : result;
    case Op::mul:
      return __builtin_mul_overflow(a, b, &result) ? kDynamic : result;
    default:
      break;
  }
  if (b <= 0) return kDynamic;  // divisors of affine expressions are positive
  const std::int64_t quotient = a / b - (a % b < 0 ? 1 : 0);
  if (op == Op::floordiv) return quotient;
  if (op == Op::mod) return a - quotient * b;
  return quotient + (a - quotient * b > 0 ? 1 : 0);
}

}  // namespace

std::int64_t AffineMap::evaluate(std::size_t result, std::span<const std::int64_t> operands) const {
  // Operands of a node come before it.
  const auto last = static_cast<std::size_t>(results[result]);
  std::int64_t few[32];
  std::vector<std::int64_t> many;
  std::int64_t* values = few;
  if (last >= 32) {
    many.resize(last + 1);
    values = many.data();
  }
  for (std::size_t i = 0; i <= last; ++i) {
    const AffineNode& node = nodes[i];
    const auto operand = [&](std::int64_t number) {
      const auto at = static_cast<std::size_t>(number);
      return at < operands.size() ? operands[at] : kDynamic;
    };
    switch (node.op) {
      case Op::constant:
        values[i] = node.value;
        break;
      case Op::dim:
        values[i] = operand(node.value);
        break;
      case Op::symbol:
        values[i] = operand(node.value + dims);
        break;
      default:
        values[i] = apply(node.op, values[node.left], values[node.right]);
    }
  }
  return values[last];
}

std::int64_t AffineMap::constant(std::size_t result) const { return evaluate(result, {}); }

AffineMap identity_map(int dims) {
  AffineMap map;
  map.dims = dims;
  for (int i = 0; i < dims; ++i) {
    map.nodes.push_back({Op::dim, i, -1, -1});
    map.results.push_back(i);
  }
  return map;
}

AffineMap constant_map(std::int64_t value) {
  AffineMap map;
  map.nodes.push_back({Op::constant, value, -1, -1});
  map.results.push_back(0);
  return map;
}

Linear linear(const AffineMap& map, std::size_t result) {
  const auto operands = static_cast<std::size_t>(map.dims + map.symbols);
  const auto last = static_cast<std::size_t>(map.results[result]);
  std::vector<Linear> sums(last + 1);
  for (std::size_t i = 0; i <= last; ++i) {
    const AffineNode& node = map.nodes[i];
    Linear& sum = sums[i];
    sum.factors.assign(operands, 0);
    if (node.op == Op::constant) {
      sum.constant = node.value;
      continue;
    }
    if (node.op == Op::dim || node.op == Op::symbol) {
      const auto at = static_cast<std::size_t>(node.value + (node.op == Op::symbol ? map.dims : 0));
      if (at < operands) sum.factors[at] = 1;
      continue;
    }
    const Linear& left = sums[static_cast<std::size_t>(node.left)];
    const Linear& right = sums[static_cast<std::size_t>(node.right)];
    sum.exact = left.exact && right.exact;
    const auto varies = [](const Linear& linear) {
      for (const std::int64_t factor : linear.factors)
        if (factor != 0) return true;
      return false;
    };
    const auto combine = [&](auto&& with) {
      bool held = true;
      for (std::size_t k = 0; k < operands; ++k)
        held = with(left.factors[k], right.factors[k], sum.factors[k]) && held;
      held = with(left.constant, right.constant, sum.constant) && held;
      sum.exact = sum.exact && held;
    };
    if (node.op == Op::add) {
      combine(
          [](std::int64_t a, std::int64_t b, std::int64_t& c) { return !__builtin_add_overflow(a, b, &c); });
    } else if (node.op == Op::mul && !varies(right)) {
      combine([&](std::int64_t a, std::int64_t, std::int64_t& c) {
        return !__builtin_mul_overflow(a, right.constant, &c);
      });
    } else if (node.op == Op::mul && !varies(left)) {
      combine([&](std::int64_t, std::int64_t b, std::int64_t& c) {
        return !__builtin_mul_overflow(b, left.constant, &c);
      });
    } else {
      // An operand changes the result by about its factor over the divisor.
      const std::int64_t divisor =
          (node.op == Op::floordiv || node.op == Op::ceildiv) && !varies(right) && right.constant > 0
              ? right.constant
              : 1;
      bool whole = divisor > 1 && left.constant % divisor == 0 && left.exact;
      for (std::size_t k = 0; k < operands; ++k) {
        const std::int64_t factor = left.factors[k] != 0 ? left.factors[k] : right.factors[k];
        whole = whole && factor % divisor == 0;
        sum.factors[k] = factor == 0 ? 0 : factor / divisor != 0 ? factor / divisor : 1;
      }
      sum.constant = left.constant / divisor;
      sum.exact = whole || (divisor == 1 && node.op != Op::mod && node.op != Op::mul && left.exact &&
                            !varies(right) && right.constant == 1);
    }
  }
  return sums[last];
}

std::vector<bool> divided(const AffineMap& map, std::size_t result) {
  const auto operands = static_cast<std::size_t>(map.dims + map.symbols);
  const auto last = static_cast<std::size_t>(map.results[result]);
  std::vector<std::vector<bool>> enters(last + 1), by(last + 1);
  for (std::size_t i = 0; i <= last; ++i) {
    const AffineNode& node = map.nodes[i];
    enters[i].assign(operands, false);
    by[i] = enters[i];
    if (node.op == Op::dim || node.op == Op::symbol) {
      const auto at = static_cast<std::size_t>(node.value + (node.op == Op::symbol ? map.dims : 0));
      if (at < operands) enters[i][at] = true;
    }
    if (node.left < 0) continue;
    const auto left = static_cast<std::size_t>(node.left), right = static_cast<std::size_t>(node.right);
    const AffineNode& divisor = map.nodes[right];
    const bool power =
        divisor.op == Op::constant && divisor.value > 0 && (divisor.value & (divisor.value - 1)) == 0;
    const bool divides = (node.op == Op::floordiv || node.op == Op::ceildiv || node.op == Op::mod) && !power;
    for (std::size_t k = 0; k < operands; ++k) {
      enters[i][k] = enters[left][k] || enters[right][k];
      by[i][k] = by[left][k] || by[right][k] || (divides && enters[i][k]);
    }
  }
  return by[last];
}

}  // namespace hone::cost::mlir
