#pragma once

#include "hone/search/searcher.h"

namespace hone::search {

/// Where a local search begins: the space's defaults, overridden by the parameters that `given` names; what
/// neither decides is in the middle of its scale. Where neither says anything, or what they say is infeasible
/// beside the rest: a config drawn with `rng`, with what was given where that can be. `given` may be missing.
/// Throws Error with place on a name or value that the space does not have.
space::Config start_config(const space::Space& space, const Node& given, Rng& rng);

/// The option `start` of the searchers that begin somewhere.
OptionSpec start_option(const std::string& summary);

}  // namespace hone::search
