#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "hone/search/moves.h"
#include "hone/search/searcher.h"

namespace hone::search {

/// Proposals that compute something new, after "Unified Functional Hashing in Automatic Machine Learning":
/// functional-change mutation (a child is mutated again until its key differs from its parent's) and a tabu
/// list (until nobody in the study has its key). What a config computes is told by Problem::signature; where
/// that is empty or has no answer, a config is known by itself alone.
///
/// A child that is not accepted is mutated in one more active parameter, as Moves::step does it, so that it
/// walks away from what is known; after kDraws of these the last one is proposed as it is. The known keys are
/// those that were told of trials (Change::Kind::keys); what was proposed and has not told its key yet is
/// known by its config. Not thread safe.
class Novelty {
 public:
  static constexpr int kDraws = 16;

  /// Both must outlive it.
  Novelty(const Problem& problem, const Moves& moves, bool functional_change, bool tabu)
      : problem_(&problem), moves_(&moves), functional_change_(functional_change), tabu_(tabu) {}

  void update(const study::Change& change);
  /// `child`, or what it becomes. parent: a filled point.
  space::Config insist(space::Config child, const space::Point& parent, Rng& rng) const;
  /// A draw from the space; with tabu drawn again while its function is known, up to kDraws times.
  space::Config sample(Rng& rng) const;

  /// The options functional_change and tabu, after a searcher's own.
  static std::vector<OptionSpec> options(std::vector<OptionSpec> own);

 private:
  Key key_of(const space::Config& config) const;
  void count(Key key, std::int64_t by);

  const Problem* problem_;
  const Moves* moves_;
  bool functional_change_, tabu_;
  std::unordered_map<Key, std::int64_t> known_;         // by how many trials
  std::unordered_map<std::int64_t, Key> key_of_trial_;  // as counted
};

}  // namespace hone::search
