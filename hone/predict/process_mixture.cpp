#include "hone/predict/process_mixture.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::predict {

using Eigen::Index;
using Eigen::VectorXd;

ProcessMixture::ProcessMixture(std::vector<Input> inputs, const GpOptions& options)
    : likeliest_(std::move(inputs), options) {}

void ProcessMixture::reset() {
  draws_.clear();
  likeliest_.clear();
  likeliest_.set_hyperparameters(likeliest_.prior_mode());
}

void ProcessMixture::set(const std::vector<Row>& rows, const std::vector<double>& targets) {
  draws_.clear();
  likeliest_.set(rows, targets);
}

double ProcessMixture::fit(int iterations) {
  draws_.clear();
  return likeliest_.fit(iterations);
}

void ProcessMixture::draw(int count, int apart, Rng& rng) {
  constexpr int kMaxTries = 40;  // of one state; the bracket halves or so at each
  draws_.clear();
  const GaussianProcess::Sampling prior = likeliest_.sampling();
  const Index d = prior.mean.size();
  VectorXd at = likeliest_.pack(likeliest_.hyperparameters());
  double value = likeliest_.log_likelihood_at(at);
  std::vector<GaussianProcess> drawn;
  for (int state = 1; state <= count * apart; ++state) {
    VectorXd other(d);
    for (Index i = 0; i < d; ++i) other[i] = prior.deviation[i] * rng.normal();
    const double level = value + std::log(std::max(rng.uniform(), 1e-300));
    double angle = rng.uniform(0.0, 2.0 * kPi), low = angle - 2.0 * kPi, high = angle;
    for (int tries = 0; tries < kMaxTries; ++tries) {
      const VectorXd moved = prior.mean + (at - prior.mean) * std::cos(angle) + other * std::sin(angle);
      const bool inside =
          (moved.array() >= prior.low.array()).all() && (moved.array() <= prior.high.array()).all();
      const double there = inside ? likeliest_.log_likelihood_at(moved) : -kInfinity;
      if (there > level) {
        at = moved;
        value = there;
        break;
      }
      (angle < 0.0 ? low : high) = angle;
      angle = rng.uniform(low, high);
    }
    if (state % apart != 0) continue;
    drawn.push_back(likeliest_);
    drawn.back().set_hyperparameters(likeliest_.unpack(at));
  }
  draws_ = std::move(drawn);
}

void ProcessMixture::append(const Row& row, double target, double noise_share) {
  likeliest_.append(row, target, noise_share);
  for (GaussianProcess& it : draws_) it.append(row, target, noise_share);
}

void ProcessMixture::truncate(std::size_t size) {
  likeliest_.truncate(size);
  for (GaussianProcess& it : draws_) it.truncate(size);
}

void ProcessMixture::set_targets(const std::vector<double>& targets) {
  likeliest_.set_targets(targets);
  for (GaussianProcess& it : draws_) it.set_targets(targets);
}

ProcessMixture::Prediction ProcessMixture::predict(const Row& row, bool gradient) const {
  if (draws_.empty()) return likeliest_.predict(row, gradient);
  const double share = 1.0 / static_cast<double>(draws_.size());
  Prediction sum;
  double squares = 0.0;
  if (gradient) {
    sum.mean_gradient.setZero(static_cast<Index>(row.size()));
    sum.variance_gradient.setZero(static_cast<Index>(row.size()));
  }
  for (const GaussianProcess& process : draws_) {
    const Prediction it = process.predict(row, gradient);
    sum.mean += share * it.mean;
    squares += share * (it.variance + it.mean * it.mean);
    if (!gradient) continue;
    sum.mean_gradient += share * it.mean_gradient;
    sum.variance_gradient += share * (it.variance_gradient + 2.0 * it.mean * it.mean_gradient);
  }
  sum.variance = std::max(0.0, squares - sum.mean * sum.mean);
  if (gradient) sum.variance_gradient -= 2.0 * sum.mean * sum.mean_gradient;
  return sum;
}

void ProcessMixture::predict(const std::vector<Row>& rows, VectorXd& means, VectorXd& variances) const {
  if (draws_.empty()) return likeliest_.predict(rows, means, variances);
  const double share = 1.0 / static_cast<double>(draws_.size());
  const auto m = static_cast<Index>(rows.size());
  VectorXd sum = VectorXd::Zero(m), squares = VectorXd::Zero(m);
  for (const GaussianProcess& it : draws_) {
    it.predict(rows, means, variances);
    sum += share * means;
    squares += share * (variances + means.cwiseAbs2());
  }
  means = sum;
  variances = (squares - sum.cwiseAbs2()).cwiseMax(0.0);
}

VectorXd ProcessMixture::fitted() const {
  if (draws_.empty()) return likeliest_.fitted();
  VectorXd sum = VectorXd::Zero(static_cast<Index>(likeliest_.size()));
  for (const GaussianProcess& it : draws_) sum += it.fitted();
  return sum / static_cast<double>(draws_.size());
}

VectorXd ProcessMixture::predict_means(const std::vector<Row>& rows) const {
  if (draws_.empty()) return likeliest_.predict_means(rows);
  VectorXd sum = VectorXd::Zero(static_cast<Index>(rows.size()));
  for (const GaussianProcess& it : draws_) sum += it.predict_means(rows);
  return sum / static_cast<double>(draws_.size());
}

}  // namespace hone::predict
