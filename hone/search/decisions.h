#pragma once

#include <cstddef>
#include <vector>

#include "hone/search/moves.h"
#include "hone/space/scale.h"

namespace hone::search {

/// A space as a tree of decisions: those parameters first that conditions mention, one after the other, then
/// the others in the space's order, in rounds; one that is inactive under what was decided is passed over. A
/// category is decided at once, a number or ordinal by bisection: its values are halved, down to one value
/// or, of a real, to 2^-10 of its scale. Each round halves every parameter once: a tree that grows by a node
/// a trial would not get past the first parameters if it decided one to its end before the next. Works on
/// filled points. Immutable; thread safe. `moves` must outlive it.
class Decisions {
 public:
  explicit Decisions(const Moves& moves);

  /// What is left of a parameter's scale.
  struct Interval {
    double low = 0.0, high = 1.0;
    int halvings = 0;
    bool decided = false;
  };
  /// Where one stands in the tree: the parameter whose turn it is, and what is left of each.
  struct Place {
    std::size_t at = 0;               ///< of the order of decisions
    std::vector<Interval> left = {};  ///< in that order; empty: at the root
  };
  /// Passes over what is inactive. False: all is decided.
  bool settle(Place& place, const std::vector<bool>& active) const;
  /// Whether what is decided here may make others active or inactive.
  bool may_switch(const Place& place) const { return place.at < n_first_; }
  /// The children of a place, where something is left to decide.
  std::size_t width(const Place& place) const;
  /// Which child a point belongs to; may be width() or more where the point is none of the space's.
  std::size_t child_of(const Place& place, const space::Point& point) const;
  /// Goes on to a child.
  void take(Place& place, std::size_t child) const;
  /// The same, and writes what the child decides into `point`: a category, or a draw from the half.
  void take(Place& place, std::size_t child, space::Point& point, Rng& rng) const;

 private:
  static constexpr int kBisections = 10;

  double halfway(std::size_t parameter, const Interval& left) const;
  double rank(std::size_t parameter, double entry) const;
  void draw_inside(space::Point& point, std::size_t parameter, const Interval& left, Rng& rng) const;

  const Moves* moves_;
  std::vector<space::Scale> scales_;  // by parameter
  std::vector<std::size_t> order_;
  std::size_t n_first_ = 0;  // of the order: what conditions mention
};

}  // namespace hone::search
