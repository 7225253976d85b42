#include "hone/space/bounds.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::space {
namespace {

constexpr double kExact = 0x1p53;  // whole numbers beyond are rounded

/// Steps outwards where whole numbers are not exact in a double.
double below(double x) { return std::abs(x) >= kExact ? std::nextafter(x, -kInfinity) : x; }
double above(double x) { return std::abs(x) >= kExact ? std::nextafter(x, kInfinity) : x; }

/// The interval around some values; any number where one is NaN.
Bounds hull(std::initializer_list<double> values, bool whole) {
  Bounds bounds = Bounds::of(kInfinity, -kInfinity, whole);
  for (const double value : values) {
    if (std::isnan(value)) return Bounds::any_number();
    bounds.low = std::min(bounds.low, below(value));
    bounds.high = std::max(bounds.high, above(value));
  }
  return bounds;
}

std::int64_t candidates(const Bounds& bounds) {
  if (bounds.literal != nullptr) return 1;
  if (bounds.variable != nullptr) return bounds.variable->size(bounds.domain);
  return -1;
}

Operand candidate(const Bounds& bounds, std::int64_t k) {
  return bounds.literal != nullptr ? Operand::of(*bounds.literal) : bounds.variable->value(bounds.domain, k);
}

class Bounder {
 public:
  Bounder(const BoundExpression& expression, const Box& box)
      : tree_(*expression.tree), bindings_(expression.bindings), box_(box) {}

  Bounds of(std::uint32_t index) const {
    const TreeNode& node = tree_.nodes[index];
    switch (node.op) {
      case Op::literal:
        return literal(node.literal);
      case Op::name:
        return box_.cell(bindings_[node.name].index);
      case Op::logical_and:
      case Op::logical_or:
        return junction(node);
      case Op::logical_not: {
        const Bounds x = of(node.children[0]);
        return Bounds::truth(x.no, x.yes, x.inactive);
      }
      case Op::equal:
      case Op::unequal: {
        const Bounds found = equal(of(node.children[0]), of(node.children[1]));
        return node.op == Op::equal ? found : Bounds::truth(found.no, found.yes, found.inactive);
      }
      case Op::in:
      case Op::not_in: {
        const Bounds found = member(node);
        return node.op == Op::in ? found : Bounds::truth(found.no, found.yes, found.inactive);
      }
      case Op::count:
      case Op::length:
        return of_list(node);
      case Op::min:
      case Op::max:
        return extreme(node);
      case Op::list:
        return Bounds::any_number();
      case Op::negate:
      case Op::abs:
      case Op::log2:
      case Op::floor:
        return function(node);
      default:
        return arithmetic(node);
    }
  }

 private:
  static Bounds literal(const Value& value) {
    Bounds bounds;
    bounds.literal = &value;
    if (const auto* flag = std::get_if<bool>(&value)) {
      (*flag ? bounds.yes : bounds.no) = true;
    } else if (std::holds_alternative<std::string>(value)) {
      bounds.text = true;
    } else {
      const double number = value_real(value);
      bounds.number = true;
      bounds.whole = std::holds_alternative<std::int64_t>(value);
      bounds.low = below(number);
      bounds.high = above(number);
    }
    return bounds;
  }

  Bounds junction(const TreeNode& node) const {
    const bool either = node.op == Op::logical_or;
    Bounds left = of(node.children[0]);
    // As evaluation does: what is decided does not look further.
    if (!left.inactive && (either ? !left.no : !left.yes)) return Bounds::truth(left.yes, left.no, false);
    Bounds right = of(node.children[1]);
    if (either) {
      std::swap(left.yes, left.no);
      std::swap(right.yes, right.no);
    }
    const bool no = left.no || right.no;
    const bool yes = left.yes && right.yes;
    const bool inactive = (left.inactive && (right.yes || right.inactive)) || (left.yes && right.inactive);
    return either ? Bounds::truth(no, yes, inactive) : Bounds::truth(yes, no, inactive);
  }

  static Bounds equal(const Bounds& a, const Bounds& b) {
    Bounds found = Bounds::truth(false, false, a.inactive || b.inactive);
    const std::int64_t n = candidates(a), m = candidates(b);
    if (n >= 0 && m >= 0 && n <= 64 && m <= 64) {
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < m; ++j)
          (same(candidate(a, i), candidate(b, j)) ? found.yes : found.no) = true;
      return found;
    }
    const bool overlap = a.number && b.number && a.low <= b.high && b.low <= a.high;
    found.yes = overlap || (a.text && b.text) || (a.yes && b.yes) || (a.no && b.no);
    const bool point =
        overlap && a.low == a.high && b.low == b.high && !a.nan && !b.nan && std::abs(a.low) < kExact;
    const bool only_numbers = !a.text && !b.text && !a.yes && !a.no && !b.yes && !b.no;
    found.no = !(point && only_numbers);
    return found;
  }

  Bounds member(const TreeNode& node) const {
    const Bounds sought = of(node.children[0]);
    const TreeNode& right = tree_.nodes[node.children[1]];
    Bounds found = Bounds::truth(false, true, sought.inactive);
    if (right.op == Op::list) {
      const std::int64_t n = candidates(sought);
      bool literals = n >= 0 && n <= 64;
      for (const std::uint32_t item : right.children)
        literals = literals && tree_.nodes[item].op == Op::literal;
      if (literals) {
        found.no = false;
        for (std::int64_t k = 0; k < n; ++k) {
          bool there = false;
          for (const std::uint32_t item : right.children)
            there = there || same(candidate(sought, k), Operand::of(tree_.nodes[item].literal));
          (there ? found.yes : found.no) = true;
        }
        return found;
      }
      for (const std::uint32_t item : right.children) add(equal(sought, of(item)), true, found);
      return found;
    }
    if (right.op != Op::name) return Bounds::truth(true, true, true);
    const Binding& binding = bindings_[right.name];
    const auto [least, most] = lengths(binding, found.inactive);
    for (std::int64_t i = 0; i < most; ++i) {
      Bounds entry = box_.cell(binding.index + static_cast<std::size_t>(i));
      if (binding.counter >= 0) entry.inactive = false;  // those behind the end are not looked at
      Bounds one = equal(sought, entry);
      one.inactive = one.inactive && binding.counter < 0;
      add(one, i < least, found);
    }
    return found;
  }

  /// Joins the answer for one item, which is surely there or not, into that for all.
  static void add(const Bounds& item, bool surely, Bounds& found) {
    found.yes = found.yes || item.yes;
    found.inactive = found.inactive || item.inactive;
    if (surely && !item.no && !item.inactive) found.no = false;
  }

  /// How many entries a list has.
  std::pair<std::int64_t, std::int64_t> lengths(const Binding& binding, bool& inactive) const {
    if (binding.counter < 0) return {binding.length, binding.length};
    const Bounds counter = box_.cell(static_cast<std::size_t>(binding.counter));
    inactive = inactive || counter.inactive;
    const auto limit = static_cast<double>(binding.length);
    return {static_cast<std::int64_t>(std::clamp(counter.low, 0.0, limit)),
            static_cast<std::int64_t>(std::clamp(counter.high, 0.0, limit))};
  }

  Bounds of_list(const TreeNode& node) const {
    const TreeNode& list = tree_.nodes[node.children[0]];
    if (list.op != Op::name) return Bounds::any_number();
    const Binding& binding = bindings_[list.name];
    if (node.op == Op::length && binding.counter >= 0)
      return box_.cell(static_cast<std::size_t>(binding.counter));
    bool inactive = false;
    if (binding.counter < 0 && binding.length > 0) inactive = box_.cell(binding.index).inactive;
    const auto [least, most] = lengths(binding, inactive);
    Bounds found = Bounds::of(static_cast<double>(least), static_cast<double>(most), true);
    if (node.op == Op::count) {
      const Bounds sought = of(node.children[1]);
      found.low = found.high = 0;
      for (std::int64_t i = 0; i < most; ++i) {
        const Bounds entry = box_.cell(binding.index + static_cast<std::size_t>(i));
        const Bounds one = equal(sought, entry);
        found.high += one.yes ? 1 : 0;
        found.low += i < least && one.yes && !one.no && !one.inactive ? 1 : 0;
      }
      inactive = inactive || sought.inactive;
    }
    found.inactive = inactive;
    return found;
  }

  /// Its numbers; any where it could be something else, which evaluation refuses.
  Bounds number(std::uint32_t index) const {
    Bounds x = of(index);
    if (x.text || x.yes || x.no) {
      const bool inactive = x.inactive;
      x = Bounds::any_number();
      x.inactive = inactive;
    }
    x.variable = nullptr;
    x.literal = nullptr;
    return x;
  }

  Bounds function(const TreeNode& node) const {
    const Bounds x = number(node.children[0]);
    Bounds found = x;
    if (!x.number) return x;
    switch (node.op) {
      case Op::negate:
        found.low = -x.high;
        found.high = -x.low;
        break;
      case Op::abs:
        found.low = x.low <= 0 && x.high >= 0 ? 0.0 : std::min(std::abs(x.low), std::abs(x.high));
        found.high = std::max(std::abs(x.low), std::abs(x.high));
        break;
      case Op::log2:
        found.low = x.low > 0 ? std::log2(x.low) : -kInfinity;
        found.high = x.high > 0 ? std::log2(x.high) : -kInfinity;
        found.nan = x.nan || x.low < 0;
        found.whole = false;
        break;
      default:
        found.low = std::floor(x.low);
        found.high = std::floor(x.high);
        found.whole = true;
    }
    return found;
  }

  Bounds extreme(const TreeNode& node) const {
    Bounds found = number(node.children[0]);
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      const Bounds x = number(node.children[i]);
      if (!x.number || !found.number) {
        found = Bounds::truth(false, false, true);
        continue;
      }
      const bool smallest = node.op == Op::min;
      // A NaN in front stays, one behind is passed over: nothing is known then.
      const bool nan = found.nan || x.nan;
      const bool inactive = found.inactive || x.inactive;
      const bool whole = found.whole && x.whole;
      const double low = smallest ? std::min(found.low, x.low) : std::max(found.low, x.low);
      const double high = smallest ? std::min(found.high, x.high) : std::max(found.high, x.high);
      found = nan ? Bounds::any_number() : Bounds::of(low, high, whole);
      found.inactive = inactive;
    }
    return found;
  }

  Bounds arithmetic(const TreeNode& node) const {
    const Bounds a = number(node.children[0]);
    const Bounds b = number(node.children[1]);
    const bool inactive = a.inactive || b.inactive;
    if (!a.number || !b.number) return Bounds::truth(false, false, true);
    Bounds found = combined(node.op, a, b);
    found.inactive = inactive;
    if (a.nan || b.nan) {
      if (found.number) {
        found = Bounds::any_number();
        found.inactive = inactive;
      } else {
        found.no = true;
      }
    }
    return found;
  }

  static Bounds combined(Op op, const Bounds& a, const Bounds& b) {
    const bool whole = a.whole && b.whole;
    switch (op) {
      case Op::add:
        return hull({a.low + b.low, a.high + b.high}, whole);
      case Op::subtract:
        return hull({a.low - b.high, a.high - b.low}, whole);
      case Op::multiply:
        return hull({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high}, whole);
      case Op::divide:
        if (b.low <= 0 && b.high >= 0) return Bounds::any_number();
        return hull({a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high}, false);
      case Op::remainder:
        return remainder(a, b);
      case Op::less:
        return Bounds::truth(a.low < b.high, !(a.high < b.low), false);
      case Op::less_equal:
        return Bounds::truth(a.low <= b.high, !(a.high <= b.low), false);
      case Op::greater:
        return Bounds::truth(a.high > b.low, !(a.low > b.high), false);
      default:
        return Bounds::truth(a.high >= b.low, !(a.low >= b.high), false);
    }
  }

  /// With the divisor's sign; nothing is excluded where evaluation would refuse.
  static Bounds remainder(const Bounds& a, const Bounds& b) {
    if (!a.whole || !b.whole || (b.low <= 0 && b.high >= 0)) return Bounds::any_number();
    const double largest = std::max(std::abs(a.low), std::abs(a.high));
    if (b.low < 0) return Bounds::of(b.low + 1, 0, true);
    if (largest >= kExact || b.high >= kExact) return Bounds::of(0, b.high, true);
    if (a.low >= 0 && a.high < b.low) return Bounds::of(a.low, a.high, true);
    if (b.low == b.high && std::floor(a.low / b.low) == std::floor(a.high / b.low)) {
      const double turns = std::floor(a.low / b.low) * b.low;
      return Bounds::of(a.low - turns, a.high - turns, true);
    }
    return Bounds::of(0, a.low >= 0 ? std::min(a.high, b.high - 1) : b.high - 1, true);
  }

  const Expression::Tree& tree_;
  const std::vector<Binding>& bindings_;
  const Box& box_;
};

}  // namespace

Bounds Bounds::of(double low, double high, bool whole) {
  Bounds bounds;
  bounds.number = true;
  bounds.whole = whole;
  bounds.low = low;
  bounds.high = high;
  return bounds;
}

Bounds Bounds::any_number() {
  Bounds bounds = of(-kInfinity, kInfinity, false);
  bounds.nan = true;
  return bounds;
}

Bounds Bounds::truth(bool yes, bool no, bool inactive) {
  Bounds bounds;
  bounds.yes = yes;
  bounds.no = no;
  bounds.inactive = inactive;
  return bounds;
}

Bounds bound(const BoundExpression& expression, const Box& box) {
  return Bounder(expression, box).of(expression.tree->root);
}

}  // namespace hone::space
