#include "hone/schedule/rung_trust.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <vector>

#include "hone/base/numbers.h"

namespace hone::schedule {

bool RungTrust::arrives(std::int64_t trial, double value) {
  if (std::isnan(value)) return false;
  const bool probe = arrived_++ % every() == every() - 1;
  if (trusted_ && !probe) return false;
  passes(trial, value);
  return true;
}

void RungTrust::passes(std::int64_t trial, double value) {
  if (std::isnan(value)) return;
  ++probes_;
  waiting_.emplace(trial, value);
}

void RungTrust::goes_on(std::int64_t trial, double value) {
  const auto found = waiting_.find({trial, 0.0});
  if (found == waiting_.end()) return;
  pairs_.emplace_back(found->second, std::isnan(value) ? kInfinity : value);
  waiting_.erase(found);
  if (pairs_.size() > kKept) pairs_.pop_front();
  measure();
}

void RungTrust::measure() {
  const std::size_t n = pairs_.size();
  const std::size_t best = (n + static_cast<std::size_t>(eta_) - 1) / static_cast<std::size_t>(eta_);
  const auto first = [&](auto value_of) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return value_of(a) < value_of(b); });
    order.resize(best);
    std::sort(order.begin(), order.end());
    return order;
  };
  const auto here = first([&](std::size_t i) { return pairs_[i].first; });
  const auto next = first([&](std::size_t i) { return pairs_[i].second; });
  std::vector<std::size_t> both;
  std::set_intersection(here.begin(), here.end(), next.begin(), next.end(), std::back_inserter(both));
  const double recall =
      (static_cast<double>(both.size()) + 3.0 * believed_) / (static_cast<double>(best) + 3.0);
  const auto cost =
      static_cast<double>(here_) + static_cast<double>(next_ - here_) / static_cast<double>(eta_);
  trusted_ = recall * static_cast<double>(next_) > cost;
}

}  // namespace hone::schedule
