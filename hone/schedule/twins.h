#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "hone/base/numbers.h"

namespace hone::schedule {

/// Trials of one rung that have exactly the same value there, and whether such twins are alike at the next
/// rung as well. Two configs that differ in what does nothing (a parameter without effect, a clipped value, a
/// recorded table's nearest row) are; two that got the same number of a hundred answers right are not.
///
/// While twins are alike, the first of a value stands in for those that come later, which wait; every
/// kProbe-th does not, so that wrong trust is found out. One value gives one piece of evidence, however many
/// have it, and only where the trials are good: what predicts a constant is alike everywhere, and says
/// nothing of the good ones. One objective. A pure function of what it was told, in order.
class Twins {
 public:
  /// What a trial that waits needs to count again.
  struct Waiting {
    std::int64_t trial;
    double value;
    bool ready;  ///< rests at the rung
  };

  /// A trial's value at the rung. `goes_on`: it was sent further already. Whether it waits now, in place of
  /// counting in the rung. Told another value than before it must leave() first. `below`, here and below:
  /// whether twins of the rung below are alike.
  bool here(std::int64_t trial, double value, bool goes_on, bool below = false) {
    if (!std::isfinite(value)) return false;
    Member& member = members_.try_emplace(trial).first->second;
    if (member.value == value) return waits(trial);  // told again
    member.value = value;
    Class& same = classes_[value];
    if (same.stand_in < 0) {
      same.stand_in = trial;
      return false;
    }
    if (goes_on || !alike(below) || ++held_ % kProbe == 0) return false;
    waiting_.emplace(Place{value, trial}, false);
    return true;
  }
  /// Its value here; NaN: it has none, or left.
  double value(std::int64_t trial) const {
    const auto found = members_.find(trial);
    return found == members_.end() ? kNaN : found->second.value;
  }
  /// A trial's value at the next rung; its first counts. `good`: it is one of the rung's best.
  void above(std::int64_t trial, double value, bool good) {
    const auto found = members_.find(trial);
    if (found == members_.end() || found->second.told || std::isnan(found->second.value)) return;
    found->second.told = true;
    Class& same = classes_.at(found->second.value);
    if (!same.above) {
      same.above = value;
    } else if (*same.above != value) {
      // One that differs outweighs any number that do not.
      if (same.verdict != Verdict::differ) ++different_;
      if (same.verdict == Verdict::agree) --agreeing_;
      same.verdict = Verdict::differ;
    } else if (same.verdict == Verdict::none && good) {
      same.verdict = Verdict::agree;
      ++agreeing_;
    }
  }
  /// A trial counts here no longer, or has another value. Returns who waited for it and takes its place.
  std::optional<Waiting> leave(std::int64_t trial) {
    const double value = this->value(trial);
    if (std::isnan(value)) return std::nullopt;
    members_.at(trial).value = kNaN;
    waiting_.erase(Place{value, trial});
    Class& same = classes_.at(value);
    if (same.stand_in != trial) return std::nullopt;
    const auto next = waiting_.lower_bound(Place{value, std::numeric_limits<std::int64_t>::min()});
    if (next == waiting_.end() || next->first.first != value) {
      same.stand_in = -1;
      return std::nullopt;
    }
    same.stand_in = next->first.second;
    return take(next);
  }
  bool waits(std::int64_t trial) const { return place(trial) != waiting_.end(); }
  bool ready(std::int64_t trial) const { return waits(trial) && place(trial)->second; }
  void set_ready(std::int64_t trial, bool ready) {
    if (const auto found = place(trial); found != waiting_.end()) waiting_[found->first] = ready;
  }
  /// One that waits though twins are not alike (any longer); nullopt: none.
  std::optional<Waiting> release(bool below = false) {
    if (alike(below) || waiting_.empty()) return std::nullopt;
    return take(waiting_.begin());
  }
  /// Whether twins here go on to be twins: those of three values did, and of at most one in five did not.
  /// What was the same at two rungs is hardly by chance: the rung below counts as three values.
  bool alike(bool below = false) const {
    const std::int64_t agreeing = agreeing_ + (below ? kValues : 0);
    return agreeing >= kValues && different_ * 4 <= agreeing;
  }

 private:
  static constexpr std::int64_t kProbe = 8, kValues = 3;
  enum class Verdict : std::uint8_t { none, agree, differ };
  struct Member {
    double value = kNaN;
    bool told = false;  // of the next rung
  };
  struct Class {
    std::int64_t stand_in = -1;
    std::optional<double> above = {};  // the first one's value at the next rung
    Verdict verdict = Verdict::none;
  };
  using Place = std::pair<double, std::int64_t>;  // value, trial

  std::map<Place, bool>::const_iterator place(std::int64_t trial) const {
    const double value = this->value(trial);
    return std::isnan(value) ? waiting_.end() : waiting_.find(Place{value, trial});
  }
  Waiting take(std::map<Place, bool>::const_iterator found) {
    const Waiting it{found->first.second, found->first.first, found->second};
    waiting_.erase(found);
    return it;
  }

  std::unordered_map<std::int64_t, Member> members_;
  std::unordered_map<double, Class> classes_;
  std::map<Place, bool> waiting_;  // whether ready
  std::int64_t agreeing_ = 0, different_ = 0, held_ = 0;
};

}  // namespace hone::schedule
