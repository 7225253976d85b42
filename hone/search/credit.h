#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/search/least.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// How good what each of several proposers proposed lately turned out to be: by the ranks of the results
/// among the latest of all. A proposer whose model does not fit the landscape shows it soon: what it expects
/// to be the best turns out ordinary, fails, or is the best value over again.
class Credit {
 public:
  explicit Credit(std::size_t proposers) : latest_(proposers) {}

  /// Whose proposal a trial is; what nobody claims is compared with, and judges nobody.
  void claim(std::int64_t trial, std::size_t proposer) { open_[trial] = proposer; }
  /// Observes and judges what came of a trial: every change but `created`, of a study of one objective. A
  /// report without the objective says nothing, and what breaks a limit little: at first nobody knows where
  /// they are kept.
  void update(const Problem& problem, const study::Change& change);
  /// A trial's result, less is better; NaN: none, it failed. Results of one `level` (a fidelity) are compared
  /// with each other; a trial's first there counts. O(64 + log n).
  void observe(std::int64_t trial, double value, std::int64_t level);
  /// The same of a proposal, before what is above.
  void judge(std::size_t proposer, double value, std::int64_t level);
  /// A deleted trial: nothing is compared with it any longer.
  void forget(std::int64_t trial);
  /// The mean rank of the proposer's last eight, from 0 (all better than any before) to 1; as if there had
  /// been two of 1/2 before.
  double poor(std::size_t proposer) const;
  /// How many of its last eight there are.
  std::size_t size(std::size_t proposer) const { return latest_[proposer].size(); }

 private:
  struct Level {
    std::deque<std::pair<std::int64_t, double>> latest = {};  // finite results of all, by trial
    Least best = {};
  };

  std::vector<std::deque<double>> latest_;  // ranks, by proposer
  std::map<std::int64_t, Level> levels_;
  std::unordered_map<std::int64_t, std::size_t> open_;  // proposers, of trials that have not been judged
};

}  // namespace hone::search
