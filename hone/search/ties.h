#pragma once

#include <cstddef>
#include <deque>
#include <limits>

namespace hone::search {

/// How many of the latest results are exactly the best one over again. A landscape of steps (a recorded table
/// whose nearest row is taken, a clipped value, a parameter that does nothing) gives a model that goes on
/// around the best config the same value again and again, and teaches it nothing.
class Ties {
 public:
  /// A finite value, less is better.
  void observe(double value) {
    latest_.push_back(value == best_);
    if (value < best_) best_ = value;
    if (latest_.size() > kWindow) latest_.pop_front();
  }
  /// In [0, 1]: of the last eight results.
  double share() const {
    std::size_t ties = 0;
    for (const bool tie : latest_) ties += tie ? 1 : 0;
    return static_cast<double>(ties) / static_cast<double>(kWindow);
  }

 private:
  static constexpr std::size_t kWindow = 8;
  std::deque<bool> latest_;
  double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace hone::search
