#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "hone/search/losses.h"
#include "hone/search/moves.h"
#include "hone/space/scale.h"

namespace hone::search {

/// The space as FLOW2 walks through it. Immutable after construction.
class Ground {
 public:
  explicit Ground(const space::Space& space);

  const Moves& moves() const { return moves_; }
  /// An entry as a coordinate in [0, 1]: that of a category is the middle of its bin.
  double coordinate(std::size_t parameter, double entry) const;
  /// How far the next value is from this one along the scale; 0: as near as one likes, or a category.
  double gap(std::size_t parameter, double entry) const;
  /// The entry at a coordinate that was moved from `from`. A category that left its bin becomes a random
  /// other one; a number is clamped to its range.
  double entry(std::size_t parameter, double moved, double from, Rng& rng) const;

 private:
  Moves moves_;
  std::vector<space::Scale> scales_;
};

/// FLOW2, one randomized direct search with an adaptive step (Wu et al., "Frugal Optimization for
/// Cost-related Hyperparameters", AAAI 2021, algorithm 1, with the constants and the bookkeeping of FLAML's
/// implementation). From the incumbent x a step along a uniform random unit vector u, then x - step u if x +
/// step u was no better. The first step is 0.1 sqrt(d) in the unit cube over the d parameters active at the
/// incumbent. After 2^min(9, d) proposals without an improvement the step shrinks by sqrt(K / K'), K' and K
/// being the numbers of proposals now and at the last change, and grows back by the same with an improvement.
/// Converged where it is below the lower bound: the smallest gap of a counted parameter times sqrt(d), or
/// 1e-4 where there is none. Unordered categories that leave their bin are redrawn.
///
/// Differences: a proposal that rounds to the incumbent's config is drawn again with a step larger by 0.1, up
/// to eight times, and then has one entry drawn anew (FLAML counts it as a known result); a pending -u is
/// dropped with an improvement (it would lead back to the old incumbent). Where trials run, further
/// directions are proposed: FLAML's search would wait after 2 d of them (see can_suggest).
///
/// Not thread safe; `ground` must outlive it.
class Flow2 {
 public:
  struct Move {
    space::Point point;
    space::Config config;
    std::vector<double> direction;  ///< times the step, by parameter
    double step = 0.0;
    bool opposite = false;  ///< the pending -u
  };

  /// `losses` of the start may be empty: not known yet.
  Flow2(const Ground& ground, space::Point start, std::int64_t trial, Losses losses,
        std::vector<double> weights);

  /// What it would propose. `first`: the opposite of the last direction where that is pending; else another
  /// direction.
  Move propose(bool first, Rng& rng) const;
  /// Trial `id` was created with this move.
  void proposed(std::int64_t id, const Move& move);
  /// So many proposals led to configs that are known, and better ones are none among them.
  void skipped(int proposals);
  /// A trial, whoever proposed it, is at rest with these losses (empty: failed). `point` is its filled point.
  void finished(std::int64_t id, const space::Point& point, const Losses& losses, const Scalar& scalar);
  void forget(std::int64_t id);
  /// Whether the incumbent is this trial's.
  bool owns(std::int64_t id) const { return id == trial_; }

  const space::Point& incumbent() const { return incumbent_; }
  const Losses& losses() const { return losses_; }
  const std::vector<double>& weights() const { return weights_; }
  double step() const { return step_; }
  bool can_suggest() const { return allowed_ > 0; }
  bool converged() const;
  /// Whether the other's incumbent is within a step of this one's, with the same categories.
  bool reaches(const Flow2& other) const;

 private:
  struct Outstanding {
    space::Point point;
    double step;
    int incumbent;  // its number
  };

  static constexpr double kStep = 0.1;

  std::vector<std::size_t> active() const;
  double least_step() const;
  void count_proposal();
  void count_completed();
  void improve(std::int64_t id, const space::Point& point, double step, const Losses& losses);

  const Ground* ground_;
  space::Point incumbent_;
  std::int64_t trial_;
  Losses losses_;
  std::vector<double> weights_;
  std::vector<std::size_t> dimensions_;  // active and free at the incumbent
  double step_ = 0.0, largest_step_ = 1.0;
  int patience_ = 2;                          // 2^min(9, d)
  int number_ = 0;                            // of the incumbent
  int allowed_ = 2;                           // proposals before some must complete
  int proposed_for_ = 0, completed_for_ = 0;  // for this incumbent
  std::int64_t all_proposed_ = 1, all_completed_ = 1;
  std::int64_t changed_at_ = 0, changed_before_ = 1;  // K and K'
  std::int64_t best_at_ = 1;
  std::vector<double> pending_;  // a direction whose opposite comes next
  std::map<std::int64_t, Outstanding> outstanding_;
};

}  // namespace hone::search
