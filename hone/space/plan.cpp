#include "hone/space/plan.h"

#include "hone/space/composition.h"
#include "hone/space/solver.h"

namespace hone::space {

Space::Plan::Plan(std::vector<Parameter> given, std::vector<Expression> expressions, Compositions composed)
    : parameters(std::move(given)), constraints(std::move(expressions)), compositions(std::move(composed)) {
  for (Parameter& parameter : parameters) check_parameter(parameter);
  bind_names();
  bind_ties();
  scales.reserve(parameters.size());
  for (const Parameter& parameter : parameters) scales.emplace_back(parameter);
  conditions.reserve(parameters.size());
  for (const Parameter& parameter : parameters) conditions.push_back(bind(parameter.when));
  for (const Expression& constraint : constraints) bound_constraints.push_back(bind(constraint));
  sort_conditions();
  for (const std::size_t i : order)
    if (parameters[i].when || ties[i] != kNone) conditional.push_back(i);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (ties[i] == kNone) drawn.push_back(i);
    check_default(parameters[i], scales[i]);
  }
}

Space::Plan::Plan() = default;
Space::Plan::~Plan() = default;

const Solver& Space::Plan::solver() const {
  std::call_once(solver_once_, [this] { solver_ = std::make_unique<const Solver>(*this); });
  return *solver_;
}

const Space::Plan::List* Space::Plan::list(const std::string& name) const {
  for (const List& list : lists)
    if (list.name == name) return &list;
  return nullptr;
}

std::vector<std::string> Space::Plan::names() const {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  for (const List& list : lists) names.push_back(list.name);
  return names;
}

void Space::Plan::deactivate(Cells& cells) const {
  for (const std::size_t i : conditional)
    if (!active(i, cells))
      cells[i] = Operand();
    else if (ties[i] != kNone)
      cells[i] = cells[ties[i]];
}

bool Space::Plan::feasible(const Cells& cells) const {
  for (const BoundExpression& constraint : bound_constraints)
    if (constraint.evaluate(cells.data()) == Expression::Truth::no) return false;
  return true;
}

Config Space::Plan::config(const Cells& cells) const {
  std::vector<Config::Entry> entries;
  entries.reserve(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (cells[i].active()) entries.emplace_back(parameters[i].name, cells[i].value());
  return Config(std::move(entries));
}

}  // namespace hone::space
