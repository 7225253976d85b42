#include "hone/space/space.h"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/numbers.h"
#include "hone/space/composition.h"
#include "hone/space/plan.h"

namespace hone::space {
namespace {

std::string values_text(const std::vector<Value>& values) {
  std::vector<std::string> texts;
  for (const Value& value : values) texts.push_back(value_quoted(value));
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// Visits the entries with the index of their parameter. Entries mostly stand in the space's order, so the
/// search for a name starts behind the last one. Throws Error on unknown and repeated names.
template <typename Visit>
void for_each_entry(const Space::Plan& plan, const Config& config, Visit visit) {
  const std::size_t n = plan.parameters.size();
  std::size_t next = 0;
  for (const auto& [name, value] : config.entries()) {
    std::size_t i = next;
    while (i < n && plan.parameters[i].name != name) ++i;
    if (i == n) {
      const auto found = plan.index.find(name);
      if (found == plan.index.end())
        throw Error(fmt::format("unknown parameter '{}'", name), {}, suggest(name, plan.names()));
      i = found->second;
    }
    visit(i, value);
    next = i + 1;
  }
}

/// The config's values as they are, for conditions and constraints.
Cells cells_of(const Space::Plan& plan, const Config& config) {
  Cells cells(plan.parameters.size());
  for_each_entry(plan, config, [&](std::size_t i, const Value& value) {
    if (cells[i].active()) throw Error(fmt::format("'{}' is given twice", plan.parameters[i].name));
    cells[i] = Operand::of(value);
  });
  return cells;
}

}  // namespace

std::int64_t Parameter::cardinality() const {
  switch (kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      return static_cast<std::int64_t>(choices.size());
    case ParameterKind::flag:
      return 2;
    case ParameterKind::integer:
      return (static_cast<std::int64_t>(high) - static_cast<std::int64_t>(low)) / step + 1;
    case ParameterKind::real:
      break;
  }
  if (low == high) return 1;
  if (resolution <= 0) return 0;
  const double steps = log ? std::log(high / low) / std::log1p(resolution) : (high - low) / resolution;
  // `high` is the last value; a grid point within rounding of it is the same.
  return static_cast<std::int64_t>(std::ceil(steps - (log ? 0.02 : 1e-9))) + 1;
}

std::string Parameter::shown() const {
  std::string text;
  if (!same_as.empty()) return "same as " + same_as;
  switch (kind) {
    case ParameterKind::choice:
      return "choice " + values_text(choices);
    case ParameterKind::ordinal:
      return "ordinal " + values_text(choices);
    case ParameterKind::flag:
      return "flag";
    case ParameterKind::integer:
      text = fmt::format("integer {} to {}", static_cast<std::int64_t>(low), static_cast<std::int64_t>(high));
      if (step != 1) text += fmt::format(", step {}", step);
      break;
    case ParameterKind::real:
      text = fmt::format("real {} to {}", real_text(low), real_text(high));
      if (resolution > 0) text += fmt::format(", resolution {}", real_text(resolution));
      break;
  }
  return text + (log ? ", log" : "");
}

Space::Space() {
  static const auto empty = std::make_shared<const Plan>();
  plan_ = empty;
}

const std::vector<Parameter>& Space::parameters() const { return plan_->parameters; }
const std::vector<Expression>& Space::constraints() const { return plan_->constraints; }
bool Space::has_conditions() const { return !plan_->conditional.empty(); }

std::optional<std::size_t> Space::index(const std::string& name) const {
  const auto found = plan_->index.find(name);
  if (found == plan_->index.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Space::names() const {
  std::vector<std::string> names;
  for (const Parameter& parameter : plan_->parameters) {
    const std::string& name = parameter.list.empty() ? parameter.name : parameter.list;
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

Config Space::canonical(const Config& assignment) const {
  const Plan& plan = *plan_;
  const Cells given = cells_of(plan, assignment);
  Cells cells(plan.parameters.size());
  for (const std::size_t i : plan.order) {
    if (!plan.active(i, cells)) continue;
    const Parameter& parameter = plan.parameters[i];
    if (plan.ties[i] != Plan::kNone) {
      cells[i] = cells[plan.ties[i]];
      if (given[i].active() && !same(plan.scales[i].canonical(given[i]), cells[i]))
        throw Error(
            fmt::format("'{}' is the same as '{}', but {} is not {}", parameter.name, parameter.same_as,
                        value_quoted(given[i].value()), value_quoted(cells[i].value())),
            {}, fmt::format("leave '{}' out", parameter.name));
      continue;
    }
    if (!given[i].active())
      throw Error(fmt::format("the config lacks '{}'", parameter.name), {},
                  fmt::format("it is {}{}", parameter.shown(),
                              parameter.when ? ", active where " + parameter.when.text() : ""));
    cells[i] = plan.scales[i].canonical(given[i]);
  }
  return plan.config(cells);
}

bool Space::feasible(const Config& config) const {
  if (plan_->constraints.empty()) return true;
  return plan_->feasible(cells_of(*plan_, config));
}

std::vector<bool> Space::active(const Point& point) const {
  const Plan& plan = *plan_;
  const std::size_t n = plan.parameters.size();
  if (point.size() != n)
    throw internal_error(fmt::format("a point of {} entries in a space of {}", point.size(), n));
  Cells cells(n);
  std::vector<bool> active(n, true);
  for (const std::size_t i : plan.order) {
    const bool tied = plan.ties[i] != Plan::kNone;
    const bool there = plan.active(i, cells);
    active[i] = there && !tied;
    if (there && tied) cells[i] = cells[plan.ties[i]];
    // An entry that no condition mentions may be NaN; then its value does not matter.
    if (active[i] && !std::isnan(point[i])) cells[i] = plan.scales[i].at(point[i]);
  }
  return active;
}

Point Space::encode(const Config& config) const {
  Point point(plan_->parameters.size(), kNaN);
  for_each_entry(*plan_, config, [&](std::size_t i, const Value& value) {
    const Scale& scale = plan_->scales[i];
    const double position = scale.position(scale.canonical(value));
    if (plan_->ties[i] == Plan::kNone) point[i] = position;
  });
  return point;
}

Config Space::decode(const Point& point) const {
  const Plan& plan = *plan_;
  const std::size_t n = plan.parameters.size();
  if (point.size() != n)
    throw internal_error(fmt::format("a point of {} entries in a space of {}", point.size(), n));
  Cells cells(n);
  for (const std::size_t i : plan.order) {
    if (!plan.active(i, cells)) continue;
    if (plan.ties[i] != Plan::kNone) {
      cells[i] = cells[plan.ties[i]];
      continue;
    }
    if (std::isnan(point[i]))
      throw internal_error(
          fmt::format("the point has no entry for the active parameter '{}'", plan.parameters[i].name));
    cells[i] = plan.scales[i].at(point[i]);
  }
  return plan.config(cells);
}

std::vector<std::string> Space::compositions() const {
  std::vector<std::string> names;
  for (const auto& [name, composition] : plan_->compositions) names.push_back(name);
  return names;
}

const Composition* Space::composition(const std::string& name) const {
  for (const auto& [other, composition] : plan_->compositions)
    if (other == name) return composition.get();
  return nullptr;
}

std::string Space::text() const {
  std::string text;
  for (const Parameter& parameter : plan_->parameters) {
    text += fmt::format("{}: {}", parameter.name, parameter.shown());
    if (parameter.fallback) text += ", default " + value_quoted(*parameter.fallback);
    if (parameter.when) text += ", when " + parameter.when.canonical();
    text += '\n';
  }
  for (const Expression& constraint : plan_->constraints) text += "where " + constraint.canonical() + '\n';
  for (const auto& [name, composition] : plan_->compositions)
    text += fmt::format("modules {}: {}\n", name, composition->text());
  return text;
}

Key Space::key() const { return hash_key(text()); }

}  // namespace hone::space
