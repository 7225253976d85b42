#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hone/space/expression_tree.h"
#include "hone/space/names.h"
#include "hone/space/operand.h"
#include "hone/space/scale.h"
#include "hone/space/space.h"

namespace hone::space {

class Solver;

/// An expression whose names are bound to the space's parameters.
struct BoundExpression {
  const Expression::Tree* tree = nullptr;
  std::vector<Binding> bindings;

  Expression::Truth evaluate(const Operand* cells) const {
    return space::evaluate(*tree, bindings.data(), cells);
  }
};

/// Everything a space is, prepared. Made once by Builder::build(), never copied or changed: scales and
/// operands point into it. Thread safe.
struct Space::Plan {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct List {
    std::string name;
    std::size_t first = 0;
    std::size_t length = 0;
    std::size_t counter = kNone;  ///< the parameter that holds its length; kNone: always all entries
  };
  /// The feasible assignments of a small space, as mixed-radix numbers, with running sums of their weights.
  struct Feasible {
    std::vector<std::int64_t> numbers;
    std::vector<double> sums;
    std::int64_t total = 0;                ///< assignments looked at
    std::vector<std::int64_t> rejections;  ///< one a constraint
  };

  Plan();
  using Compositions = std::vector<std::pair<std::string, std::shared_ptr<const Composition>>>;
  /// Throws Error.
  Plan(std::vector<Parameter> parameters, std::vector<Expression> constraints, Compositions compositions);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  std::vector<Parameter> parameters;
  std::vector<Expression> constraints;
  std::vector<Scale> scales;
  std::vector<BoundExpression> conditions;         ///< one a parameter; no tree: always active
  std::vector<BoundExpression> bound_constraints;  ///< one a constraint
  std::vector<std::size_t> order;        ///< all parameters, each after those its condition mentions
  std::vector<std::size_t> conditional;  ///< those of `order` that have a condition or are tied
  std::vector<std::size_t> ties;         ///< one a parameter: the one that it is tied to, or kNone
  std::vector<std::size_t> drawn;        ///< all that are not tied, as declared
  Compositions compositions;
  std::unordered_map<std::string, std::size_t> index;
  std::vector<List> lists;

  const List* list(const std::string& name) const;
  /// Names that expressions may use: parameters and lists.
  std::vector<std::string> names() const;
  /// Whether it is active, and tied cells filled, given the cells of those before it in `order`.
  bool active(std::size_t i, const Cells& cells) const {
    return (ties[i] == kNone || cells[ties[i]].active()) &&
           (conditions[i].tree == nullptr || conditions[i].evaluate(cells.data()) == Expression::Truth::yes);
  }
  /// Empties the cells of inactive parameters and fills those of ties. All others must hold values before.
  void deactivate(Cells& cells) const;
  bool feasible(const Cells& cells) const;
  Config config(const Cells& cells) const;
  /// Number of all assignments, conditions not counted; 0 where infinite or above `limit`.
  std::int64_t assignments(std::int64_t limit) const;
  const Feasible& enumerated() const;  ///< made on first use
  void assign(std::int64_t number, Cells& cells) const;
  const Solver& solver() const;  ///< made on first use
  /// Whether draws from the scales next to never satisfy the constraints (2,000 met nothing) while all that
  /// does can be enumerated or listed: then drawing from there at once is as exact as rejection, and quick.
  /// A property of the space alone; found out on first use.
  bool is_rare() const;
  /// Likewise, but neither is possible: each is searched for.
  bool is_hard() const;

 private:
  void bind_names();  // check.cpp
  void bind_ties();
  BoundExpression bind(const Expression& expression) const;  // check.cpp
  void check_comparisons(const Expression& expression) const;
  void sort_conditions();

  mutable std::once_flag enumerated_once_;
  mutable Feasible enumerated_;
  mutable std::once_flag solver_once_;
  mutable std::unique_ptr<const Solver> solver_;
  mutable std::once_flag rare_once_;
  mutable bool rare_ = false, hard_ = false;
};

/// Throws Error where the parameter is wrong in itself; puts an integer's high on its grid.
void check_parameter(Parameter& parameter);
/// Makes the parameter's default canonical. Throws Error where it is none of its values.
void check_default(Parameter& parameter, const Scale& scale);

}  // namespace hone::space
