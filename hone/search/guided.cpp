#include "hone/search/guided.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/search/credit.h"
#include "hone/search/known.h"
#include "hone/search/moves.h"
#include "hone/study/ranking.h"

namespace hone::search {
namespace {

using space::Config;

/// Results after which the prior and the searcher have equal parts, while what the prior proposes ranks ahead
/// of the searcher's own by kAhead at least; how fast its odds fall where it does not. Nine searchers on five
/// functions (20 seeds) had, after 20 and 100 trials, with a prior at the optimum 1.04 and 0.99 of the regret
/// that they had with the odds left alone, with one far from it 0.85 and 0.79.
constexpr double kBeta = 10.0, kAhead = 0.1, kSharp = 12.0;
constexpr int kRecalled = 4;  // attempts of which one may have been a trial's
/// Results after which the prior proposes one trial in a hundred, and whose proposal one was is not asked.
constexpr std::int64_t kJudged = 1000;
constexpr std::size_t kFirstOfEach = 2, kFirst = 5;
/// The share of an earlier study's results that is good; and the step of a draw near one.
constexpr double kGood = 0.1, kStep = 0.1;

class Guided : public Searcher {
 public:
  Guided(std::unique_ptr<Searcher> inner, const Problem& problem, bool guides_itself)
      : inner_(std::move(inner)), problem_(problem), moves_(problem.space), guides_itself_(guides_itself) {
    std::vector<std::vector<Config>> best;
    for (const study::WarmStudy& warm : problem.warm) {
      best.emplace_back();
      const auto order = ranked(warm);
      const auto good =
          std::max<std::size_t>(1, static_cast<std::size_t>(kGood * static_cast<double>(order.size())));
      for (const std::size_t row : order) {
        if (best.back().size() >= std::max(good, kFirstOfEach)) break;
        auto config = problem.space.adopt(warm.results[row].first);
        if (!config || !problem.space.feasible(*config)) continue;
        if (best.back().size() < good) good_.push_back(*config);
        best.back().push_back(std::move(*config));
      }
    }
    for (std::size_t k = 0; k < kFirstOfEach; ++k)
      for (const auto& configs : best)
        if (k < configs.size() && first_.size() < kFirst) first_.push_back(configs[k]);
  }

  void update(const study::Change& change) override {
    if (change.kind == study::Change::Kind::created) known_.insert(change.trial->config.key());
    // Once a trial, when there is its first result or it has ended without one.
    if ((change.kind == study::Change::Kind::result || change.trial->done()) &&
        counted_.insert(change.trial->id).second)
      ++results_;
    if (leads() && problem_.objectives.size() == 1) judge(change);
    inner_->update(change);
  }

  bool learns() const override { return true; }
  double log_expected() const override { return inner_asked_ ? inner_->log_expected() : kNaN; }

  std::optional<Config> ask(std::int64_t number, int attempt) override {
    inner_asked_ = false;
    if (attempt == 0)
      for (const Config& config : first_)
        if (!known_.contains(config.key())) return config;
    // What a prior favours may all be known: later attempts are the searcher's, which looks elsewhere.
    if (leads() && !Known::gives_up(attempt)) {
      Rng rng = stream(number, attempt);
      if (rng.uniform() < share()) return drawn(rng);
    }
    inner_->aim_at(aim());
    inner_asked_ = true;
    return inner_->ask(number, attempt);
  }

 private:
  enum Proposer : std::size_t { kGuide, kSearcher };

  bool leads() const { return !guides_itself_ && (!problem_.prior.empty() || !good_.empty()); }

  Rng stream(std::int64_t number, int attempt) const {
    return Rng(problem_.seed, "guide", static_cast<std::uint64_t>(number),
               static_cast<std::uint32_t>(attempt));
  }

  double share() const {
    double beta = kBeta;
    if (problem_.objectives.size() == 1 && !problem_.space.is_hard_to_sample()) {
      const double behind = credit_.poor(kGuide) - credit_.poor(kSearcher);
      beta *= std::min(1.0, std::exp(-kSharp * (behind + kAhead)));
    }
    return beta / (beta + static_cast<double>(results_));
  }

  Config drawn(Rng& rng) const {
    if (!problem_.prior.empty() && (good_.empty() || rng.below(2) == 0))
      return problem_.prior.draw(moves_, rng);
    return near(good_[rng.below(good_.size())], rng);
  }

  /// Whose proposal a trial was: drawn again, since whoever asked may be another process.
  Proposer proposer_of(const study::Trial& trial) const {
    for (int attempt = 0; attempt < kRecalled; ++attempt) {
      Rng rng = stream(trial.id, attempt);
      rng.uniform();
      try {
        if (drawn(rng) == trial.config) return kGuide;
      } catch (const Error&) {
        break;  // no feasible config was found
      }
    }
    return kSearcher;
  }

  void judge(const study::Change& change) {
    using Kind = study::Change::Kind;
    const study::Trial& trial = *change.trial;
    if (change.kind == Kind::created) {
      // Drawing again is dear where few configs are feasible.
      if (results_ >= kJudged || problem_.space.is_hard_to_sample()) return;
      static const std::unordered_set<std::string> kNobodys{"default", "try", "user", "replicate"};
      if (!kNobodys.contains(trial.origin) &&
          std::find(first_.begin(), first_.end(), trial.config) == first_.end())
        credit_.claim(trial.id, proposer_of(trial));
      return;
    }
    credit_.update(problem_, change);
  }

  static std::vector<std::size_t> ranked(const study::WarmStudy& warm) {
    std::vector<std::vector<double>> values;
    for (const auto& [config, row] : warm.results) values.push_back(row);
    const std::vector<int> rank = study::bounded_rank(values);
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
    return order;
  }

  Config near(const Config& config, Rng& rng) const {
    const space::Point origin = moves_.filled(config, rng);
    space::Point point = origin;
    const std::size_t n = moves_.free().size();
    for (const std::size_t i : moves_.free())
      if (rng.uniform() < 2.0 / static_cast<double>(std::max<std::size_t>(n, 2)))
        moves_.step(point, i, kStep, rng);
    return moves_.settle(point, &origin, rng);
  }

  std::unique_ptr<Searcher> inner_;
  Problem problem_;
  Moves moves_;
  bool guides_itself_;
  bool inner_asked_ = false;  // it made the last proposal
  std::vector<Config> first_, good_;
  std::unordered_set<Key> known_;
  std::unordered_set<std::int64_t> counted_;  // trials
  Credit credit_{2};
  std::int64_t results_ = 0;
};

}  // namespace

std::unique_ptr<Searcher> guided(std::unique_ptr<Searcher> searcher, const Problem& problem,
                                 bool guides_itself) {
  return std::make_unique<Guided>(std::move(searcher), problem, guides_itself);
}

}  // namespace hone::search
