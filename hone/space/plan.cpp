#include "hone/space/plan.h"

namespace hone::space {

Space::Plan::Plan(std::vector<Parameter> given, std::vector<Expression> expressions)
    : parameters(std::move(given)), constraints(std::move(expressions)) {
  for (Parameter& parameter : parameters) check_parameter(parameter);
  bind_names();
  scales.reserve(parameters.size());
  for (const Parameter& parameter : parameters) scales.emplace_back(parameter);
  conditions.reserve(parameters.size());
  for (const Parameter& parameter : parameters) conditions.push_back(bind(parameter.when));
  for (const Expression& constraint : constraints) bound_constraints.push_back(bind(constraint));
  sort_conditions();
  for (const std::size_t i : order)
    if (parameters[i].when) conditional.push_back(i);
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
    if (conditions[i].evaluate(cells.data()) != Expression::Truth::yes) cells[i] = Operand();
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
