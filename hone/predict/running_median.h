#pragma once

#include <cstddef>
#include <set>

namespace hone::predict {

/// The median of numbers that come and go, O(log n) each. No NaN. Not thread safe.
class RunningMedian {
 public:
  void insert(double value) {
    if (low_.empty() || value <= *low_.rbegin())
      low_.insert(value);
    else
      high_.insert(value);
    balance();
  }
  /// One number equal to `value`, which must be there.
  void erase(double value) {
    std::multiset<double>& half = !low_.empty() && value <= *low_.rbegin() ? low_ : high_;
    half.erase(half.find(value));
    balance();
  }
  std::size_t size() const { return low_.size() + high_.size(); }
  /// The middle one, the mean of the two in the middle of an even number; there must be one.
  double value() const {
    return low_.size() > high_.size() ? *low_.rbegin() : 0.5 * *low_.rbegin() + 0.5 * *high_.begin();
  }

 private:
  void balance() {
    if (low_.size() > high_.size() + 1) high_.insert(low_.extract(--low_.end()));
    if (high_.size() > low_.size()) low_.insert(high_.extract(high_.begin()));
  }

  std::multiset<double> low_, high_;  // the smaller half, one more where odd
};

}  // namespace hone::predict
