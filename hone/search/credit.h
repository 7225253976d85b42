#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <vector>

namespace hone::search {

/// How good what each of several proposers proposed lately turned out to be: by the ranks of the results
/// among the latest of all. A proposer whose model does not fit the landscape shows it soon: what it expects
/// to be the best turns out ordinary, fails, or is the best value over again.
class Credit {
 public:
  explicit Credit(std::size_t proposers) : latest_(proposers) {}

  /// A result of a proposal, less is better; NaN: none, it failed. O(64). Those of one `level` (a fidelity)
  /// are compared with each other.
  void observe(std::size_t proposer, double value, std::int64_t level = 0);
  /// A result that counts for comparisons alone.
  void observe(double value, std::int64_t level = 0);
  /// The mean rank of the proposer's last eight, from 0 (all better than any before) to 1; as if there had
  /// been two of 1/2 before.
  double poor(std::size_t proposer) const;
  /// How many of its last eight there are.
  std::size_t size(std::size_t proposer) const { return latest_[proposer].size(); }

 private:
  struct Level {
    std::deque<double> results = {};  // finite ones, the latest of all
    double best = std::numeric_limits<double>::infinity();
  };

  std::vector<std::deque<double>> latest_;  // ranks, by proposer
  std::map<std::int64_t, Level> levels_;
};

}  // namespace hone::search
