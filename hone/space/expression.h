#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/value.h"

namespace hone::space {

/// A condition or constraint over parameters, as the user writes it:
///
///   width % heads == 0 and (mixer != 'pattention' or tokens >= 2 * width)
///
/// Numbers, 'texts' (single or double quotes), true, false; names of parameters (a list's entry is
/// "layers.0", a group's member "optimizer.lr", the list itself may stand right of `in` and in count); + - *
/// / % (division is real, % is the remainder of integers with the divisor's sign), == != < <= > >=, `and or
/// not`, parentheses; `x in [a, b]`, `x in LIST`, `x not in ...`; functions min, max, abs, log2, floor,
/// count(LIST, value), length(LIST). Binding from loose to tight: or, and, not, comparisons (which do not
/// chain), + -, * / %, unary minus.
/// == compares any two values and is false for different types; the order of < needs numbers. `and` and `or`
/// do not evaluate their right side where the left decides.
/// Immutable; copies share the tree. Thread safe.
class Expression {
 public:
  /// What a name stands for while evaluating: its value, or the values of a list. `active` is false for a
  /// parameter that the config does not have.
  struct Bound {
    bool active = false;
    bool is_list = false;
    Value value;
    std::vector<Value> list;
  };
  using Lookup = std::function<Bound(const std::string&)>;
  enum class Truth { no, yes, inactive };

  Expression() = default;
  /// Throws Error at `place` with the column and what was expected there.
  static Expression parse(const std::string& text, const Place& place);

  /// The truth of the whole; `inactive` where it hangs on an inactive parameter (and/or still decide where
  /// one side alone does). Throws Error where types do not fit ('a' + 1) or the result is no truth value.
  Truth evaluate(const Lookup& lookup) const;

  /// The names it mentions, each once, in order of appearance.
  const std::vector<std::string>& names() const;
  /// Every `name == literal`, `name != literal`, `name in [literals]`, `literal in LIST`, `count(LIST,
  /// literal)`: so that the space can check that the literal is a value that the parameter can have.
  std::vector<std::pair<std::string, Value>> comparisons() const;
  const std::string& text() const;
  /// The text with spaces and quotes written one way: the same for `a=="x"` and `a == 'x'`.
  const std::string& canonical() const;
  const Place& place() const;
  explicit operator bool() const { return tree_ != nullptr; }

  /// `a and b`, either may be empty. It stands where b stands.
  static Expression conjunction(const Expression& a, const Expression& b);
  /// The same with other names: so that a group's expressions mean its own members. Its text() stays.
  Expression renamed(const std::function<std::string(const std::string&)>& name) const;

  struct Tree;  // the parsed form, private to this room
  const Tree* tree() const { return tree_.get(); }

 private:
  std::shared_ptr<const Tree> tree_;
};

}  // namespace hone::space
