#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "hone/search/individuals.h"

namespace hone::search {

/// A population that is replaced generation by generation, asynchronously: children of the present one are
/// proposed as long as anybody asks, and count where they arrive; once enough have arrived they and the old
/// ones become the new population. Only these are kept. Not thread safe.
class Generations {
 public:
  /// Of the old population the best `survivors` go on (at most size), then the best of the arrived; a
  /// generation ends when size less survivors have arrived. Where survivors == size (NSGA-II) both compete
  /// for the places, and a generation ends when size have arrived. The first one ends once
  /// those that arrived are enough (Individuals), kFewest or more, but not where half or more of the last
  /// kFewest arrived: it may have been an outage. Both must outlive it.
  Generations(const Problem& problem, const Moves& moves, std::size_t size, std::size_t survivors)
      : individuals_(problem, moves), size_(size), survivors_(survivors) {}

  void update(const study::Change& change);

  /// The best first; empty before the first generation is complete.
  const std::vector<std::int64_t>& population() const { return population_; }
  const space::Point& point(std::int64_t trial) const { return individuals_.at(trial).point; }
  /// The best of `size` members drawn at random. The population must not be empty.
  std::int64_t tournament(std::size_t size, Rng& rng) const;
  std::int64_t generation() const { return generation_; }
  /// Trials that it keeps anything of.
  std::size_t kept() const { return individuals_.size(); }

 private:
  void turn_over();

  Individuals individuals_;
  static constexpr std::size_t kFewest = 8;
  std::size_t size_, survivors_;
  std::deque<bool> recent_;  // lost, of the last kFewest judged
  std::vector<std::int64_t> population_, arrived_;
  std::int64_t generation_ = 0;
};

}  // namespace hone::search
