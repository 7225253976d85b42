#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "hone/search/moves.h"

namespace hone::search {

/// The one-exchange neighbours of a config as Moves::neighbours has them, but made one by one, so that a
/// search which goes to the first better one makes few: one active parameter differs: a category any other,
/// an ordinal the next ones, a number `draws` Gaussian steps of deviation 0.2. In random order. What is
/// infeasible or known is passed over. `moves` must outlive it. Not thread safe.
class Neighbourhood {
 public:
  using Known = std::unordered_set<Key>;

  /// Empty.
  explicit Neighbourhood(const Moves& moves) : moves_(&moves) {}
  /// Around a feasible filled point; the order and the steps are streams of `seed` and `number`.
  void enter(space::Point origin, int draws, std::uint64_t seed, std::uint64_t number, const Known& known);
  /// Empty again.
  void leave();

  /// Whether nothing is left.
  bool exhausted() const { return cursor_ >= specs_.size(); }
  /// Passes over what became known or is infeasible, so that no ask has to.
  void pass(const Known& known);
  /// The n-th neighbour that is left, from 0; nullopt: there are not so many.
  std::optional<space::Config> left(int n, const Known& known) const;

 private:
  /// A neighbour before it is made.
  struct Spec {
    std::size_t parameter;
    std::int64_t which;
  };
  std::optional<space::Config> made(std::size_t k, const Known& known) const;

  const Moves* moves_;
  space::Point origin_;
  std::vector<Spec> specs_;
  std::size_t cursor_ = 0;
  std::uint64_t seed_ = 0, number_ = 0;
};

}  // namespace hone::search
