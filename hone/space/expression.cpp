#include "hone/space/expression.h"

#include <fmt/format.h>

#include "hone/space/expression_tree.h"

namespace hone::space {

Error Expression::Tree::error(int column, const std::string& message, std::string hint) const {
  return Error(fmt::format("column {} of \"{}\": {}", column, text, message), place, std::move(hint));
}

Expression Expression::parse(const std::string& text, const Place& place) {
  auto tree = std::make_shared<Tree>();
  tree->text = text;
  tree->place = place;
  parse_into(*tree);
  Expression expression;
  expression.tree_ = std::move(tree);
  return expression;
}

Expression::Truth Expression::evaluate(const Lookup& lookup) const {
  if (!tree_) return Truth::yes;
  std::vector<Bound> bounds;  // owns the texts that the cells point to
  bounds.reserve(tree_->names.size());
  std::vector<Binding> bindings;
  std::vector<Operand> cells;
  for (const std::string& name : tree_->names) {
    const Bound& bound = bounds.emplace_back(lookup(name));
    Binding binding{bound.is_list, static_cast<std::uint32_t>(cells.size()), 1};
    if (!bound.active) {
      cells.emplace_back();
    } else if (bound.is_list) {
      binding.length = static_cast<std::uint32_t>(bound.list.size());
      for (const Value& value : bound.list) cells.push_back(Operand::of(value));
    } else {
      cells.push_back(Operand::of(bound.value));
    }
    bindings.push_back(binding);
  }
  return space::evaluate(*tree_, bindings.data(), cells.data());
}

const std::vector<std::string>& Expression::names() const {
  static const std::vector<std::string> none;
  return tree_ ? tree_->names : none;
}

const std::string& Expression::text() const {
  static const std::string none;
  return tree_ ? tree_->text : none;
}

const std::string& Expression::canonical() const {
  static const std::string none;
  return tree_ ? tree_->canonical : none;
}

const Place& Expression::place() const {
  static const Place none;
  return tree_ ? tree_->place : none;
}

std::vector<std::pair<std::string, Value>> Expression::comparisons() const {
  std::vector<std::pair<std::string, Value>> found;
  if (!tree_) return found;
  const Tree& tree = *tree_;
  const auto add = [&](std::uint32_t name, std::uint32_t literal) {
    if (tree.nodes[name].op == Op::name && tree.nodes[literal].op == Op::literal)
      found.emplace_back(tree.names[tree.nodes[name].name], tree.nodes[literal].literal);
  };
  for (const TreeNode& node : tree.nodes) {
    if (node.op == Op::equal || node.op == Op::unequal) {
      add(node.children[0], node.children[1]);
      add(node.children[1], node.children[0]);
    } else if (node.op == Op::in || node.op == Op::not_in) {
      const TreeNode& right = tree.nodes[node.children[1]];
      if (right.op == Op::list) {
        for (std::uint32_t item : right.children) add(node.children[0], item);
      } else {
        add(node.children[1], node.children[0]);
      }
    } else if (node.op == Op::count) {
      add(node.children[0], node.children[1]);
    }
  }
  return found;
}

}  // namespace hone::space
