#include "hone/search/chebyshev.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hone/base/rng.h"

namespace hone::search {

void Chebyshev::draw(std::uint64_t seed, std::uint64_t round) {
  Rng rng(seed, "chebyshev weights", round);
  double sum = 0.0;
  for (double& weight : weights_) sum += weight = -std::log1p(-rng.uniform()) + 1e-12;
  for (double& weight : weights_) weight /= sum;
}

void Chebyshev::widen(const std::vector<double>& values) {
  low_.resize(values.size(), std::numeric_limits<double>::infinity());
  high_.resize(values.size(), -std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < values.size(); ++i) {
    low_[i] = std::min(low_[i], values[i]);
    high_[i] = std::max(high_[i], values[i]);
  }
}

double Chebyshev::operator()(const std::vector<double>& values) const {
  double most = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double range = high_[i] - low_[i];
    if (!(range > 0.0) || !std::isfinite(range)) continue;
    const double scaled = weights_[i] * (values[i] - low_[i]) / range;
    most = std::max(most, scaled);
    sum += scaled;
  }
  return most + 0.05 * sum;
}

}  // namespace hone::search
