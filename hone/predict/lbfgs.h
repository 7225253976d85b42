#pragma once

#include <Eigen/Core>
#include <functional>

namespace hone::predict {

/// A function and its gradient; +infinity or NaN where it is not defined (the line search then steps back).
using Differentiable = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct LbfgsOptions {
  int iterations = 30;
  int memory = 8;          ///< pairs of steps and gradient changes kept
  double gradient = 1e-5;  ///< stops where the projected gradient's largest entry is below
  double decrease = 1e-9;  ///< stops where an iteration gains less than this share of |value| + 1
  int evaluations = 10;    ///< of one line search, at most
};

/// Minimises over a box by limited-memory BFGS on the free variables (Liu and Nocedal, "On the Limited Memory
/// BFGS Method for Large Scale Optimization", 1989) with projection: variables at a bound that the gradient
/// pushes outward rest, the step is clipped to the box, and the line search backtracks along the clipped path
/// until Armijo's condition holds. `x` must lie in the box and becomes the best point; its value is returned.
double minimize(const Differentiable& function, Eigen::VectorXd& x, const Eigen::VectorXd& low,
                const Eigen::VectorXd& high, const LbfgsOptions& options = {});

}  // namespace hone::predict
