#include "hone/predict/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace hone::predict {
namespace {

using Eigen::VectorXd;

struct Pair {
  VectorXd step, change;
  double inverse_curvature;  // 1 / (step . change)
};

/// The quasi-Newton direction for a gradient whose resting entries are zero.
VectorXd direction(const VectorXd& gradient, const std::deque<Pair>& pairs) {
  VectorXd q = gradient;
  std::vector<double> shares(pairs.size());
  for (std::size_t k = pairs.size(); k-- > 0;) {
    shares[k] = pairs[k].inverse_curvature * pairs[k].step.dot(q);
    q -= shares[k] * pairs[k].change;
  }
  if (!pairs.empty()) q *= 1.0 / (pairs.back().inverse_curvature * pairs.back().change.squaredNorm());
  for (std::size_t k = 0; k < pairs.size(); ++k)
    q += (shares[k] - pairs[k].inverse_curvature * pairs[k].change.dot(q)) * pairs[k].step;
  return -q;
}

}  // namespace

double minimize(const Differentiable& function, VectorXd& x, const VectorXd& low, const VectorXd& high,
                const LbfgsOptions& options) {
  constexpr double kArmijo = 1e-4;
  VectorXd gradient = VectorXd::Zero(x.size());
  double value = function(x, gradient);
  if (!std::isfinite(value)) return value;
  std::deque<Pair> pairs;
  VectorXd next_gradient(x.size());
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    const auto rests = [&](Eigen::Index i) {
      return (x[i] <= low[i] && gradient[i] > 0.0) || (x[i] >= high[i] && gradient[i] < 0.0);
    };
    VectorXd free = gradient;
    for (Eigen::Index i = 0; i < x.size(); ++i)
      if (rests(i)) free[i] = 0.0;
    const double steepest = free.size() > 0 ? free.cwiseAbs().maxCoeff() : 0.0;
    if (!(steepest > options.gradient)) break;

    VectorXd way = direction(free, pairs);
    for (Eigen::Index i = 0; i < x.size(); ++i)
      if (rests(i)) way[i] = 0.0;
    if (!(way.dot(free) < -1e-12 * way.norm() * free.norm())) {
      pairs.clear();
      way = -free;
    }
    // Without curvature the first step is a modest one, whatever the function's scale.
    double length = pairs.empty() ? std::min(1.0, 0.5 / way.norm()) : 1.0;

    bool found = false;
    double next_value = value;
    VectorXd next;
    for (int tries = 0; tries < options.evaluations && !found; ++tries, length *= 0.35) {
      next = (x + length * way).cwiseMax(low).cwiseMin(high);
      next_value = function(next, next_gradient);
      found = std::isfinite(next_value) && next_value <= value + kArmijo * gradient.dot(next - x);
    }
    if (!found) {
      if (pairs.empty()) break;
      pairs.clear();
      continue;
    }
    Pair pair{next - x, next_gradient - gradient, 0.0};
    const double curvature = pair.step.dot(pair.change);
    if (curvature > 1e-10 * pair.step.norm() * pair.change.norm()) {
      pair.inverse_curvature = 1.0 / curvature;
      pairs.push_back(std::move(pair));
      if (static_cast<int>(pairs.size()) > options.memory) pairs.pop_front();
    }
    const double gain = value - next_value;
    x = std::move(next);
    gradient = next_gradient;
    value = next_value;
    if (gain <= options.decrease * (std::abs(value) + 1.0)) break;
  }
  return value;
}

}  // namespace hone::predict
