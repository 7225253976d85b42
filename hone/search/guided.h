#pragma once

#include <memory>

#include "hone/search/searcher.h"

namespace hone::search {

/// Puts a searcher under the guidance of what the user believes (problem.prior) and of what earlier studies
/// found (problem.warm). The searcher is told everything as before.
///
/// - First come the best configs of the earlier studies, the best of each, then the second best of each: two
///   from each, five at most (a zero-shot portfolio, as of Feurer et al., "Initializing Bayesian
///   Hyperparameter Optimization via Meta-Learning", 2015).
/// - Then a proposal is drawn from the prior with probability beta / (beta + n), n results so far, and else
///   asked of the searcher: the prior's weight falls as in Hvarfner et al., "piBO: Augmenting Acquisition
///   Functions with User Beliefs for Bayesian Optimization", 2022 (where an acquisition is multiplied by
///   prior^(beta / n); that needs an acquisition, this works with every searcher). With one objective beta
///   is smaller while what was drawn from the prior lately does not rank ahead of the searcher's own
///   proposals (Credit; this is ours): beliefs that are wrong would cost beta log(n) evaluations.
/// - Of earlier studies without a prior the part of the prior is taken by a draw near one of their good
///   configs: quantiles of their values make them comparable (Salinas et al., "A Quantile-based Approach for
///   Hyperparameter Transfer Learning", 2020), and the best tenth of each is good.
///
/// Searchers whose method uses a prior or earlier studies itself get them through the problem and are wrapped
/// all the same only for the first configs: see MethodInfo::guides_itself.
std::unique_ptr<Searcher> guided(std::unique_ptr<Searcher> searcher, const Problem& problem,
                                 bool guides_itself);

}  // namespace hone::search
