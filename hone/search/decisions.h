#pragma once

#include <cstddef>
#include <vector>

#include "hone/search/moves.h"
#include "hone/space/scale.h"

namespace hone::search {

/// A space as a tree of decisions: one parameter after the other, those first that conditions mention, then
/// the others in the space's order; one that is inactive under what was decided is passed over. A category is
/// decided at once, a number or ordinal by bisection: its values are halved, down to one value or, of a real,
/// to 2^-10 of its scale. Works on filled points. Immutable; thread safe. `moves` must outlive it.
class Decisions {
 public:
  explicit Decisions(const Moves& moves);

  /// Where one stands in the tree: the parameter that is decided, and what is left of its scale.
  struct Place {
    std::size_t at = 0;  ///< of the order of decisions
    double low = 0.0, high = 1.0;
    int halvings = 0;
  };
  /// Passes over what is inactive. False: all is decided.
  bool settle(Place& place, const std::vector<bool>& active) const;
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

  double halfway(const Place& place) const;
  double rank(std::size_t parameter, double entry) const;
  void draw_inside(space::Point& point, std::size_t parameter, const Place& place, Rng& rng) const;

  const Moves* moves_;
  std::vector<space::Scale> scales_;  // by parameter
  std::vector<std::size_t> order_;
};

}  // namespace hone::search
