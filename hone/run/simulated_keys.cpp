#include "hone/run/simulated_keys.h"

#include "hone/graph/graph.h"

namespace hone::run {

SimulatedKeys::SimulatedKeys(const Problem& problem, const identity::Settings& settings)
    : problem_(problem), quantisation_(settings.rounding()), known_(kMost) {}

study::Keys SimulatedKeys::keys(const space::Config& config) {
  const Key key = config.key();
  if (const study::Keys* known = known_.find(key)) return *known;
  study::Keys keys;
  if (const auto graph = problem_.benchmark()->graph(config)) keys.structural = graph::canonical(*graph).key;
  if (auto signature =
          identity::signature(problem_.benchmark()->probe(config), problem_.name(), quantisation_)) {
    keys.functional = signature->key;
    keys.near = std::move(signature->near);
  }
  return known_.touch(key) = std::move(keys);
}

std::string SimulatedKeys::broken_limit(const study::Measures& costs) const {
  for (const study::Limit& limit : problem_.limits())
    if (std::string violation = limit.violation(costs); !violation.empty()) return violation;
  return {};
}

}  // namespace hone::run
