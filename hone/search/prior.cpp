#include "hone/search/prior.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone::search {
namespace {

/// A value that a table of weights does not name is unlikely rather than impossible: a wrong belief must not
/// cost the optimum.
constexpr double kUnnamed = 0.1;

std::vector<Value> values_of(const space::Parameter& parameter) {
  if (parameter.kind == space::ParameterKind::flag) return {false, true};
  return parameter.choices;
}

bool has_values(const space::Parameter& parameter) {
  return parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag ||
         parameter.kind == space::ParameterKind::ordinal;
}

Prior::Belief weights_of(const Node& node, const space::Parameter& parameter) {
  const std::vector<Value> values = values_of(parameter);
  std::vector<std::string> names;
  for (const Value& value : values) names.push_back(value_text(value));
  Prior::Belief belief;
  belief.weights.assign(values.size(), 0.0);
  double least = kInfinity;
  const auto give = [&](const std::string& name, double weight, const Node& at) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw Error(fmt::format("'{}' is no value of '{}'", name, parameter.name), at.place(),
                  suggest(name, names));
    belief.weights[static_cast<std::size_t>(found - names.begin())] = weight;
    if (weight > 0.0) least = std::min(least, weight);
  };
  if (node.is(Node::Type::table)) {
    for (const auto& [name, weight] : node.entries()) {
      if (!(weight.real() >= 0.0 && std::isfinite(weight.real())))
        throw weight.expected("a weight of 0 or more");
      give(name, weight.real(), weight);
    }
    if (!std::isfinite(least)) throw node.expected("a weight above 0 for at least one value");
  } else {
    give(value_text(node.value()), 1.0, node);
  }
  const bool all = node.is(Node::Type::table);
  for (std::size_t k = 0; k < values.size(); ++k)
    if (belief.weights[k] == 0.0 && !(all && node.has(names[k]))) belief.weights[k] = kUnnamed * least;
  return belief;
}

Prior::Belief normal_of(const Node& node, const space::Parameter& parameter, const space::Scale& scale) {
  const bool table = node.is(Node::Type::table);
  if (table) node.only({"at", "spread"});
  const Node at = table ? node.need("at") : node;
  Prior::Belief belief;
  const double value = at.real();
  if (!(value >= parameter.low && value <= parameter.high))
    throw Error(fmt::format("the prior of '{}' lies at {}, outside its range of {}", parameter.name,
                            at.shown(), parameter.shown()),
                at.place());
  // A whole number apart: GCC warns wrongly of a conditional between two variants.
  Value nearest(value);
  if (parameter.kind == space::ParameterKind::integer)
    nearest = static_cast<std::int64_t>(std::llround(value));
  belief.at = scale.position(scale.canonical(nearest));
  if (const Node spread = table ? node["spread"] : Node()) {
    belief.spread = spread.real();
    if (!(belief.spread > 0.0 && belief.spread <= 10.0))
      throw spread.expected("a share of the parameter's scale, above 0");
  }
  return belief;
}

}  // namespace

Prior Prior::read(const Node& table, const space::Space& space) {
  std::vector<Belief> beliefs;
  if (!table) return Prior();
  for (const auto& [name, node] : table.entries()) {
    bool any = false;
    for (std::size_t i = 0; i < space.size(); ++i) {
      const space::Parameter& parameter = space.parameter(i);
      if (parameter.name != name && parameter.list != name) continue;
      any = true;
      if (!parameter.same_as.empty())
        throw Error(fmt::format("'{}' has the value of '{}'", parameter.name, parameter.same_as),
                    node.place(), "give the prior there");
      Belief belief = has_values(parameter) ? weights_of(node, parameter)
                                            : normal_of(node, parameter, space::Scale(parameter));
      belief.parameter = i;
      beliefs.push_back(std::move(belief));
    }
    if (!any)
      throw Error(fmt::format("the space has no parameter '{}'", name), node.place(),
                  suggest(name, space.names()));
  }
  return Prior(std::move(beliefs));
}

double Prior::log_density(const space::Point& point) const {
  double sum = 0.0;
  for (const Belief& belief : beliefs_) {
    const double entry = point[belief.parameter];
    if (std::isnan(entry)) continue;
    if (belief.weights.empty()) {
      const double z = (entry - belief.at) / belief.spread;
      sum -= 0.5 * z * z + std::log(belief.spread) + 0.5 * std::log(2.0 * kPi);
      continue;
    }
    const double n = static_cast<double>(belief.weights.size());
    // An ordinal's entry is (k + 0.5) / n, a choice's is k.
    const bool ordinal = entry != std::floor(entry);
    const auto k = static_cast<std::size_t>(ordinal ? entry * n : entry);
    const double total = std::accumulate(belief.weights.begin(), belief.weights.end(), 0.0);
    sum +=
        std::log(std::max(belief.weights[std::min(k, belief.weights.size() - 1)], 1e-12 * total) * n / total);
  }
  return sum;
}

space::Config Prior::draw(const Moves& moves, Rng& rng) const {
  space::Point point = moves.draw(rng);
  for (const Belief& belief : beliefs_) {
    double& entry = point[belief.parameter];
    if (belief.weights.empty()) {
      double drawn = -1.0;
      for (int tries = 0; tries < 64 && !(drawn >= 0.0 && drawn <= 1.0); ++tries)
        drawn = belief.at + belief.spread * rng.normal();
      if (drawn >= 0.0 && drawn <= 1.0) entry = drawn;
      continue;
    }
    const double total = std::accumulate(belief.weights.begin(), belief.weights.end(), 0.0);
    double left = rng.uniform() * total;
    std::size_t k = 0;
    while (k + 1 < belief.weights.size() && left >= belief.weights[k]) left -= belief.weights[k++];
    entry = moves.is_categorical(belief.parameter)
                ? static_cast<double>(k)
                : (static_cast<double>(k) + 0.5) / static_cast<double>(belief.weights.size());
  }
  moves.snap(point);
  return moves.settle(point, nullptr, rng);
}

}  // namespace hone::search
