#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/base/options.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// Options of the searchers that are made of gp_search: gp, ehvi, mobster.
std::vector<OptionSpec> gp_options();

/// Bayesian optimisation by Gaussian processes: a space-filling start, then at every ask the config that
/// maximises the log of the expected (hypervolume) improvement under the model of GpModel. See gp.cpp.
/// `fidelity`: "highest" or "joint".
std::unique_ptr<Searcher> make_gp_searcher(const Problem& problem, const Options& options,
                                           const std::string& fidelity);

}  // namespace hone::search
