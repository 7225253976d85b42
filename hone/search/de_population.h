#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "hone/search/individuals.h"

namespace hone::search {

/// A config's numbers for differential evolution, one a free parameter, in [0, 1]: of a number its position
/// along its scale; of the k-th of n categories (k + 0.5) / n, as in DEHB (Awad et al., 2021, section 3.2),
/// where [k / n, (k + 1) / n) means that category.
using Genome = std::vector<double>;
Genome genome_of(const Moves& moves, const space::Point& point);
/// `point` with the entries of the free parameters taken from `genome`, on their grids.
space::Point point_of(const Moves& moves, const Genome& genome, space::Point point);

/// Storn and Price's rand/1/bin: the mutant r1 + F (r2 - r3) of three different parents, what leaves [0, 1]
/// drawn anew (as in DEHB), crossed binomially into the target. At least three parents.
Genome de_offspring(const Genome& target, const std::vector<const Genome*>& parents, double F, double CR,
                    Rng& rng);

/// The options F and CR.
std::vector<OptionSpec> de_options();

/// A population of differential evolution whose members are replaced one by one, as results come: each trial
/// is made for a slot, in turn, and takes it where it is at least as good as what is there. Not thread safe.
class DePopulation {
 public:
  /// `individuals` must outlive it.
  DePopulation(const Individuals& individuals, std::size_t size)
      : individuals_(&individuals), slots_(size, kNobody), pending_(size, 0) {}

  static constexpr std::int64_t kNobody = -1;

  std::size_t size() const { return slots_.size(); }
  std::size_t filled() const { return filled_; }
  /// The slot that the next trial is made for: an empty one that no running trial is made for, else the next
  /// in turn.
  std::size_t turn() const;
  std::int64_t member(std::size_t slot) const { return slots_[slot]; }
  /// Members from the best to the worst.
  std::vector<std::int64_t> best(std::size_t count) const;
  bool has(std::int64_t trial) const;

  /// The trial runs; it is made for the slot in turn.
  void begin(std::int64_t trial);
  /// The trial, known to the individuals, has its worth. Returns who has no place here now: the trial itself,
  /// who was there before, or kNobody. One that was not made here competes with the worst member.
  std::int64_t judge(std::int64_t trial);
  /// It counts no longer.
  void remove(std::int64_t trial);

 private:
  std::size_t worst() const;
  bool wins(std::int64_t trial, std::int64_t target) const;

  const Individuals* individuals_;
  std::vector<std::int64_t> slots_;
  std::vector<int> pending_;  // by slot: running trials that are made for it
  std::unordered_map<std::int64_t, std::size_t> made_for_;
  std::size_t filled_ = 0, next_ = 0;
};

}  // namespace hone::search
