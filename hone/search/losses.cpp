#include "hone/search/losses.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {
namespace {

/// So many times as far beyond the median as the best is on the other side a range ends.
constexpr double kFar = 10.0;

}  // namespace

Losses losses_of(const Problem& problem, const study::Trial& trial) {
  using study::TrialState;
  Losses losses;
  switch (trial.state) {
    case TrialState::failed:
    case TrialState::infeasible:
    case TrialState::pruned:
    case TrialState::stale:
    case TrialState::deleted:
      return losses;
    default:
      break;
  }
  for (const study::Result& result : trial.results) {
    auto values = study::oriented(problem.objectives, result.measures);
    if (breaks_limits(problem, trial, result)) return {};
    const bool good = !values.empty() &&
                      std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    for (double& value : values) value = std::clamp(value, -kLargestLoss, kLargestLoss);
    if (good) losses.emplace_back(result.fidelity, std::move(values));
  }
  return losses;
}

void Scalar::see(const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    low_[i] = any_ ? std::min(low_[i], values[i]) : values[i];
    high_[i] = any_ ? std::max(high_[i], values[i]) : values[i];
    if (values.size() > 1) medians_[i].insert(values[i]);
  }
  any_ = true;
}

double Scalar::at(const std::vector<double>& values, const std::vector<double>& weights) const {
  if (values.size() == 1) return values[0];
  double largest = -kInfinity, sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double half = medians_[i].size() > 0 ? medians_[i].value() - low_[i] : 0.0;
    const double most = high_[i] - low_[i], range = half > 0.0 ? std::min(most, (1.0 + kFar) * half) : most;
    const double part = weights[i] * (range > 0.0 ? (values[i] - low_[i]) / range : 0.0);
    largest = std::max(largest, part);
    sum += part;
  }
  return largest + 0.05 * sum;
}

bool Scalar::better(const Losses& a, const Losses& b, const std::vector<double>& weights) const {
  if (a.empty() || b.empty()) return !a.empty();
  for (auto left = a.rbegin(); left != a.rend(); ++left)
    for (auto right = b.rbegin(); right != b.rend(); ++right)
      if (left->first == right->first) return at(left->second, weights) < at(right->second, weights);
  return false;
}

std::vector<double> Scalar::draw_weights(std::size_t objectives, Rng& rng) {
  std::vector<double> weights(objectives);
  double sum = 0.0;
  for (double& weight : weights) sum += weight = -std::log(1.0 - rng.uniform());
  for (double& weight : weights) weight = objectives == 1 ? 1.0 : weight / sum;
  return weights;
}

}  // namespace hone::search
