#pragma once

#include <Eigen/Core>
#include <vector>

#include "hone/cost/nest_model.h"

namespace hone::cost {

/// A function of several nests with a choice for each, as what was measured of it is compared.
struct NestProgram {
  struct Part {
    int nest = 0;  ///< nests of the same number are alike
    NestChoice choice;
    double cycles = 0.0;  ///< by the analytic model, above 0
  };
  std::vector<Part> parts;
  int variant = 0;  ///< programs of the same number were prepared in the same way
  int dialect = 0;  ///< compiled under the same rules of arithmetic

  /// Cycles of all parts.
  double cycles() const;
};

/// How far the analytic model of nests (nest_cycles) is off on the machine at hand: a Gaussian process over
/// the logarithm of measured seconds by predicted cycles. What one nest's choice does to that ratio counts by
/// the nest's share of the program's cycles; choices are alike in as far as their innermost loop, order,
/// tiles, jam factors and transposed copies are, by a product of exponential kernels. The constant mean is
/// integrated out, the variance has an inverse gamma prior (0.4^2, worth two observations): a model of few
/// observations, of which those that a compiler treats alike explain each other.
class NestBeliefs {
 public:
  struct Belief {
    double log_seconds = 0.0;
    double deviation = 1.0;  ///< of log_seconds
  };

  /// Adds a measurement, in O(n^2). `seconds` finite and above 0.
  void tell(NestProgram program, double seconds);

  /// What the program will take. Without any measurement its cycles are taken for nanoseconds.
  Belief of(NestProgram program) const;

  std::size_t size() const { return programs_.size(); }

 private:
  Eigen::VectorXd covariances(const NestProgram& program) const;

  std::vector<NestProgram> programs_;
  Eigen::MatrixXd root_;              ///< lower Cholesky factor of the covariances
  Eigen::VectorXd ones_, ratios_;     ///< root_^-1 of a vector of ones, and of the logarithms of the ratios
  double mean_ = 0.0, scale_ = 0.16;  ///< of the process; scale_ its variance
};

/// How much the logarithm is expected to fall below that of `best` seconds (above 0): expected improvement.
double expected_gain(const NestBeliefs::Belief& belief, double best);

}  // namespace hone::cost
