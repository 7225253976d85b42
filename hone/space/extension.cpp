#include <algorithm>

#include <fmt/format.h>

#include "hone/space/difference.h"
#include "hone/space/solver.h"

namespace hone::space {
namespace {

constexpr std::int64_t kMostAdopted = 20000;  // adopted one by one

bool has(const Space& space, const Expression& constraint) {
  return std::any_of(space.constraints().begin(), space.constraints().end(),
                     [&](const Expression& other) { return other.canonical() == constraint.canonical(); });
}

bool mentions(const BoundExpression& expression, const std::vector<bool>& parameters) {
  for (const Binding& binding : expression.bindings) {
    for (std::uint32_t k = 0; k < binding.length; ++k)
      if (parameters[binding.index + k]) return true;
    if (binding.counter >= 0 && parameters[static_cast<std::size_t>(binding.counter)]) return true;
  }
  return false;
}

bool needs_default(const Parameter& parameter) {
  return !parameter.fallback && parameter.cardinality() != 1 && parameter.same_as.empty();
}

/// The newer space with one of its constraints.
Space with_only(const Space& newer, const Expression& constraint) {
  Space::Builder builder;
  for (const Parameter& parameter : newer.parameters()) builder.add(parameter);
  return builder.add(constraint).build();
}

/// Why some config of the older space is not adopted as it is; "" where all are.
std::string first_lost(const Space& older, const Space& newer) {
  std::string why;
  Rng rng(0, "extension");
  older.unseen(rng, [&](const Config& config) {
    if (!why.empty()) return true;
    const auto adopted = newer.adopt(config);
    if (adopted) {
      for (const auto& [name, value] : config.entries())
        if (!adopted->has(name)) why = fmt::format("{}: it is no longer active in {}", name, config.shown());
      return true;
    }
    // Which of the two reasons: a parameter without a value, or a constraint.
    for (const Parameter& parameter : newer.parameters()) {
      if (!needs_default(parameter) || config.has(parameter.name)) continue;
      why = fmt::format("{}: it is {} and has no default", parameter.name,
                        older.index(parameter.name) ? "active in more configs" : "new");
    }
    for (const Expression& constraint : newer.constraints())
      if (!has(older, constraint) && !with_only(newer, constraint).adopt(config))
        why = fmt::format("where {}: it is new and excludes {}", constraint.text(), config.shown());
    if (why.empty()) why = fmt::format("{} is no config of it", config.shown());
    return true;
  });
  return why;
}

/// The newer space's values that the older parameter has.
Domain carried(const Variable& variable, const Parameter& older, const Parameter& newer) {
  const Scale from(older), to(newer);
  if (variable.form() == Variable::Form::interval) return variable.interval(older.low, older.high);
  if (variable.form() == Variable::Form::set) {
    Domain domain;
    for (std::size_t k = 0; k < variable.values().size(); ++k)
      if (from.find(variable.values()[k])) domain.a |= std::uint64_t{1} << k;
    return domain;
  }
  const bool range = older.kind == newer.kind && older.kind == ParameterKind::integer;
  if (!range) return variable.all();
  const auto low = to.find(Operand::of(static_cast<std::int64_t>(older.low)));
  const auto high = to.find(Operand::of(static_cast<std::int64_t>(older.high)));
  return low && high ? variable.positions(to.index(*low), to.index(*high)) : variable.all();
}

/// Parameters of the newer space that an older config may have active or not otherwise than before.
std::vector<bool> touched(const Space& older, const Space::Plan& plan) {
  std::vector<bool> touched(plan.parameters.size(), false);
  for (const std::size_t i : plan.order) {
    const Parameter& is = plan.parameters[i];
    const auto was = older.index(is.name);
    touched[i] = !was || older.parameter(*was).when.canonical() != is.when.canonical() ||
                 older.parameter(*was).same_as != is.same_as || mentions(plan.conditions[i], touched) ||
                 (plan.ties[i] != Space::Plan::kNone && touched[plan.ties[i]]);
  }
  return touched;
}

/// As first_lost, by bounds over the values that the older space has: what cannot be shown counts as lost.
std::string unproved(const Space& older, const Space::Plan& plan) {
  const Solver& solver = plan.solver();
  const std::vector<bool> other = touched(older, plan);
  for (const Component& component : solver.components()) {
    Component::State state = component.root();
    for (const std::size_t i : component.members()) {
      const Parameter& is = plan.parameters[i];
      if (plan.ties[i] != Space::Plan::kNone) continue;
      const Variable& variable = solver.variables()[i];
      if (const auto was = older.index(is.name))
        component.restrict(state, i, carried(variable, older.parameter(*was), is));
      else if (is.fallback)
        component.restrict(state, i, variable.only(plan.scales[i].canonical(*is.fallback)));
    }
    component.update_activity(state);
    for (std::size_t m = 0; m < component.members().size(); ++m) {
      const Parameter& is = plan.parameters[component.members()[m]];
      const auto was = older.index(is.name);
      const bool never = state.activity[m] == Component::Activity::inactive;
      const bool always = state.activity[m] == Component::Activity::active;
      if (!was && !never && needs_default(is))
        return fmt::format("{}: it is new and has no default", is.name);
      if (!was || !other[component.members()[m]]) continue;
      if (!always) return fmt::format("{}: its condition changed, and may leave it out", is.name);
      if (needs_default(is))
        return fmt::format("{}: it is active in more configs and has no default", is.name);
    }
    for (const std::size_t c : component.constraints())
      if ((!has(older, plan.constraints[c]) || mentions(plan.bound_constraints[c], other)) &&
          component.bounds(plan.bound_constraints[c], state).no)
        return fmt::format("where {}: it is new and may exclude what was tried", plan.constraints[c].text());
  }
  return "";
}

}  // namespace

Extension extension(const Space& older, const Space& newer) {
  Extension found;
  const auto obstacle = [&](const std::string& what) {
    if (found.compatible && !what.empty()) found.obstacle = what;
    found.compatible = found.compatible && what.empty();
  };
  for (const Parameter& was : older.parameters())
    if (!newer.index(was.name)) {
      found.changes.push_back(was.name + ": removed");
      obstacle(fmt::format("{}: it was removed", was.name));
    }
  bool same_conditions = true;
  for (const Parameter& is : newer.parameters()) {
    const auto at = older.index(is.name);
    if (!at) {
      found.changes.push_back(fmt::format("{}: new, {}{}", is.name, is.shown(),
                                          is.fallback ? ", default " + value_quoted(*is.fallback) : ""));
      same_conditions = false;
      continue;
    }
    const Parameter& was = older.parameter(*at);
    describe(was, is, found.changes);
    if (const std::string why = lost_value(was, is); !why.empty()) obstacle(is.name + ": " + why);
    if (!is.same_as.empty() && was.same_as != is.same_as)
      obstacle(fmt::format("{}: it is the same as {} now", is.name, is.same_as));
    same_conditions = same_conditions && is.when.canonical() == was.when.canonical();
  }
  bool same_constraints = true;
  for (const Expression& constraint : older.constraints())
    if (!has(newer, constraint)) found.changes.push_back(fmt::format("where {}: removed", constraint.text()));
  for (const Expression& constraint : newer.constraints())
    if (!has(older, constraint)) {
      found.changes.push_back(fmt::format("where {}: new", constraint.text()));
      same_constraints = false;
    }
  for (const std::string& name : older.compositions()) {
    const Composition* is = newer.composition(name);
    obstacle(is == nullptr ? fmt::format("the modules '{}' were removed", name)
                           : lost_structure(*older.composition(name), *is, name));
    if (is == nullptr || is->text() != older.composition(name)->text())
      found.changes.push_back(fmt::format("modules {}: {} -> {}", name, older.composition(name)->text(),
                                          is == nullptr ? "none" : is->text()));
  }
  if (!found.compatible || (same_conditions && same_constraints)) return found;
  const bool few = older.is_enumerable() && older.count().value_or(kMostAdopted + 1) <= kMostAdopted;
  obstacle(few ? first_lost(older, newer) : unproved(older, *newer.plan_));
  return found;
}

}  // namespace hone::space
