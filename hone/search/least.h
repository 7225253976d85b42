#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>

#include "hone/base/numbers.h"

namespace hone::search {

/// The least of the trials' values, also where some are taken back. One value a trial: the first.
class Least {
 public:
  /// Whether it is the trial's first. O(log n).
  bool insert(std::int64_t trial, double value) {
    if (!values_.emplace(trial, value).second) return false;
    sorted_.insert(value);
    return true;
  }
  void erase(std::int64_t trial) {
    const auto found = values_.find(trial);
    if (found == values_.end()) return;
    sorted_.erase(sorted_.find(found->second));
    values_.erase(found);
  }
  /// Infinity where there is none.
  double value() const { return sorted_.empty() ? kInfinity : *sorted_.begin(); }

 private:
  std::unordered_map<std::int64_t, double> values_;
  std::multiset<double> sorted_;
};

}  // namespace hone::search
