#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/space/expression_tree.h"

namespace hone::space {
namespace {

std::string shown(unsigned types) {
  std::vector<const char*> names;
  if (types & kFlag) names.push_back("a truth value");
  if (types & kNumber) names.push_back("a number");
  if (types & kText) names.push_back("text");
  if (types & kList) names.push_back("a list");
  return fmt::format("{}", fmt::join(names, " or "));
}

/// What each node can be, wrong where it can be nothing that its parent takes. A choice among values of
/// several types passes where one of them would; evaluation tells the rest.
class TypeChecker {
 public:
  TypeChecker(const Expression::Tree& tree, const std::vector<unsigned>& types)
      : tree_(tree), types_(types) {}

  unsigned need(std::uint32_t index, unsigned wanted) const {
    const TreeNode& node = tree_.nodes[index];
    const unsigned found = type(index);
    if (found & wanted) return found;
    std::string hint;
    if (node.op == Op::name && found == kList)
      hint = fmt::format("name one entry ({0}.0), or write {1}", tree_.names[node.name],
                         fmt::format("count({0}, value) or value in {0}", tree_.names[node.name]));
    else if (wanted == kFlag)
      hint = "compare it with something: ==, <, in";
    const std::string what = node.op == Op::name
                                 ? fmt::format("'{}', {}", tree_.names[node.name], shown(found))
                             : node.op == Op::literal ? value_quoted(node.literal)
                                                      : shown(found);
    throw tree_.error(node.column, fmt::format("expected {}, found {}", shown(wanted), what),
                      std::move(hint));
  }

 private:
  static constexpr unsigned kScalar = kFlag | kNumber | kText;

  unsigned type(std::uint32_t index) const {
    const TreeNode& node = tree_.nodes[index];
    switch (node.op) {
      case Op::literal:
        return std::holds_alternative<bool>(node.literal)          ? kFlag
               : std::holds_alternative<std::string>(node.literal) ? kText
                                                                   : kNumber;
      case Op::name:
        return types_[node.name];
      case Op::list:
        for (std::uint32_t item : node.children) need(item, kScalar);
        return kList;
      case Op::logical_and:
      case Op::logical_or:
      case Op::logical_not:
        for (std::uint32_t child : node.children) need(child, kFlag);
        return kFlag;
      case Op::equal:
      case Op::unequal:
        for (std::uint32_t child : node.children) need(child, kScalar);
        return kFlag;
      case Op::in:
      case Op::not_in:
        need(node.children[0], kScalar);
        need(node.children[1], kList);
        return kFlag;
      case Op::count:
        need(node.children[0], kList);
        need(node.children[1], kScalar);
        return kNumber;
      case Op::length:
        need(node.children[0], kList);
        return kNumber;
      default:
        for (std::uint32_t child : node.children) need(child, kNumber);
        return node.op >= Op::less && node.op <= Op::greater_equal ? kFlag : kNumber;
    }
  }

  const Expression::Tree& tree_;
  const std::vector<unsigned>& types_;
};

}  // namespace

void check_types(const Expression::Tree& tree, const std::vector<unsigned>& types) {
  TypeChecker(tree, types).need(tree.root, kFlag);
}

}  // namespace hone::space
