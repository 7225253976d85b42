#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/space/expression_tree.h"

namespace hone::space {
namespace {

using Kind = Operand::Kind;

std::string shown(const Operand& operand) {
  return operand.active() ? value_quoted(operand.value()) : "nothing";
}

class Evaluator {
 public:
  Evaluator(const Expression::Tree& tree, const Binding* bindings, const Operand* cells)
      : tree_(tree), bindings_(bindings), cells_(cells) {}

  /// A flag, or inactive.
  Operand truth(std::uint32_t index) const {
    const Operand found = value(index);
    if (found.kind != Kind::flag && found.active())
      throw tree_.error(tree_.nodes[index].column,
                        fmt::format("expected a truth value, found {}", shown(found)),
                        "compare it with something: ==, <, in");
    return found;
  }

 private:
  Operand value(std::uint32_t index) const {
    const TreeNode& node = tree_.nodes[index];
    switch (node.op) {
      case Op::literal:
        return Operand::of(node.literal);
      case Op::name: {
        const Binding& binding = bindings_[node.name];
        if (binding.is_list)
          throw tree_.error(node.column,
                            fmt::format("'{0}' is a list; name one entry, as {0}.0", tree_.names[node.name]));
        return cells_[binding.index];
      }
      case Op::list:
        throw tree_.error(node.column, "a list stands only right of 'in'");
      case Op::logical_and:
      case Op::logical_or:
        return junction(node);
      case Op::logical_not: {
        const Operand operand = truth(node.children[0]);
        return operand.active() ? Operand::of(!operand.flag) : operand;
      }
      case Op::in:
      case Op::not_in: {
        const Operand found = member(node);
        return found.active() ? Operand::of(found.flag == (node.op == Op::in)) : found;
      }
      case Op::count:
      case Op::length:
        return of_list(node);
      case Op::equal:
      case Op::unequal: {
        const Operand a = value(node.children[0]);
        const Operand b = value(node.children[1]);
        if (!a.active() || !b.active()) return Operand();
        return Operand::of(same(a, b) == (node.op == Op::equal));
      }
      case Op::negate:
      case Op::abs:
      case Op::log2:
      case Op::floor:
        return function(node);
      case Op::min:
      case Op::max:
        return extreme(node);
      default:
        return arithmetic(node);
    }
  }

  Operand number(std::uint32_t index) const {
    const Operand found = value(index);
    if (found.active() && !found.is_number())
      throw tree_.error(tree_.nodes[index].column, fmt::format("expected a number, found {}", shown(found)));
    return found;
  }

  Operand junction(const TreeNode& node) const {
    const bool decides = node.op == Op::logical_or;  // the side's value that settles the whole
    const Operand left = truth(node.children[0]);
    if (left.active() && left.flag == decides) return left;
    const Operand right = truth(node.children[1]);
    if (right.active() && right.flag == decides) return right;
    return left.active() ? right : left;
  }

  /// Whether the left side is among the right; inactive where it is not but an inactive item might be it.
  Operand member(const TreeNode& node) const {
    const Operand sought = value(node.children[0]);
    if (!sought.active()) return sought;
    const TreeNode& right = tree_.nodes[node.children[1]];
    bool unsure = false;
    if (right.op == Op::list) {
      for (std::uint32_t item : right.children) {
        const Operand candidate = value(item);
        if (!candidate.active()) unsure = true;
        if (candidate.active() && same(sought, candidate)) return Operand::of(true);
      }
    } else {
      Binding binding = list(right);
      if (binding.counter >= 0) {
        if (!cells_[binding.counter].active()) return Operand();
        binding.length = entries(binding);
      }
      for (std::uint32_t i = 0; i < binding.length; ++i) {
        const Operand& candidate = cells_[binding.index + i];
        if (!candidate.active()) unsure = true;
        if (candidate.active() && same(sought, candidate)) return Operand::of(true);
      }
    }
    return unsure ? Operand() : Operand::of(false);
  }

  Binding list(const TreeNode& node) const {
    if (node.op != Op::name || !bindings_[node.name].is_list)
      throw tree_.error(node.column, node.op == Op::name
                                         ? fmt::format("'{}' is no list", tree_.names[node.name])
                                         : "expected the name of a list");
    return bindings_[node.name];
  }

  /// How many a list of variable length has.
  std::uint32_t entries(const Binding& binding) const {
    return std::min(binding.length, static_cast<std::uint32_t>(cells_[binding.counter].integer));
  }

  Operand of_list(const TreeNode& node) const {
    const Binding binding = list(tree_.nodes[node.children[0]]);
    if (binding.counter >= 0) {
      if (!cells_[binding.counter].active() || node.op == Op::length) return cells_[binding.counter];
    } else {
      if (binding.length > 0 && !cells_[binding.index].active()) return Operand();
      if (node.op == Op::length) return Operand::of(static_cast<std::int64_t>(binding.length));
    }
    const Operand sought = value(node.children[1]);
    if (!sought.active()) return sought;
    std::int64_t n = 0;
    const std::uint32_t length = binding.counter >= 0 ? entries(binding) : binding.length;
    for (std::uint32_t i = 0; i < length; ++i)
      n += cells_[binding.index + i].active() && same(sought, cells_[binding.index + i]) ? 1 : 0;
    return Operand::of(n);
  }

  Operand function(const TreeNode& node) const {
    const Operand x = number(node.children[0]);
    if (!x.active()) return x;
    if (node.op == Op::log2) return Operand::of(std::log2(x.number()));
    if (x.kind == Kind::integer) {
      if (node.op == Op::floor || (node.op == Op::abs && x.integer >= 0)) return x;
      if (x.integer == INT64_MIN) return Operand::of(-static_cast<double>(x.integer));
      return Operand::of(-x.integer);
    }
    if (node.op == Op::abs) return Operand::of(std::abs(x.real));
    if (node.op == Op::negate) return Operand::of(-x.real);
    const double floored = std::floor(x.real);
    // Beyond 2^53 a real is whole anyway, and soon no integer holds it.
    return std::abs(floored) < 0x1p53 ? Operand::of(static_cast<std::int64_t>(floored))
                                      : Operand::of(floored);
  }

  Operand extreme(const TreeNode& node) const {
    Operand best = number(node.children[0]);
    for (std::size_t i = 1; i < node.children.size() && best.active(); ++i) {
      const Operand x = number(node.children[i]);
      if (!x.active()) return x;
      if (node.op == Op::min ? x.number() < best.number() : x.number() > best.number()) best = x;
    }
    return best;
  }

  Operand arithmetic(const TreeNode& node) const {
    const Operand a = number(node.children[0]);
    const Operand b = number(node.children[1]);
    if (!a.active() || !b.active()) return Operand();
    const bool integers = a.kind == Kind::integer && b.kind == Kind::integer;
    std::int64_t whole = 0;
    switch (node.op) {
      case Op::add:
        if (integers && !__builtin_add_overflow(a.integer, b.integer, &whole)) return Operand::of(whole);
        return Operand::of(a.number() + b.number());
      case Op::subtract:
        if (integers && !__builtin_sub_overflow(a.integer, b.integer, &whole)) return Operand::of(whole);
        return Operand::of(a.number() - b.number());
      case Op::multiply:
        if (integers && !__builtin_mul_overflow(a.integer, b.integer, &whole)) return Operand::of(whole);
        return Operand::of(a.number() * b.number());
      case Op::divide:
        return Operand::of(a.number() / b.number());
      case Op::remainder:
        return remainder(node, a, b);
      case Op::less:
        return Operand::of(integers ? a.integer < b.integer : a.number() < b.number());
      case Op::less_equal:
        return Operand::of(integers ? a.integer <= b.integer : a.number() <= b.number());
      case Op::greater:
        return Operand::of(integers ? a.integer > b.integer : a.number() > b.number());
      default:
        return Operand::of(integers ? a.integer >= b.integer : a.number() >= b.number());
    }
  }

  Operand remainder(const TreeNode& node, const Operand& a, const Operand& b) const {
    const std::int64_t x = integer(node, a);
    const std::int64_t y = integer(node, b);
    if (y == 0) throw tree_.error(node.column, "remainder by zero", "guard it: n != 0 and m % n == 0");
    if (y == -1) return Operand::of(std::int64_t{0});  // INT64_MIN % -1 traps
    const std::int64_t rest = x % y;
    return Operand::of(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
  }

  std::int64_t integer(const TreeNode& node, const Operand& operand) const {
    if (operand.kind == Kind::integer) return operand.integer;
    if (operand.real == std::floor(operand.real) && std::abs(operand.real) < 0x1p62)
      return static_cast<std::int64_t>(operand.real);
    throw tree_.error(node.column, fmt::format("% takes integers, found {}", real_text(operand.real)),
                      "floor(x) makes an integer");
  }

  const Expression::Tree& tree_;
  const Binding* bindings_;
  const Operand* cells_;
};

}  // namespace

Expression::Truth evaluate(const Expression::Tree& tree, const Binding* bindings, const Operand* cells) {
  const Operand found = Evaluator(tree, bindings, cells).truth(tree.root);
  if (!found.active()) return Expression::Truth::inactive;
  return found.flag ? Expression::Truth::yes : Expression::Truth::no;
}

}  // namespace hone::space
