#include "hone/cost/nest_beliefs.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "hone/base/numbers.h"

namespace hone::cost {

namespace {

constexpr double kNoise = 0.01;  ///< variance of a measurement, of the process's
constexpr double kVariant = 0.3, kDialect = 0.3;
constexpr double kPriorWeight = 2.0;  ///< observations that the prior of the amplitude counts for
constexpr double kPriorScale = 0.16;

/// How alike two choices for the same nest are, 0 to 1.
double likeness(const NestChoice& a, const NestChoice& b) {
  const std::size_t count = a.order.size();
  if (count == 0 || b.order.size() != count) return 0.0;
  double distance = 0.0;
  if (a.order.back() != b.order.back())
    distance += 1.0;
  else if (a.order != b.order)
    distance += 0.25;
  if (a.transposed != b.transposed) distance += 1.0;
  const auto inner_a = static_cast<std::size_t>(a.order.back()),
             inner_b = static_cast<std::size_t>(b.order.back());
  if ((a.tile[inner_a] != 0) != (b.tile[inner_b] != 0)) distance += 0.3;
  for (std::size_t loop = 0; loop < count; ++loop) {
    if ((a.tile[loop] != 0) != (b.tile[loop] != 0))
      distance += 0.1;
    else if (a.tile[loop] != 0)
      distance +=
          0.1 * std::abs(std::log2(static_cast<double>(a.tile[loop]) / static_cast<double>(b.tile[loop])));
    distance +=
        0.4 * std::abs(std::log2(static_cast<double>(a.jam[loop]) / static_cast<double>(b.jam[loop])));
  }
  return std::exp(-distance);
}

/// Of programs whose parts are in order.
double covariance(const NestProgram& a, const NestProgram& b) {
  const double all_a = a.cycles(), all_b = b.cycles();
  double sum = 0.0;
  for (auto one = a.parts.begin(), other = b.parts.begin(); one != a.parts.end() && other != b.parts.end();) {
    if (one->nest != other->nest) {
      ++(one->nest < other->nest ? one : other);
      continue;
    }
    // Each of as many alike with each.
    const auto end =
        std::find_if(other, b.parts.end(), [&](const auto& part) { return part.nest != one->nest; });
    for (const int nest = one->nest; one != a.parts.end() && one->nest == nest; ++one)
      for (auto each = other; each != end; ++each)
        sum += one->cycles / all_a * (each->cycles / all_b) * likeness(one->choice, each->choice);
    other = end;
  }
  if (a.dialect != b.dialect) sum *= 1.0 - kDialect;
  return sum + (a.variant == b.variant ? kVariant * kVariant : 0.0);
}

void put_in_order(NestProgram& program) {
  const auto before = [](const auto& a, const auto& b) { return a.nest < b.nest; };
  if (!std::is_sorted(program.parts.begin(), program.parts.end(), before))
    std::stable_sort(program.parts.begin(), program.parts.end(), before);
}

}  // namespace

double NestProgram::cycles() const {
  double sum = 0.0;
  for (const auto& part : parts) sum += part.cycles;
  return std::max(sum, 1.0);
}

Eigen::VectorXd NestBeliefs::covariances(const NestProgram& program) const {
  Eigen::VectorXd result(static_cast<Eigen::Index>(programs_.size()));
  for (std::size_t i = 0; i < programs_.size(); ++i)
    result[static_cast<Eigen::Index>(i)] = covariance(programs_[i], program);
  return result;
}

void NestBeliefs::tell(NestProgram program, double seconds) {
  put_in_order(program);
  const auto count = static_cast<Eigen::Index>(programs_.size());
  const Eigen::VectorXd row =
      root_.topLeftCorner(count, count).triangularView<Eigen::Lower>().solve(covariances(program));
  const double own = covariance(program, program) + kNoise;
  const double corner = std::sqrt(std::max(own - row.squaredNorm(), 1e-9));
  if (root_.rows() <= count) {
    root_.conservativeResize(2 * count + 16, 2 * count + 16);
    ones_.conservativeResize(2 * count + 16);
    ratios_.conservativeResize(2 * count + 16);
  }
  root_.row(count).head(count) = row.transpose();
  root_(count, count) = corner;
  ones_[count] = (1.0 - row.dot(ones_.head(count))) / corner;
  ratios_[count] = (std::log(seconds / program.cycles()) - row.dot(ratios_.head(count))) / corner;
  programs_.push_back(std::move(program));
  const auto ones = ones_.head(count + 1), ratios = ratios_.head(count + 1);
  mean_ = ones.dot(ratios) / ones.squaredNorm();
  scale_ = (kPriorWeight * kPriorScale + (ratios - mean_ * ones).squaredNorm()) /
           (kPriorWeight + static_cast<double>(count));
}

NestBeliefs::Belief NestBeliefs::of(NestProgram program) const {
  put_in_order(program);
  if (programs_.empty()) return {std::log(1e-9 * program.cycles()), std::sqrt(kPriorScale)};
  const auto count = static_cast<Eigen::Index>(programs_.size());
  const Eigen::VectorXd row =
      root_.topLeftCorner(count, count).triangularView<Eigen::Lower>().solve(covariances(program));
  const auto ones = ones_.head(count), ratios = ratios_.head(count);
  const double ratio = mean_ + row.dot(ratios - mean_ * ones);
  // What is not known of the mean counts too.
  const double left = 1.0 - row.dot(ones);
  const double variance = covariance(program, program) - row.squaredNorm() + left * left / ones.squaredNorm();
  return {std::log(program.cycles()) + ratio, std::sqrt(scale_ * std::max(variance, 1e-9))};
}

double expected_gain(const NestBeliefs::Belief& belief, double best) {
  const double gain = std::log(best) - belief.log_seconds;
  const double z = gain / belief.deviation;
  const double density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * kPi);
  const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  return std::max(gain * below + belief.deviation * density, 0.0);
}

}  // namespace hone::cost
