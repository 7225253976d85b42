#include "hone/search/carbs_ground.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {
namespace {

/// Logits end here.
constexpr double kNearest = 1e-3;

}  // namespace

CarbsGround::CarbsGround(const space::Space& space) : moves_(space) {
  for (const space::Parameter& parameter : moves_.space().parameters()) {
    Axis axis{3.0, false, parameter.low, parameter.high};
    if (parameter.log && parameter.low > 0.0) {
      axis.span = std::log10(parameter.high / parameter.low);
    } else if (parameter.kind == space::ParameterKind::real && parameter.low >= 0.0 &&
               parameter.low <= 0.01 && parameter.high >= 0.99 && parameter.high <= 1.0) {
      axis.logit = true;
      axis.span = 2.0 * std::log10((1.0 - kNearest) / kNearest);
    }
    axis.span = std::max(axis.span, 1e-6);
    axes_.push_back(axis);
  }
  for (const std::size_t i : moves_.free()) n_categorical_ += moves_.is_categorical(i) ? 1 : 0;
}

std::vector<predict::Input> CarbsGround::inputs() const {
  std::vector<predict::Input> inputs;
  for (const std::size_t i : moves_.free())
    inputs.push_back({moves_.is_categorical(i) ? static_cast<std::size_t>(moves_.size(i)) : 0,
                      static_cast<bool>(moves_.space().parameter(i).when)});
  return inputs;
}

double CarbsGround::share(std::size_t parameter, double position) const {
  const Axis& axis = axes_[parameter];
  if (!axis.logit) return position;
  const double value = std::clamp(axis.low + position * (axis.high - axis.low), kNearest, 1.0 - kNearest);
  return 0.5 + std::log10(value / (1.0 - value)) / axis.span;
}

double CarbsGround::position(std::size_t parameter, double share) const {
  const Axis& axis = axes_[parameter];
  if (!axis.logit) return std::clamp(share, 0.0, 1.0);
  const double value = 1.0 / (1.0 + std::pow(10.0, (0.5 - share) * axis.span));
  return std::clamp((value - axis.low) / (axis.high - axis.low), 0.0, 1.0);
}

predict::GaussianProcess::Row CarbsGround::row(const space::Point& point) const {
  const std::vector<bool> active = moves_.active(point);
  predict::GaussianProcess::Row row;
  for (const std::size_t i : moves_.free())
    row.push_back(!active[i] ? kNaN : moves_.is_categorical(i) ? point[i] : share(i, point[i]));
  return row;
}

space::Point CarbsGround::step(const space::Point& origin, double radius, Rng& rng) const {
  space::Point point = origin;
  for (const std::size_t i : moves_.free()) {
    if (moves_.is_categorical(i)) {
      if (rng.uniform() * (1.0 + static_cast<double>(n_categorical_)) < 1.0) moves_.redraw(point, i, rng);
      continue;
    }
    const double from = share(i, origin[i]), deviation = radius / axes_[i].span;
    double moved = -1.0;
    for (int tries = 0; tries < 16 && (moved < 0.0 || moved > 1.0); ++tries)
      moved = from + deviation * rng.normal();
    point[i] = position(i, std::clamp(moved, 0.0, 1.0));
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
    const double apart = (a[k] - b[k]) * axes_[i].span / radius;
    squares += apart * apart;
  }
  return squares;
}

}  // namespace hone::search
