#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "hone/search/least.h"

namespace hone::search {

/// How many of the latest results are exactly the best one over again. A landscape of steps (a recorded table
/// whose nearest row is taken, a clipped value, a parameter that does nothing) gives a model that goes on
/// around the best config the same value again and again, and teaches it nothing.
class Ties {
 public:
  /// A trial's finite value, less is better; only its first counts (replicates that join it tell it again).
  void observe(std::int64_t trial, double value) {
    const bool tie = value == best_.value();
    if (!best_.insert(trial, value)) return;
    latest_.emplace_back(trial, tie);
    if (latest_.size() > kWindow) latest_.pop_front();
  }
  /// A deleted trial.
  void forget(std::int64_t trial) {
    best_.erase(trial);
    std::erase_if(latest_, [&](const auto& it) { return it.first == trial; });
  }
  /// In [0, 1]: of the last eight results.
  double share() const {
    const auto ties = std::count_if(latest_.begin(), latest_.end(), [](const auto& it) { return it.second; });
    return static_cast<double>(ties) / static_cast<double>(kWindow);
  }

 private:
  static constexpr std::size_t kWindow = 8;
  std::deque<std::pair<std::int64_t, bool>> latest_;
  Least best_;
};

}  // namespace hone::search
