#include "hone/search/carbs_ground.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {
CarbsGround::CarbsGround(const space::Space& space) : moves_(space) {
  for (const space::Parameter& parameter : moves_.space().parameters())
    spans_.push_back(parameter.log && parameter.low > 0.0
                         ? std::max(std::log10(parameter.high / parameter.low), 1e-6)
                         : 3.0);
  for (const std::size_t i : moves_.free()) n_categorical_ += moves_.is_categorical(i) ? 1 : 0;
}

std::vector<predict::Input> CarbsGround::inputs() const {
  std::vector<predict::Input> inputs;
  for (const std::size_t i : moves_.free())
    inputs.push_back({moves_.is_categorical(i) ? static_cast<std::size_t>(moves_.size(i)) : 0,
                      static_cast<bool>(moves_.space().parameter(i).when)});
  return inputs;
}

predict::GaussianProcess::Row CarbsGround::row(const space::Point& point) const {
  const std::vector<bool> active = moves_.active(point);
  predict::GaussianProcess::Row row;
  for (const std::size_t i : moves_.free()) row.push_back(active[i] ? point[i] : kNaN);
  return row;
}

space::Point CarbsGround::step(const space::Point& origin, double radius, Rng& rng) const {
  space::Point point = origin;
  for (const std::size_t i : moves_.free()) {
    if (moves_.is_categorical(i)) {
      if (rng.uniform() * (1.0 + static_cast<double>(n_categorical_)) < 1.0) moves_.redraw(point, i, rng);
      continue;
    }
    const double from = origin[i], deviation = radius / spans_[i];
    double moved = -1.0;
    for (int tries = 0; tries < 16 && (moved < 0.0 || moved > 1.0); ++tries)
      moved = from + deviation * rng.normal();
    point[i] = std::clamp(moved, 0.0, 1.0);
  }
  moves_.snap(point);
  return point;
}

double CarbsGround::squared_distance(const predict::GaussianProcess::Row& a,
                                     const predict::GaussianProcess::Row& b, double radius) const {
  double squares = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const std::size_t i = moves_.free()[k];
    if (std::isnan(a[k])) continue;
    if (moves_.is_categorical(i) || std::isnan(b[k])) {
      squares += a[k] == b[k] ? 0.0 : 1.0;
      continue;
    }
    const double apart = (a[k] - b[k]) * spans_[i] / radius;
    squares += apart * apart;
  }
  return squares;
}

}  // namespace hone::search
