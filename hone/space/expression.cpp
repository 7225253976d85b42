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

Expression Expression::conjunction(const Expression& a, const Expression& b) {
  if (!a) return b;
  if (!b) return a;
  auto tree = std::make_shared<Tree>();
  tree->text = fmt::format("({}) and ({})", a.text(), b.text());
  tree->canonical = fmt::format("({}) and ({})", a.canonical(), b.canonical());
  tree->place = b.place();
  const auto take = [&tree](const Tree& part, int column) {
    const auto nodes = static_cast<std::uint32_t>(tree->nodes.size());
    const auto names = static_cast<std::uint32_t>(tree->names.size());
    for (TreeNode node : part.nodes) {
      node.column += column;
      node.name += names;
      for (std::uint32_t& child : node.children) child += nodes;
      tree->nodes.push_back(std::move(node));
    }
    tree->names.insert(tree->names.end(), part.names.begin(), part.names.end());
    return nodes + part.root;
  };
  TreeNode both;
  both.op = Op::logical_and;
  both.column = static_cast<int>(a.text().size()) + 4;
  both.children.push_back(take(*a.tree_, 1));
  both.children.push_back(take(*b.tree_, static_cast<int>(a.text().size()) + 7));
  tree->root = static_cast<std::uint32_t>(tree->nodes.size());
  tree->nodes.push_back(std::move(both));
  Expression expression;
  expression.tree_ = std::move(tree);
  return expression;
}

Expression Expression::renamed(const std::function<std::string(const std::string&)>& name) const {
  if (!tree_) return {};
  auto tree = std::make_shared<Tree>(*tree_);
  for (std::string& it : tree->names) it = name(it);
  if (tree->names == tree_->names) return *this;
  tree->canonical = renamed_text(tree_->canonical, name);
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
