#include "hone/search/cma.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/search/acquisition.h"

namespace hone::search {
namespace {

constexpr std::int64_t kLargestGrid = 1000;

/// The x whose normal_cdf is p, 0 < p < 1, by Newton's steps from the logistic approximation, kept in bounds.
double normal_quantile(double p) {
  double low = -40.0, high = 40.0, x = std::clamp(std::log(p / (1.0 - p)) / 1.702, -38.0, 38.0);
  for (int step = 0; step < 100; ++step) {
    const double error = normal_cdf(x) - p;
    (error > 0.0 ? high : low) = x;
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * kPi);
    double next = density > 0.0 ? x - error / density : (low + high) / 2;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (std::abs(next - x) < 1e-13 * std::max(1.0, std::abs(x))) return next;
    x = next;
  }
  return x;
}

double mirrored(double x) {
  x = std::fmod(std::abs(x), 2.0);
  return x <= 1.0 ? x : 2.0 - x;
}

bool has_grid(const space::Scale& scale) { return scale.size() > 1 && scale.size() <= kLargestGrid; }

}  // namespace

int Cma::default_lambda(std::size_t dimensions) {
  return 4 + static_cast<int>(3.0 * std::log(static_cast<double>(std::max<std::size_t>(dimensions, 1))));
}

Cma::Cma(const std::vector<const space::Scale*>& scales, const std::vector<int>& categories, int lambda,
         Eigen::VectorXd mean, double sigma, int full, bool margin)
    : n_(static_cast<int>(scales.size())),
      lambda_(lambda),
      mu_(lambda / 2),
      scales_(scales),
      diagonal_(n_ > full),
      margin_(margin),
      mean_(std::move(mean)),
      sigma_(sigma),
      sigma_start_(sigma) {
  const double n = std::max(1, n_);
  weights_.resize(lambda_);
  for (int i = 0; i < lambda_; ++i) weights_[i] = std::log((lambda_ + 1) / 2.0) - std::log(i + 1.0);
  const auto effective = [](const Eigen::VectorXd& w) { return w.sum() * w.sum() / w.squaredNorm(); };
  mu_eff_ = effective(weights_.head(mu_));
  const double mu_eff_minus = effective(weights_.tail(lambda_ - mu_));
  c_1_ = 2.0 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  c_mu_ = 2.0 * (0.25 + mu_eff_ + 1.0 / mu_eff_ - 2.0) / ((n + 2.0) * (n + 2.0) + mu_eff_);
  if (diagonal_) {
    c_1_ = std::min(1.0, c_1_ * (n + 2.0) / 3.0);
    c_mu_ *= (n + 2.0) / 3.0;
  }
  c_mu_ = std::min(1.0 - c_1_, c_mu_);
  c_sigma_ = (mu_eff_ + 2.0) / (n + mu_eff_ + 5.0);
  d_sigma_ = 1.0 + 2.0 * std::max(0.0, std::sqrt((mu_eff_ - 1.0) / (n + 1.0)) - 1.0) + c_sigma_;
  c_c_ = (4.0 + mu_eff_ / n) / (n + 4.0 + 2.0 * mu_eff_ / n);
  chi_n_ = std::sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
  const double most_negative = std::min(
      {1.0 + c_1_ / c_mu_, 1.0 + 2.0 * mu_eff_minus / (mu_eff_ + 2.0), (1.0 - c_1_ - c_mu_) / (n * c_mu_)});
  const double positive = weights_.cwiseMax(0.0).sum(), negative = -weights_.cwiseMin(0.0).sum();
  for (int i = 0; i < lambda_; ++i)
    weights_[i] *= weights_[i] >= 0.0 ? 1.0 / positive : std::max(0.0, most_negative) / negative;

  p_sigma_ = p_c_ = Eigen::VectorXd::Zero(n_);
  stretch_ = lengths_ = Eigen::VectorXd::Ones(n_);
  covariance_ = Eigen::MatrixXd::Ones(n_, 1);
  if (!diagonal_) covariance_ = axes_ = Eigen::MatrixXd::Identity(n_, n_);

  std::size_t free = 0;
  for (const int k : categories) {
    chances_.emplace_back(static_cast<std::size_t>(k), 1.0 / k);
    least_.push_back((1.0 - std::pow(0.73, 1.0 / static_cast<double>(categories.size()))) / (k - 1));
    free += static_cast<std::size_t>(k - 1);
  }
  path_.assign(free, 0.0);
  best_values_.assign(static_cast<std::size_t>(10 + std::ceil(30.0 * n / lambda_)), kNaN);
}

Cma::Sample Cma::draw(Rng& rng) const {
  Sample sample;
  sample.numbers.resize(n_);
  for (int i = 0; i < n_; ++i) sample.numbers[i] = rng.normal() * lengths_[i];
  if (!diagonal_) sample.numbers = axes_ * sample.numbers;
  sample.numbers = mean_ + sigma_ * sample.numbers;
  for (const std::vector<double>& chances : chances_) {
    double u = rng.uniform();
    std::size_t k = 0;
    while (k + 1 < chances.size() && u >= chances[k]) u -= chances[k++];
    sample.categories.push_back(static_cast<int>(k));
  }
  return sample;
}

std::vector<double> Cma::positions(const Eigen::VectorXd& numbers) const {
  std::vector<double> positions;
  for (int i = 0; i < n_; ++i) {
    if (has_grid(*scales_[static_cast<std::size_t>(i)]))
      positions.push_back(std::clamp(mean_[i] + stretch_[i] * (numbers[i] - mean_[i]), 0.0, 1.0));
    else
      positions.push_back(mirrored(numbers[i]));
  }
  return positions;
}

Eigen::VectorXd Cma::numbers_at(const Eigen::VectorXd& positions) const {
  Eigen::VectorXd numbers = positions;
  for (int i = 0; i < n_; ++i)
    if (has_grid(*scales_[static_cast<std::size_t>(i)]))
      numbers[i] = mean_[i] + (positions[i] - mean_[i]) / stretch_[i];
  return numbers;
}

void Cma::update(const std::vector<Told>& ranked) {
  ++generation_;
  const bool any = std::any_of(ranked.begin(), ranked.end(), [](const Told& told) { return !told.lost; });
  if (any) {
    // Steps that were widened to find anything say nothing of how far the optimum is.
    if (sigma_ > sigma_start_ && !learned_) {
      mean_ = ranked.front().sample->numbers;
      sigma_ = sigma_start_;
    } else if (n_ > 0) {
      adapt_numbers(ranked);
    }
    if (!chances_.empty()) adapt_categories(ranked);
    learned_ = true;
    lost_ = 0;
  } else {
    ++lost_;
    // Nothing is known yet that a wider look could lose.
    if (!learned_) sigma_ = std::max(sigma_, std::min(2.0 * sigma_, kWidest));
  }
  const double best = ranked.front().lost ? kNaN : ranked.front().value;
  best_values_[static_cast<std::size_t>(generation_) % best_values_.size()] = best;
  const auto other = std::min(ranked.size() - 1, static_cast<std::size_t>(1 + lambda_ / 4));
  flat_ = ranked[other].value == best ? flat_ + 1 : std::max(0, flat_ - 1);
}

void Cma::adapt_numbers(const std::vector<Told>& ranked) {
  const double n = n_;
  const auto whitened = [&](const Eigen::VectorXd& y) -> Eigen::VectorXd {
    if (diagonal_) return y.cwiseQuotient(lengths_);
    return axes_ * (axes_.transpose() * y).cwiseQuotient(lengths_);
  };
  std::vector<Eigen::VectorXd> steps;
  double kept = 0.0;
  for (int i = 0; i < lambda_; ++i) {
    const Told& told = ranked[static_cast<std::size_t>(i)];
    Eigen::VectorXd y = (told.sample->numbers - mean_) / sigma_;
    if (!told.own) {
      const double length = whitened(y).norm(), most = std::sqrt(n) + 2.0 * n / (n + 2.0);
      if (length > most) y *= most / length;
    }
    steps.push_back(std::move(y));
    if (!told.lost && weights_[i] > 0.0) kept += weights_[i];
  }
  // Where more than half is lost, what is left of the better half stands for all of it.
  const auto weight = [&](int i) {
    const bool lost = ranked[static_cast<std::size_t>(i)].lost;
    return weights_[i] <= 0.0 ? weights_[i] : lost ? 0.0 : weights_[i] / kept;
  };

  Eigen::VectorXd y = Eigen::VectorXd::Zero(n_);
  for (int i = 0; i < mu_; ++i) y += weight(i) * steps[static_cast<std::size_t>(i)];
  mean_ += sigma_ * y;
  p_sigma_ = (1.0 - c_sigma_) * p_sigma_ + std::sqrt(c_sigma_ * (2.0 - c_sigma_) * mu_eff_) * whitened(y);
  const double length = p_sigma_.norm();
  const double settled = std::sqrt(1.0 - std::pow(1.0 - c_sigma_, 2.0 * static_cast<double>(generation_)));
  const double h = length / settled < (1.4 + 2.0 / (n + 1.0)) * chi_n_ ? 1.0 : 0.0;
  p_c_ = (1.0 - c_c_) * p_c_ + h * std::sqrt(c_c_ * (2.0 - c_c_) * mu_eff_) * y;

  double sum = 0.0;
  for (int i = 0; i < lambda_; ++i) sum += weight(i);
  covariance_ *= 1.0 + c_1_ * (1.0 - h) * c_c_ * (2.0 - c_c_) - c_1_ - c_mu_ * sum;
  const auto add = [&](const Eigen::VectorXd& step, double share) {
    if (diagonal_)
      covariance_.col(0) += share * step.cwiseAbs2();
    else
      covariance_.selfadjointView<Eigen::Lower>().rankUpdate(step, share);
  };
  add(p_c_, c_1_);
  for (int i = 0; i < lambda_; ++i) {
    double share = weight(i);
    const Eigen::VectorXd& step = steps[static_cast<std::size_t>(i)];
    if (share < 0.0) share *= n / std::max(whitened(step).squaredNorm(), 1e-12);
    if (share != 0.0) add(step, c_mu_ * share);
  }
  sigma_ *= std::exp(std::min(1.0, c_sigma_ / d_sigma_ * (length / chi_n_ - 1.0)));
  // What is mirrored is the same beyond the ends: the mean stays inside.
  for (int i = 0; i < n_; ++i)
    if (!has_grid(*scales_[static_cast<std::size_t>(i)])) mean_[i] = mirrored(mean_[i]);
  if (diagonal_ || static_cast<double>(generation_ - decomposed_) >= 1.0 / (10.0 * n * (c_1_ + c_mu_)))
    decompose();
  if (margin_) put_margin();
}

void Cma::decompose() {
  decomposed_ = generation_;
  if (diagonal_) {
    covariance_.col(0) = covariance_.col(0).cwiseMax(1e-300);
    lengths_ = covariance_.col(0).cwiseSqrt();
    return;
  }
  covariance_.triangularView<Eigen::StrictlyUpper>() =
      covariance_.transpose().triangularView<Eigen::StrictlyUpper>();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance_);
  axes_ = solver.eigenvectors();
  lengths_ = solver.eigenvalues().cwiseMax(1e-300).cwiseSqrt();
}

void Cma::put_margin() {
  const double alpha = 1.0 / (static_cast<double>(n_ + static_cast<int>(chances_.size())) * lambda_);
  for (int i = 0; i < n_; ++i) {
    const space::Scale& scale = *scales_[static_cast<std::size_t>(i)];
    if (!has_grid(scale)) continue;
    const std::int64_t cells = scale.size(), k = scale.index(scale.at(mean_[i]));
    const auto edge = [&](std::int64_t cell) { return scale.weight(0, cell - 1); };  // its lower one
    const double low = edge(std::max<std::int64_t>(k, 1)), high = edge(std::min(k + 1, cells - 1));
    const double spread = sigma_ * (diagonal_ ? lengths_[i] : std::sqrt(std::max(covariance_(i, i), 1e-300)));
    const double below = normal_cdf((low - mean_[i]) / (stretch_[i] * spread));
    const double above = normal_cdf((mean_[i] - high) / (stretch_[i] * spread));
    if (std::max(below, above) > 0.5) {
      // In an outermost cell: no farther from its edge than leaves alpha beyond.
      if (std::min(below, above) < alpha)
        mean_[i] =
            high + (mean_[i] >= high ? 1.0 : -1.0) * stretch_[i] * spread * normal_quantile(1.0 - alpha);
      continue;
    }
    const double p_low = std::max(below, alpha / 2), p_high = std::max(above, alpha / 2);
    const double p_in = std::max(1.0 - below - above, alpha / 2);
    const double excess = 1.0 - p_low - p_high - p_in, room = p_low + p_high + p_in - 1.5 * alpha;
    const auto corrected = [&](double p) {
      return std::clamp(room > 0.0 ? p + excess * (p - alpha / 2) / room : p, 1e-10, 0.5 - 1e-10);
    };
    const double q_low = normal_quantile(1.0 - corrected(p_low)),
                 q_high = normal_quantile(1.0 - corrected(p_high));
    stretch_[i] = (high - low) / ((q_low + q_high) * spread);
    mean_[i] = (low * q_high + high * q_low) / (q_low + q_high);
  }
}

void Cma::adapt_categories(const std::vector<Told>& ranked) {
  // CatCMA's weights: the tutorial's positive ones.
  std::vector<std::vector<double>> gradient;
  double norm = 0.0, kept = 0.0;
  for (int i = 0; i < mu_; ++i)
    if (!ranked[static_cast<std::size_t>(i)].lost) kept += weights_[i];
  if (!(kept > 0.0)) return;
  std::vector<double> root;  // the gradient in the Fisher metric
  for (std::size_t c = 0; c < chances_.size(); ++c) {
    const std::vector<double>& q = chances_[c];
    std::vector<double>& g = gradient.emplace_back(q.size(), 0.0);
    for (int i = 0; i < mu_; ++i) {
      const Told& told = ranked[static_cast<std::size_t>(i)];
      if (told.lost) continue;
      for (std::size_t k = 0; k < q.size(); ++k)
        g[k] += weights_[i] / kept * ((told.sample->categories[c] == static_cast<int>(k) ? 1.0 : 0.0) - q[k]);
    }
    double sum = 0.0;
    for (std::size_t k = 0; k + 1 < q.size(); ++k) sum += g[k];
    for (std::size_t k = 0; k + 1 < q.size(); ++k)
      root.push_back(g[k] / std::sqrt(q[k]) + std::sqrt(q[k]) * sum / (q.back() + std::sqrt(q.back())));
  }
  for (const double r : root) norm += r * r;
  norm = std::sqrt(norm) + 1e-30;
  const double rate = 1.0 / delta_scale_;
  const double beta = std::min(1.0, rate / std::sqrt(static_cast<double>(root.size())));
  double squared = 0.0;
  for (std::size_t k = 0; k < root.size(); ++k) {
    path_[k] = (1.0 - beta) * path_[k] + std::sqrt(beta * (2.0 - beta)) * root[k] / norm;
    squared += path_[k] * path_[k];
  }
  gamma_ = (1.0 - beta) * (1.0 - beta) * gamma_ + beta * (2.0 - beta);
  for (std::size_t c = 0; c < chances_.size(); ++c) {
    std::vector<double>& q = chances_[c];
    double sum = 0.0;
    for (std::size_t k = 0; k < q.size(); ++k) {
      q[k] = std::max(q[k] + rate / norm * gradient[c][k], least_[c]);
      sum += q[k];
    }
    const double above = sum - least_[c] * static_cast<double>(q.size()), excess = sum - 1.0;
    for (double& chance : q)
      if (above > 0.0) chance -= excess * (chance - least_[c]) / above;
  }
  delta_scale_ *= std::exp(beta * (gamma_ - squared / 1.5));
}

bool Cma::is_sound() const {
  return std::isfinite(sigma_) && sigma_ > 0.0 && mean_.allFinite() && lengths_.allFinite();
}

bool Cma::should_stop() const {
  if (!is_sound()) return true;
  if (flat_ > static_cast<int>(best_values_.size()) / 3 + 3) return true;
  if (generation_ > static_cast<std::int64_t>(best_values_.size())) {
    double low = best_values_.front(), high = low;
    for (const double value : best_values_) {
      low = std::min(low, value);  // NaN: no comparison holds, the range stays NaN
      high = std::max(high, value);
    }
    const bool all = std::all_of(best_values_.begin(), best_values_.end(), [](double v) { return v == v; });
    if (all && high - low < 1e-12) return true;
  }
  if (n_ == 0) return false;
  const double longest = lengths_.maxCoeff(), shortest = lengths_.minCoeff();
  return longest > 1e7 * shortest || sigma_ * longest > 1e4 * sigma_start_ ||
         (sigma_ * longest < 1e-12 * sigma_start_);
}

}  // namespace hone::search
