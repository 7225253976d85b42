#pragma once

#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace hone::schedule {

/// Trials with exactly the value that another one had before at a rung, and whether the two are alike at the
/// next rung as well. Two configs that differ in what does nothing (a parameter without effect, a clipped
/// value, a recorded table's nearest row) are; two that got the same number of a hundred answers right are
/// not. One objective. A pure function of what it was told, in order.
class Twins {
 public:
  /// A trial's value at the rung; its first counts. Returns the trial whose twin it is; -1: none.
  std::int64_t here(std::int64_t trial, double value) {
    if (!std::isfinite(value)) return -1;
    const auto [found, is_first] = first_.try_emplace(value, trial);
    if (is_first) own_.emplace(trial, value);
    if (found->second == trial) return -1;
    if (const auto of = original_.find(trial); of != original_.end()) return of->second;
    original_.emplace(trial, found->second);
    twins_[found->second].push_back(trial);
    return found->second;
  }
  /// A trial's value at the next rung; its first counts.
  void above(std::int64_t trial, double value) {
    if (!above_.emplace(trial, value).second) return;
    if (const auto of = original_.find(trial); of != original_.end()) compare(value, of->second);
    if (const auto own = twins_.find(trial); own != twins_.end())
      for (const std::int64_t twin : own->second) compare(value, twin);
  }
  /// A trial that stands for others no longer: the next one with its value does. Returns its twins.
  std::vector<std::int64_t> forget(std::int64_t trial) {
    if (const auto own = own_.find(trial); own != own_.end()) {
      first_.erase(own->second);
      own_.erase(own);
    }
    const auto found = twins_.find(trial);
    return found == twins_.end() ? std::vector<std::int64_t>{} : found->second;
  }
  /// Whether twins here go on to be twins: at least three did, and of five at most one did not.
  bool alike() const { return same_ >= 3 && different_ * 4 <= same_; }

 private:
  void compare(double value, std::int64_t other) {
    const auto found = above_.find(other);
    if (found == above_.end()) return;
    ++(found->second == value ? same_ : different_);
  }

  std::unordered_map<double, std::int64_t> first_;           // by value
  std::unordered_map<std::int64_t, double> own_;             // values of those first ones
  std::unordered_map<std::int64_t, std::int64_t> original_;  // by twin
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> twins_;
  std::unordered_map<std::int64_t, double> above_;  // values at the next rung
  std::int64_t same_ = 0, different_ = 0;
};

}  // namespace hone::schedule
