#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "hone/base/rng.h"
#include "hone/space/scale.h"
#include "hone/space/space.h"

namespace hone::search {

/// Changes of configs that respect the space: what evolutionary and local searchers are made of. Works on
/// points that are filled, that is, where every free parameter has an entry whether it is active or not; what
/// the config does not have is carried along, so that a branch that is entered again has its old values.
/// Immutable after construction; thread safe.
class Moves {
 public:
  explicit Moves(space::Space space);

  const space::Space& space() const { return space_; }
  /// The parameters that a point decides: neither tied to another nor of one value only. Ascending.
  const std::vector<std::size_t>& free() const { return free_; }
  bool is_categorical(std::size_t parameter) const { return kinds_[parameter].categorical; }
  /// Distinct values of a parameter; 0: uncounted.
  std::int64_t size(std::size_t parameter) const { return kinds_[parameter].size; }
  /// Whether every free parameter has at most 64 values, as in recorded tables.
  bool is_coarse() const;

  /// A feasible config drawn from the space, as a filled point.
  space::Point draw(Rng& rng) const;
  /// A config's point, filled; what is inactive is drawn.
  space::Point filled(const space::Config& config, Rng& rng) const;
  /// Draws one entry from the prior, other than its present value where there is another.
  void redraw(space::Point& point, std::size_t parameter, Rng& rng) const;
  /// Moves one entry: a number by a Gaussian of deviation `sigma` along its scale, reflected at the ends and
  /// by at least one value on a grid; a category as redraw does.
  void step(space::Point& point, std::size_t parameter, double sigma, Rng& rng) const;
  /// Rounds the entries of grids to their values and clamps the others.
  void snap(space::Point& point) const;
  std::vector<bool> active(const space::Point& point) const;

  /// The config at a filled point; nullopt where it is infeasible.
  std::optional<space::Config> config(const space::Point& point) const;
  /// The same, and where it is infeasible a feasible one near it: entries that differ from `origin`, a
  /// feasible filled point (null: none), go back to it one after the other in random order until the rest
  /// will do; else some entries are drawn anew, ever more of them; at last all are. `point` becomes what was
  /// found. Throws Error only where the space itself cannot be sampled.
  space::Config settle(space::Point& point, const space::Point* origin, Rng& rng) const;

  /// The feasible configs that differ in one active parameter (and in what it makes active), after SMAC's
  /// one-exchange neighbourhood: every other value of a category or ordinal's next ones, and of a number
  /// `draws` Gaussian steps of deviation 0.2 along its scale (Hutter et al., "Sequential Model-Based
  /// Optimization for General Algorithm Configuration", 2011, section 4.3). Distinct, in random order.
  std::vector<space::Config> neighbours(const space::Config& config, Rng& rng, int draws = 4) const;

 private:
  struct Kind {
    bool categorical = false;
    bool ordinal = false;
    std::int64_t size = 0;
  };
  double position(std::size_t parameter, double entry) const;

  space::Space space_;
  std::vector<space::Scale> scales_;
  std::vector<Kind> kinds_;
  std::vector<std::size_t> free_;
};

}  // namespace hone::search
