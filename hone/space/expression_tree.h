#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/space/expression.h"
#include "hone/space/operand.h"

namespace hone::space {

// The parsed form of an expression, for the files of this room only.

enum class Op : std::uint8_t {
  literal,
  name,
  list,
  negate,
  add,
  subtract,
  multiply,
  divide,
  remainder,
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
  logical_and,
  logical_or,
  logical_not,
  min,
  max,
  abs,
  log2,
  floor,
  count,
  length,
};

struct TreeNode {
  Op op = Op::literal;
  int column = 0;                       ///< 1-based, where it stands in the text
  Value literal;                        ///< op literal
  std::uint32_t name = 0;               ///< op name: index into Tree::names
  std::vector<std::uint32_t> children;  ///< indices into Tree::nodes
};

struct Expression::Tree {
  std::string text;
  std::string canonical;  ///< the same words, spaced and quoted one way
  Place place;
  std::vector<TreeNode> nodes;
  std::uint32_t root = 0;
  std::vector<std::string> names;

  /// An error at this expression: "column 3 of 'a ++ b': MESSAGE".
  Error error(int column, const std::string& message, std::string hint = {}) const;
};

/// Where a name of an expression stands among the operands: one of them, or `length` of them.
struct Binding {
  bool is_list = false;
  std::uint32_t index = 0;
  std::uint32_t length = 1;
  std::int64_t counter = -1;  ///< the operand that holds a list's length; -1: all entries are there, or none
};

/// Reads the text into nodes, names and canonical text. Throws Error.
void parse_into(Expression::Tree& tree);
/// A canonical text with other names.
std::string renamed_text(const std::string& canonical,
                         const std::function<std::string(const std::string&)>& name);

/// Evaluates with one binding a name. A list is inactive where its first entry is. Throws Error.
Expression::Truth evaluate(const Expression::Tree& tree, const Binding* bindings, const Operand* cells);

/// What a name may be, for the check before anything is evaluated: a union of these bits.
enum TypeBits : unsigned { kFlag = 1, kNumber = 2, kText = 4, kList = 8 };
/// Throws Error where no values of these types make the expression a truth value; one entry a name.
void check_types(const Expression::Tree& tree, const std::vector<unsigned>& types);

}  // namespace hone::space
