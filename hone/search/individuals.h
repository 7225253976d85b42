#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "hone/search/moves.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// What came of one trial, as population-based searchers compare it.
struct Individual {
  enum class Standing { good, pruned, infeasible, lost };  ///< in the order of preference

  std::int64_t trial = 0;
  space::Point point;   ///< filled (moves.h); what is inactive is drawn, a function of seed and trial
  bool judged = false;  ///< it came to rest with a result, or ended without one
  Standing standing = Standing::lost;
  /// Oriented and finite, by fidelity.
  std::map<std::int64_t, std::vector<double>> values;
  /// Of infeasible: the sum over the limits of what is over them, each as a share of its bound; infinite
  /// where not known.
  double violation = 0.0;

  // What its results said, whatever became of it since.
  bool reported = false, rested = false;
  double over = 0.0;  // the violation of the one at the highest fidelity
  std::int64_t over_at = 0;

  std::int64_t fidelity() const { return values.empty() ? 0 : values.rbegin()->first; }
};

/// The trials that a searcher deals with at present: those that run, and those that it keeps. It learns their
/// worth from the changes of a study in any order, also wrong ones: what it does not know is ignored. Failed,
/// stale and not finite: lost. What a running trial reports on its way is kept, and counts once it rests.
/// Replicates are no individuals: their results come with the first trial's, told
/// again. Not thread safe.
class Individuals {
 public:
  enum class Event {
    nothing,
    born,         ///< a new one; it runs
    judged,       ///< its worth is known for the first time
    judged_anew,  ///< its worth changed: a higher fidelity, a result told again, a late failure
    gone,         ///< it counts no longer: deleted (and forgotten), or it runs again from nothing
  };

  /// Both must outlive it.
  Individuals(const Problem& problem, const Moves& moves) : problem_(&problem), moves_(&moves) {}

  /// What the change means for change.trial->id.
  Event update(const study::Change& change);
  /// Null: not known (any more).
  const Individual* find(std::int64_t trial) const;
  const Individual& at(std::int64_t trial) const { return all_.at(trial); }
  /// What happens to it from now on is ignored, but for a new run of a trial without results.
  void forget(std::int64_t trial) { all_.erase(trial); }
  /// Its point is needed no more: memory for those who keep every trial.
  void drop_point(std::int64_t trial);
  std::size_t size() const { return all_.size(); }
  /// Whether `living` are enough to begin a population of `size` with. Where more is lost than lives a few
  /// are, at least `fewest`: once twice the size lived or was lost.
  bool enough(std::size_t living, std::size_t size, std::size_t fewest) const {
    return living >= size || (living >= std::min(fewest, size) && living + lost_ >= 2 * size);
  }

  /// Trials from the best to the worst: by standing; good ones by fidelity (the further the better: who goes
  /// on was chosen to), then by value, or, several objectives, by non-dominated rank and crowding distance;
  /// infeasible ones by violation (Deb's constraint domination); equal ones by trial.
  void sort(std::vector<std::int64_t>& trials) const;
  /// Below 0: a is better, above 0: b is; 0: equal or, several objectives, incomparable. Good ones by their
  /// values at the highest fidelity that both have; where there is none, the further is better.
  int compare(const Individual& a, const Individual& b) const;

 private:
  Individual& add(const study::Trial& trial);
  bool judge(Individual& it, const study::Change& change) const;

  const Problem* problem_;
  const Moves* moves_;
  std::unordered_map<std::int64_t, Individual> all_;
  std::size_t lost_ = 0;  // of those judged for the first time
};

/// What violations or lasting_violations say, each as a share of its bound (of 1 where that is 0), added up;
/// limits whose measure is missing count nothing. 0: within.
double total_violation(const Problem& problem, const std::vector<double>& over);

/// A population's size: `given`; where that is 0, `usual` (the paper's), or a tenth of the study's budget of
/// trials, where that is known and smaller, but at least 10.
std::size_t population_size(const Problem& problem, std::int64_t given, std::int64_t usual);
/// Its option, at most `most`.
OptionSpec population_option(std::int64_t usual, double most = 1e6);

/// Of repeated asks for the same trial, whether this one should be a plain draw: every other from 8 on, so
/// that a small finite space is not a trap.
inline bool gives_up(int attempt) { return attempt >= 8 && attempt % 2 == 0; }

}  // namespace hone::search
