#pragma once

#include <memory>
#include <string>

#include "hone/base/options.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// What the registrations of the searchers that are made of gp_search share (gp, ehvi, mobster): options and
/// abilities. `fidelity`: what they do with it, in words.
MethodInfo gp_method(const std::string& name, const std::string& summary, const std::string& paper,
                     const std::string& fidelity);

/// Bayesian optimisation by Gaussian processes: a space-filling start, then at every ask the config that
/// maximises the log of the expected (hypervolume) improvement under the model of GpModel. See GpSearcher in
/// gp_search.cpp. `fidelity`: "highest" or "joint".
std::unique_ptr<Searcher> make_gp_searcher(const Problem& problem, const Options& options,
                                           const std::string& fidelity);

}  // namespace hone::search
