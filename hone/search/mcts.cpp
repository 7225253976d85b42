#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "hone/base/numbers.h"
#include "hone/search/decisions.h"
#include "hone/search/individuals.h"
#include "hone/study/front.h"

namespace hone::search {
namespace {

/// Monte Carlo tree search over the space's decisions (Negrinho and Gordon, "DeepArchitect: Automatically
/// Designing and Training Deep Architectures", 2017). A node decides one parameter or half of its values (see
/// Decisions: the paper's restructured tree, by bisection, though in rounds over the parameters). Selection
/// by UCT: mean reward + c sqrt(2 ln N / n), c = 0.5 as in the authors' experiments; each trial adds one
/// node; below it the rest is drawn.
///
/// - Reward: the share of a reference sample of the results so far (256, a reservoir) that does not dominate
///   the result; a result at a lower fidelity is dominated by one at a higher. All rewards are computed again
///   whenever the results have doubled. Lost and infeasible ones: 0, and no visit before the first result.
///   Several objectives: the same.
/// - A running trial counts as a visit with reward 0 (so that workers part), as does one that runs no more
///   without a result.
/// - What a trial's config says is its path, so that trials proposed by others teach the tree too.
class Mcts : public Searcher {
 public:
  Mcts(const Problem& problem, double c)
      : problem_(problem), moves_(problem.space), decisions_(moves_), individuals_(problem_, moves_), c_(c) {
    nodes_.emplace_back();
  }

  void update(const study::Change& change) override {
    using Event = Individuals::Event;
    const std::int64_t trial = change.trial->id;
    switch (individuals_.update(change)) {
      case Event::born:
        return visit(trial, true);
      case Event::judged:
      case Event::judged_anew:
        return judged(trial);
      case Event::gone:
        results_.erase(trial);
        std::erase_if(reference_, [&](const Reference& it) { return it.trial == trial; });
        if (individuals_.find(trial) != nullptr)
          credit(trial, 0.0);
        else
          visit(trial, false);
        return;
      case Event::nothing:
        return;
    }
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "mcts", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    if (gives_up(attempt)) return problem_.space.sample(rng);
    const space::Point drawn = moves_.draw(rng);
    space::Point point;
    for (int tries = 0; tries < kTries; ++tries) {
      point = drawn;
      walk(point, rng);
      if (auto config = moves_.config(point)) return config;
    }
    return moves_.settle(point, nullptr, rng);
  }

 private:
  static constexpr int kTries = 16;
  static constexpr std::size_t kReference = 256;

  struct Node {
    double reward = 0.0;  // sum
    std::int64_t visits = 0;
    std::vector<std::int32_t> children;  // empty: a leaf; -1: not visited
  };
  struct Known {
    std::vector<std::int32_t> path;
    double reward = 0.0;
    bool counts = true;  // as visits
  };

  /// Goes down the tree and writes what it decides into `point`, which is otherwise drawn.
  void walk(space::Point& point, Rng& rng) const {
    std::vector<bool> active = moves_.active(point);
    Decisions::Place place;
    std::int32_t node = 0;
    while (!nodes_[static_cast<std::size_t>(node)].children.empty() && decisions_.settle(place, active)) {
      const std::size_t child = best_child(nodes_[static_cast<std::size_t>(node)], rng);
      const bool may_switch = decisions_.may_switch(place);
      decisions_.take(place, child, point, rng);
      if (may_switch) active = moves_.active(point);
      node = nodes_[static_cast<std::size_t>(node)].children[child];
      if (node < 0) return;
    }
  }

  std::size_t best_child(const Node& node, Rng& rng) const {
    std::vector<std::size_t> best;
    double most = -kInfinity;
    const double log_n = std::log(static_cast<double>(std::max<std::int64_t>(node.visits, 1)));
    for (std::size_t k = 0; k < node.children.size(); ++k) {
      double score = kInfinity;
      if (node.children[k] >= 0) {
        const Node& child = nodes_[static_cast<std::size_t>(node.children[k])];
        const double n = static_cast<double>(child.visits);
        if (n > 0.0) score = child.reward / n + c_ * std::sqrt(2.0 * log_n / n);
      }
      if (score > most) {
        best.clear();
        most = score;
      }
      if (score == most) best.push_back(k);
    }
    return best[rng.below(best.size())];
  }

  /// A trial begins, or counts no longer.
  void visit(std::int64_t trial, bool begins) {
    if (!begins) {
      const auto found = known_.find(trial);
      if (found == known_.end()) return;
      credit(trial, 0.0);
      count(trial, false);
      known_.erase(found);
      return;
    }
    const auto [known, is_new] = known_.try_emplace(trial);
    if (!is_new) return;
    const space::Point& point = individuals_.at(trial).point;
    const std::vector<bool> active = moves_.active(point);
    Decisions::Place place;
    std::int32_t node = 0;
    known->second.path.push_back(0);
    while (decisions_.settle(place, active)) {
      const std::size_t width_here = decisions_.width(place), child = decisions_.child_of(place, point);
      if (child >= width_here) break;
      const bool leaf = nodes_[static_cast<std::size_t>(node)].children.empty();
      if (leaf) nodes_[static_cast<std::size_t>(node)].children.assign(width_here, -1);
      std::int32_t next = nodes_[static_cast<std::size_t>(node)].children[child];
      const bool added = next < 0;
      if (added) {
        next = static_cast<std::int32_t>(nodes_.size());
        nodes_[static_cast<std::size_t>(node)].children[child] = next;
        nodes_.emplace_back();
      }
      node = next;
      known->second.path.push_back(node);
      decisions_.take(place, child);
      if (added) break;
    }
    individuals_.drop_point(trial);
    for (const std::int32_t it : known->second.path) ++nodes_[static_cast<std::size_t>(it)].visits;
  }

  void judged(std::int64_t trial) {
    const Individual& it = individuals_.at(trial);
    const bool good = it.standing <= Individual::Standing::pruned;
    std::erase_if(reference_, [&](const Reference& row) { return row.trial == trial; });
    if (good) {
      if (results_.emplace(trial, Reference{trial, it.fidelity(), it.values.rbegin()->second}).second)
        ++told_;
      results_.at(trial) = {trial, it.fidelity(), it.values.rbegin()->second};
      if (reference_.size() < kReference) {
        reference_.push_back(results_.at(trial));
      } else {
        Rng rng(problem_.seed, "mcts reference", static_cast<std::uint64_t>(told_));
        const std::uint64_t place = rng.below(static_cast<std::uint64_t>(std::max<std::int64_t>(told_, 1)));
        if (place < kReference) reference_[place] = results_.at(trial);
      }
      count(trial, true);
      credit(trial, reward(results_.at(trial)));
    } else {
      results_.erase(trial);
      credit(trial, 0.0);
      // Before anything succeeded a failure says nothing of its place: it may have been an outage, after
      // which a few successes must not keep the tree from where the failures were.
      if (told_ == 0) count(trial, false);
    }
    if (told_ < next_renewal_) return;
    next_renewal_ *= 2;
    for (const auto& [id, result] : results_) credit(id, reward(result));
  }

  void count(std::int64_t trial, bool counts) {
    const auto found = known_.find(trial);
    if (found == known_.end() || found->second.counts == counts) return;
    found->second.counts = counts;
    for (const std::int32_t node : found->second.path)
      nodes_[static_cast<std::size_t>(node)].visits += counts ? 1 : -1;
  }

  void credit(std::int64_t trial, double reward) {
    const auto found = known_.find(trial);
    if (found == known_.end()) return;
    for (const std::int32_t node : found->second.path)
      nodes_[static_cast<std::size_t>(node)].reward += reward - found->second.reward;
    found->second.reward = reward;
  }

  struct Reference {
    std::int64_t trial;
    std::int64_t fidelity;
    std::vector<double> values;
  };

  double reward(const Reference& it) const {
    std::size_t better = 0;
    for (const Reference& other : reference_)
      if (other.fidelity > it.fidelity ||
          (other.fidelity == it.fidelity && study::dominates(other.values, it.values)))
        ++better;
    return 1.0 -
           static_cast<double>(better) / static_cast<double>(std::max<std::size_t>(reference_.size(), 1));
  }

  Problem problem_;
  Moves moves_;
  Decisions decisions_;
  Individuals individuals_;
  double c_;
  std::vector<Node> nodes_;
  std::unordered_map<std::int64_t, Known> known_;
  std::map<std::int64_t, Reference> results_;
  std::vector<Reference> reference_;
  std::int64_t told_ = 0, next_renewal_ = 16;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, mcts) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{.name = "mcts",
                 .summary = "Monte Carlo tree search over the space's decisions, numbers by bisection.",
                 .paper = "DeepArchitect: Automatically Designing and Training Deep Architectures",
                 .options = {{.name = "c",
                              .type = OptionSpec::Type::real,
                              .fallback = 0.5,
                              .summary = "how much little visited branches are preferred",
                              .low = 0.0,
                              .high = 1e3}},
                 .abilities = {.objectives = "several",
                               .constraints = "avoided",
                               .conditions = "yes, as the tree's shape",
                               .batch = "running trials count as visits without reward",
                               .fidelity = "who went further is better",
                               .ask = "O(depth of the tree d)",
                               .trials = "50 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Mcts>(problem, options.real("c"));
      }));
}
