#include "hone/predict/shrinkage.h"

#include <algorithm>

#include "hone/predict/score.h"

namespace hone::predict {
namespace {

double middle_of(const std::vector<Repeated>& all) {
  std::vector<double> means;
  means.reserve(all.size());
  for (const Repeated& one : all) means.push_back(one.mean);
  return upper_median(std::move(means));
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
