#include <algorithm>

#include <fmt/format.h>

#include "hone/space/plan.h"
#include "hone/space/solver.h"

namespace hone::space {

std::optional<Config> Space::default_config() const {
  const Plan& plan = *plan_;
  bool any = false;
  for (const Parameter& parameter : plan.parameters) any = any || parameter.fallback.has_value();
  if (!any) return std::nullopt;
  Cells cells(plan.parameters.size());
  for (const std::size_t i : plan.order) {
    if (!plan.active(i, cells)) continue;
    const std::optional<Value>& fallback = plan.parameters[i].fallback;
    cells[i] = plan.ties[i] != Plan::kNone ? cells[plan.ties[i]]
               : fallback                  ? plan.scales[i].canonical(*fallback)
                                           : plan.scales[i].middle();
  }
  if (plan.feasible(cells)) return plan.config(cells);
  std::vector<std::optional<Operand>> given(plan.parameters.size());
  for (std::size_t i = 0; i < given.size(); ++i)
    if (plan.parameters[i].fallback) given[i] = plan.scales[i].canonical(*plan.parameters[i].fallback);
  const auto outcome = plan.solver().complete(given, cells);
  if (outcome == Solver::Outcome::found) return plan.config(cells);
  if (outcome == Solver::Outcome::unknown) return std::nullopt;
  // Where nothing is feasible at all, sampling says so.
  const std::string with = plan.solver().conflict(given);
  const std::vector<std::optional<Operand>> nothing(plan.parameters.size());
  if (plan.solver().complete(nothing, cells) != Solver::Outcome::found) return std::nullopt;
  const auto first = std::find_if(plan.parameters.begin(), plan.parameters.end(),
                                  [](const Parameter& parameter) { return parameter.fallback.has_value(); });
  throw Error(fmt::format("no config has all the defaults: {} {} beside them", with,
                          with.find("' and '") == std::string::npos ? "does not hold" : "do not hold"),
              first->place, "change a default");
}

std::optional<Config> Space::adopt(const Config& old) const {
  const Plan& plan = *plan_;
  const std::size_t n = plan.parameters.size();
  Cells given(n), cells(n);
  std::size_t next = 0;  // entries mostly stand in the space's order
  for (const auto& [name, value] : old.entries()) {
    std::size_t i = next;
    if (i >= n || plan.parameters[i].name != name) {
      const auto found = plan.index.find(name);
      if (found == plan.index.end()) return std::nullopt;
      i = found->second;
    }
    given[i] = Operand::of(value);
    next = i + 1;
  }
  for (const std::size_t i : plan.order) {
    if (!plan.active(i, cells)) continue;
    const Scale& scale = plan.scales[i];
    if (plan.ties[i] != Plan::kNone) {
      cells[i] = cells[plan.ties[i]];
    } else if (given[i].active()) {
      const Parameter& parameter = plan.parameters[i];
      if (parameter.kind == ParameterKind::real && parameter.resolution <= 0 && given[i].is_number() &&
          given[i].number() >= parameter.low && given[i].number() <= parameter.high) {
        // A range that was narrower once kept more digits; what was evaluated there stays what it was.
        cells[i] = Operand::of(given[i].number());
      } else {
        const auto canonical = scale.find(given[i]);
        if (!canonical) return std::nullopt;
        cells[i] = *canonical;
      }
    } else if (plan.parameters[i].fallback) {
      cells[i] = scale.canonical(*plan.parameters[i].fallback);
    } else if (scale.size() == 1) {
      cells[i] = scale.value(0);
    } else {
      return std::nullopt;
    }
    if (given[i].active() && !same(given[i], cells[i])) return std::nullopt;
  }
  if (!plan.feasible(cells)) return std::nullopt;
  return plan.config(cells);
}

}  // namespace hone::space
