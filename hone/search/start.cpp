#include "hone/search/start.h"

#include <cmath>

#include "hone/space/scale.h"

namespace hone::search {

space::Config start_config(const space::Space& space, const Node& given, Rng& rng) {
  const auto fallback = space.default_config();
  const bool has_given = given && !given.entries().empty();
  if (!has_given) return fallback && space.feasible(*fallback) ? *fallback : space.sample(rng);

  space::Point point = space.encode(fallback ? *fallback : space.sample(rng));
  for (std::size_t i = 0; i < point.size(); ++i) {
    const space::Scale scale(space.parameter(i));
    if (!fallback || std::isnan(point[i])) point[i] = scale.position(scale.middle());
  }
  for (const auto& [name, node] : given.entries()) {
    const auto i = space.index(name);
    if (!i)
      throw Error("the space has no parameter '" + name + "'", node.place(),
                  "start names parameters of the space and their values");
    const space::Scale scale(space.parameter(*i));
    try {
      point[*i] = scale.position(scale.canonical(node.value()));
    } catch (const Error& error) {
      throw Error(error.message(), node.place(), error.hint());
    }
  }
  for (int tries = 0; tries < 100; ++tries) {
    const space::Config config = space.decode(point);
    if (space.feasible(config)) return config;
    const space::Point drawn = space.encode(space.sample(rng));
    for (std::size_t i = 0; i < point.size(); ++i)
      if (!given.has(space.parameter(i).name) && !std::isnan(drawn[i])) point[i] = drawn[i];
  }
  return space.sample(rng);
}

OptionSpec start_option(const std::string& summary) {
  return {.name = "start",
          .type = OptionSpec::Type::table,
          .fallback = nullptr,
          .summary = summary,
          .optional = true};
}

}  // namespace hone::search
