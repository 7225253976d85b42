#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/study/levels.h"

namespace hone::schedule {

/// The trials that have a result at one fidelity, in the order that successive halving promotes them, kept as
/// results come. One objective: by value, then by trial id; O(log n) a change. Several: by non-dominated
/// rank, then by crowding distance within the rank (larger first), then by trial id; the ranks are kept by
/// study::Levels, the crowding is computed where it decides, at most once
/// a change. What it answers depends on which results it holds, not on their order. Not thread safe.
class Rung {
 public:
  /// `eta` >= 2: of n trials the best floor(n / eta) may go on.
  explicit Rung(std::int64_t eta, std::size_t least = 0) : eta_(eta), least_(least) {}

  /// A trial's oriented values (less is better); a second report replaces the first. NaN or infinity
  /// anywhere: counts in n, ranks last, is never promoted.
  void report(std::int64_t trial, std::vector<double> values);
  /// Forgets a trial: it counts no longer.
  void remove(std::int64_t trial);
  /// Counts in n from now on, but ranks last and is never promoted.
  void disqualify(std::int64_t trial);
  /// Whether the trial waits for a promotion (it rests here and was not promoted). False at first.
  void set_ready(std::int64_t trial, bool ready);

  bool has(std::int64_t trial) const { return entries_.contains(trial); }
  const std::vector<double>& values(std::int64_t trial) const { return entries_.at(trial).values; }
  /// Trials that count.
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  /// Whether the trial is no worse than the best ceil(n / eta), itself among them (for several objectives: is
  /// one of them); ready or not. False where it ranks last. O(1) for one objective.
  bool within(std::int64_t trial) const;
  /// The best ready trial among the best floor(n / eta); nullopt: none.
  std::optional<std::int64_t> best();
  /// The best ready trial, among the best or not; nullopt: none. O(1) for one objective; several: O(n), once
  /// a change.
  std::optional<std::int64_t> best_of_all();

 private:
  struct Entry {
    std::vector<double> values;
    bool ranked = false;
    bool ready = false;
  };
  using Order = std::pair<double, std::int64_t>;  // one objective: value, trial

  std::size_t quota() const { return std::max(least_, entries_.size() / static_cast<std::size_t>(eta_)); }
  void rank(std::int64_t trial, Entry& entry);
  void unrank(std::int64_t trial, Entry& entry);
  void balance();
  std::optional<std::int64_t> best_of_levels(std::size_t among) const;

  std::int64_t eta_;
  std::size_t least_;
  std::unordered_map<std::int64_t, Entry> entries_;
  // One objective: the quota's best and the others, and those of each that are ready.
  std::set<Order> top_, rest_, ready_, ready_rest_;
  // Several objectives: the ranks' members, and the last answers while nothing changed.
  study::Levels levels_;
  bool changed_ = true, all_changed_ = true;
  std::optional<std::int64_t> best_, best_of_all_;
};

}  // namespace hone::schedule
