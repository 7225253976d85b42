#include "hone/search/gp_search.h"

// MOBSTER's model (Klein et al., "Model-based Asynchronous Hyperparameter and Neural Architecture Search",
// 2020): one Gaussian process over configs and fidelities, whose kernel multiplies that of the configs by a
// learning curve's (see predict::GaussianProcess). Proposals maximise log expected improvement at the highest
// fidelity that has enough results (BOHB's rule). Not the paper's: trials that run count there at the model's
// mean, where it averages over draws of their outcomes; several objectives (ehvi); all else that GpSearcher
// says. When a trial stops and when it goes on is the scheduler's, of the same name.

HONE_REGISTER(searcher, mobster) {
  using namespace hone;
  registry.add("searcher",
               search::gp_method(
                   "mobster", "Bayesian optimisation with one Gaussian process over configs and fidelities.",
                   "Model-based Asynchronous Hyperparameter and Neural Architecture Search", "all together"),
               search::MakeSearcher([](const search::Problem& problem, const Options& given) {
                 return search::make_gp_searcher(problem, given, "joint");
               }));
}
