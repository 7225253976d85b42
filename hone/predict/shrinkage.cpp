#include "hone/predict/shrinkage.h"

#include <algorithm>

namespace hone::predict {
namespace {

/// The middle one; of an even number the upper.
double middle_of(const std::vector<Repeated>& all) {
  std::vector<double> means;
  means.reserve(all.size());
  for (const Repeated& one : all) means.push_back(one.mean);
  const auto middle = means.begin() + static_cast<std::ptrdiff_t>(means.size() / 2);
  std::nth_element(means.begin(), middle, means.end());
  return *middle;
}

}  // namespace

std::vector<double> posterior_means(const std::vector<Repeated>& all) {
  if (all.empty()) return {};
  const double centre = middle_of(all);
  double squares = 0.0, degrees = 0.0, spread = 0.0, better = 0.0, shares = 0.0;
  for (const Repeated& one : all) {
    if (!(one.mean < centre)) continue;
    squares += one.squares;
    degrees += static_cast<double>(one.n - 1);
    spread += (one.mean - centre) * (one.mean - centre);
    shares += 1.0 / static_cast<double>(one.n);
    ++better;
  }
  const double noise = degrees > 0.0 ? squares / degrees : 0.0;
  spread = better > 0.0 ? std::max((spread - noise * shares) / better, 0.0) : 0.0;
  std::vector<double> posterior;
  posterior.reserve(all.size());
  for (const Repeated& one : all) {
    const double of = spread + noise / static_cast<double>(one.n);
    posterior.push_back(centre + (one.mean - centre) * (of > 0.0 ? spread / of : 1.0));
  }
  return posterior;
}

}  // namespace hone::predict
