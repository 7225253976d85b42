#include "hone/predict/gaussian_process.h"

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "hone/predict/gp_algebra.h"
#include "hone/predict/lbfgs.h"

namespace hone::predict {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Two numbers, the second of them optional, and a category of three.
const std::vector<Input> kInputs = {{}, {.optional = true}, {.categories = 3}};

struct Sample {
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
};

Sample sample(std::size_t n, bool curve = false) {
  Sample result;
  Rng rng(1, "gp test");
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> row{rng.uniform(), rng.below(3) == 0 ? kNaN : rng.uniform(),
                            static_cast<double>(rng.below(3))};
    double y = std::sin(5.0 * row[0]) + (std::isnan(row[1]) ? 0.5 : row[1] * row[1]) + 0.3 * row[2] +
               0.05 * rng.normal();
    if (curve) {
      row.push_back(std::pow(3.0, -static_cast<double>(rng.below(4))));
      y += 0.3 / (row.back() + 0.1);
    }
    result.rows.push_back(row);
    result.targets.push_back(y - 1.0);
  }
  return result;
}

Hyperparameters some(bool curve = false, bool warp = false) {
  GaussianProcess process(kInputs, {.curve = curve, .warp = warp});
  Hyperparameters theta = process.prior_mode();
  theta.length << std::log(0.4), std::log(0.7), std::log(1.3);
  theta.noise = std::log(0.01);
  theta.scale = std::log(1.5);
  if (warp) theta.warp << 0.4, -0.3, -0.7, 0.5;
  return theta;
}

/// The kernel as its formula reads.
double kernel(const Hyperparameters& theta, const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0.0;
  for (Eigen::Index i = 0; i < 2; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double weight = std::exp(-2.0 * theta.length[i]);
    const double x = std::isnan(a[at]) ? 0.5 : a[at], y = std::isnan(b[at]) ? 0.5 : b[at];
    squares += weight * (x - y) * (x - y);
    if (std::isnan(a[at]) != std::isnan(b[at])) squares += weight * 0.25;
  }
  const double r = std::sqrt(5.0 * squares);
  double k = std::exp(theta.scale) * (1.0 + r + r * r / 3.0) * std::exp(-r);
  if (a[2] != b[2]) k *= std::exp(-std::exp(-theta.length[2]));
  if (a.size() > 3) {
    const Eigen::Vector3d c = theta.curve.array().exp();
    k *= 1.0 + c[0] * std::pow(c[2] / (a[3] + b[3] + c[2]), c[1]);
  }
  return k;
}

struct Dense {
  Dense(const Hyperparameters& theta, const Sample& data) : theta(theta), data(data) {
    const auto n = static_cast<Eigen::Index>(data.rows.size());
    covariance.resize(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
      for (Eigen::Index j = 0; j < n; ++j)
        covariance(i, j) =
            kernel(theta, data.rows[static_cast<std::size_t>(i)], data.rows[static_cast<std::size_t>(j)]) +
            (i == j ? std::exp(theta.noise) : 0.0);
    inverse = covariance.inverse();
    targets = Eigen::Map<const VectorXd>(data.targets.data(), n);
    const VectorXd ones = VectorXd::Ones(n);
    mean = ones.dot(inverse * targets) / (ones.dot(inverse * ones) + 1.0);
  }
  std::pair<double, double> predict(const std::vector<double>& row) const {
    VectorXd k(targets.size());
    for (Eigen::Index i = 0; i < k.size(); ++i)
      k[i] = kernel(theta, row, data.rows[static_cast<std::size_t>(i)]);
    return {mean + k.dot(inverse * (targets.array() - mean).matrix()),
            kernel(theta, row, row) - k.dot(inverse * k)};
  }
  Hyperparameters theta;
  Sample data;
  MatrixXd covariance, inverse;
  VectorXd targets;
  double mean;
};

TEST(GaussianProcess, PredictsAsTheDenseFormulasDo) {
  for (const bool curve : {false, true}) {
    const Sample data = sample(60, curve);
    GaussianProcess process(kInputs, {.curve = curve});
    process.set_hyperparameters(some(curve));
    process.set(data.rows, data.targets);
    const Dense dense(some(curve), data);
    EXPECT_NEAR(process.mean(), dense.mean, 1e-8);
    std::vector<std::vector<double>> rows{{0.3, 0.2, 1}, {0.9, kNaN, 0}, {0.5, 0.5, 2}};
    if (curve)
      for (auto& row : rows) row.push_back(1.0);
    VectorXd means, variances;
    process.predict(rows, means, variances);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto [mean, variance] = dense.predict(rows[i]);
      const auto it = process.predict(rows[i]);
      EXPECT_NEAR(it.mean, mean, 1e-8);
      EXPECT_NEAR(it.variance, variance, 1e-8);
      EXPECT_NEAR(means[static_cast<Eigen::Index>(i)], mean, 1e-8);
      EXPECT_NEAR(variances[static_cast<Eigen::Index>(i)], variance, 1e-8);
      EXPECT_NEAR(process.predict_means(rows)[static_cast<Eigen::Index>(i)], mean, 1e-8);
    }
    const VectorXd fitted = process.fitted();
    for (std::size_t i = 0; i < 5; ++i)
      EXPECT_NEAR(fitted[static_cast<Eigen::Index>(i)], dense.predict(data.rows[i]).first, 1e-8);
    const VectorXd rest = dense.targets.array() - dense.mean;
    EXPECT_NEAR(process.log_likelihood(),
                -0.5 * rest.dot(dense.inverse * rest) - 0.5 * std::log(dense.covariance.determinant()) -
                    30.0 * std::log(2.0 * M_PI),
                1e-6);
  }
}

TEST(GaussianProcess, LeavesOneOutAsWithoutIt) {
  const Sample data = sample(30);
  GaussianProcess process(kInputs);
  process.set_hyperparameters(some());
  process.set(data.rows, data.targets);
  VectorXd means, variances;
  process.leave_one_out(means, variances);
  // The mean constant stays that of all rows.
  Sample others = data;
  others.rows.erase(others.rows.begin() + 7);
  others.targets.erase(others.targets.begin() + 7);
  Dense dense(some(), others);
  dense.mean = process.mean();
  const auto [mean, variance] = dense.predict(data.rows[7]);
  EXPECT_NEAR(means[7], mean, 1e-8);
  EXPECT_NEAR(variances[7], variance + 0.01, 1e-8);
}

TEST(GaussianProcess, AppendsAsItFactors) {
  const Sample data = sample(90);
  GaussianProcess grown(kInputs, {.warp = true}), whole(kInputs, {.warp = true});
  grown.set_hyperparameters(some(false, true));
  whole.set_hyperparameters(some(false, true));
  whole.set(data.rows, data.targets);
  grown.set({data.rows.begin(), data.rows.begin() + 20}, {data.targets.begin(), data.targets.begin() + 20});
  for (std::size_t i = 20; i < 90; ++i) {
    grown.append(data.rows[i], data.targets[i]);
    grown.append(data.rows[0], 5.0);  // and takes it back
    grown.truncate(i + 1);
  }
  const std::vector<double> row{0.4, 0.6, 1};
  EXPECT_NEAR(grown.predict(row).mean, whole.predict(row).mean, 1e-9);
  EXPECT_NEAR(grown.predict(row).variance, whole.predict(row).variance, 1e-9);
  EXPECT_NEAR(grown.log_likelihood(), whole.log_likelihood(), 1e-7);
}

TEST(GaussianProcess, GradientsAreThoseOfFiniteDifferences) {
  for (const auto& [curve, warp] :
       std::vector<std::pair<bool, bool>>{{false, false}, {true, false}, {false, true}, {true, true}}) {
    const Sample data = sample(70, curve);
    GaussianProcess process(kInputs, {.curve = curve, .warp = warp});
    process.set_hyperparameters(some(curve, warp));
    process.set(data.rows, data.targets);
    const VectorXd packed = process.pack(some(curve, warp));
    VectorXd gradient(packed.size());
    process.objective(packed, &gradient);
    for (Eigen::Index i = 0; i < packed.size(); ++i) {
      VectorXd above = packed, below = packed;
      above[i] += 1e-5;
      below[i] -= 1e-5;
      EXPECT_NEAR(gradient[i], (process.objective(above, nullptr) - process.objective(below, nullptr)) / 2e-5,
                  1e-4)
          << i;
    }
    std::vector<double> row{0.3, 0.2, 1};
    if (curve) row.push_back(0.5);
    const auto it = process.predict(row, true);
    for (const std::size_t i : {0, 1}) {
      auto above = row, below = row;
      above[i] += 1e-5;
      below[i] -= 1e-5;
      const auto high = process.predict(above), low = process.predict(below);
      EXPECT_NEAR(it.mean_gradient[static_cast<Eigen::Index>(i)], (high.mean - low.mean) / 2e-5, 1e-6);
      EXPECT_NEAR(it.variance_gradient[static_cast<Eigen::Index>(i)], (high.variance - low.variance) / 2e-5,
                  1e-6);
    }
    EXPECT_EQ(it.mean_gradient[2], 0.0);
  }
}

TEST(GaussianProcess, FitsWhatMatters) {
  // Ten numbers, of which the first two matter.
  std::vector<Input> inputs(10);
  Rng rng(1, "gp test");
  Sample data;
  for (int i = 0; i < 80; ++i) {
    std::vector<double> row(10);
    for (double& entry : row) entry = rng.uniform();
    data.targets.push_back(std::sin(6.0 * row[0]) + std::cos(4.0 * row[1]));
    data.rows.push_back(std::move(row));
  }
  GaussianProcess process(inputs);
  process.set(data.rows, data.targets);
  const double before = -process.objective(process.pack(process.prior_mode()), nullptr);
  EXPECT_GT(process.fit(50), before + 20.0);
  const VectorXd& lengths = process.hyperparameters().length;
  EXPECT_LT(lengths.head(2).maxCoeff() + 1.0, lengths.tail(8).minCoeff());
  double error = 0.0;
  for (int i = 0; i < 50; ++i) {
    std::vector<double> row(10);
    for (double& entry : row) entry = rng.uniform();
    error += std::abs(process.predict(row).mean - std::sin(6.0 * row[0]) - std::cos(4.0 * row[1])) / 50.0;
  }
  EXPECT_LT(error, 0.1);
}

TEST(GaussianProcess, WarpsWhatVariesAtOneEnd) {
  // log(x + 0.001): nearly all happens close to 0.
  const auto truth = [](double x) { return std::log(x + 1e-3) / 3.0 + 0.7; };
  Rng rng(1, "gp test");
  Sample data;
  for (int i = 0; i < 25; ++i) {
    data.rows.push_back({rng.uniform()});
    data.targets.push_back(truth(data.rows.back()[0]));
  }
  const auto error = [&](bool warp) {
    GaussianProcess process({{}}, {.warp = warp});
    process.set(data.rows, data.targets);
    process.fit(100);
    double sum = 0.0;
    for (int i = 0; i < 200; ++i) {
      const double x = (i + 0.5) / 200.0;
      sum += std::abs(process.predict({x}).mean - truth(x)) / 200.0;
    }
    return sum;
  };
  EXPECT_LT(error(true), 0.5 * error(false));
}

TEST(GaussianProcess, SamplesHaveThePosteriorsMoments) {
  const Sample data = sample(20);
  GaussianProcess process(kInputs);
  process.set_hyperparameters(some());
  process.set(data.rows, data.targets);
  const std::vector<std::vector<double>> rows{{0.3, 0.2, 1}, {0.32, 0.25, 1}, {0.9, kNaN, 0}};
  Rng rng(1, "gp test");
  const MatrixXd draws = process.sample(rows, 20000, rng);
  const VectorXd means = draws.rowwise().mean();
  const MatrixXd centred = draws.colwise() - means;
  const MatrixXd covariance = centred * centred.transpose() / 20000.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    const auto it = process.predict(rows[i]);
    EXPECT_NEAR(means[at], it.mean, 0.03);
    EXPECT_NEAR(covariance(at, at), it.variance, 0.05 * it.variance + 1e-3);
  }
  EXPECT_GT(covariance(0, 1) / std::sqrt(covariance(0, 0) * covariance(1, 1)), 0.8);
}

TEST(GaussianProcess, ExpectsTheNoiseThatItIsToldTo) {
  // Of ten exact values next to none is found where next to none is expected; much noise is found all the
  // same.
  const auto noise_of = [](double spread, const GpOptions& options, int n) {
    Rng rng(3, "noise");
    std::vector<std::vector<double>> rows;
    std::vector<double> targets;
    for (int i = 0; i < n; ++i) {
      rows.push_back({(i + 0.5) / n});
      targets.push_back(std::sin(5.0 * rows.back()[0]) + spread * rng.normal());
    }
    GaussianProcess process({{}}, options);
    process.set(rows, targets);
    process.fit(60);
    return std::exp(process.hyperparameters().noise);
  };
  const GpOptions quiet{.noise_log_mean = -8.0, .noise_log_deviation = 2.0};
  EXPECT_LT(noise_of(0.0, quiet, 10), 1e-4);
  EXPECT_GT(noise_of(0.0, {}, 10), 1e-3);
  EXPECT_GT(noise_of(0.5, quiet, 60), 0.1);
}

TEST(GaussianProcess, EqualRowsAndFewRowsDoNoHarm) {
  GaussianProcess process({{}}, {.noise_floor = 1e-6});
  process.set({}, {});
  EXPECT_NEAR(process.predict(std::vector<double>{0.5}).variance, 1.0, 0.8);
  std::vector<std::vector<double>> rows(40, {0.5});
  process.set(rows, std::vector<double>(40, 0.25));
  process.fit(20);
  for (int i = 0; i < 10; ++i) process.append({0.5}, 0.25);
  EXPECT_NEAR(process.predict(std::vector<double>{0.5}).mean, 0.25, 0.1);
  EXPECT_TRUE(std::isfinite(process.predict(std::vector<double>{0.9}).variance));
}

TEST(GpAlgebra, BlocksGiveWhatFormulasGive) {
  for (const Eigen::Index n : {1, 7, 48, 49, 150}) {
    const MatrixXd random = MatrixXd::Random(n, n);
    algebra::RowMajor matrix = random * random.transpose() + MatrixXd::Identity(n, n);
    const MatrixXd original = matrix;
    ASSERT_TRUE(algebra::cholesky(matrix));
    MatrixXd lower = matrix.triangularView<Eigen::Lower>();
    EXPECT_NEAR((lower * lower.transpose() - original).norm(), 0.0, 1e-8);
    algebra::invert_lower(matrix);
    MatrixXd inverse = matrix.triangularView<Eigen::Lower>();
    EXPECT_NEAR((inverse * lower - MatrixXd::Identity(n, n)).norm(), 0.0, 1e-8);
    algebra::gram_of_lower(matrix);
    const MatrixXd gram = matrix.triangularView<Eigen::Lower>();
    const MatrixXd expected = (inverse.transpose() * inverse).triangularView<Eigen::Lower>();
    EXPECT_NEAR((gram - expected).norm(), 0.0, 1e-8);
  }
  algebra::RowMajor bad = -MatrixXd::Identity(3, 3);
  EXPECT_FALSE(algebra::cholesky(bad));
}

TEST(Lbfgs, FindsTheMinimumInsideAndOnTheBoxsEdge) {
  const auto rosenbrock = [](const VectorXd& x, VectorXd& gradient) {
    const double a = 1.0 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2.0 * a - 400.0 * x[0] * b;
    gradient[1] = 200.0 * b;
    return a * a + 100.0 * b * b;
  };
  LbfgsOptions options;
  options.iterations = 200;
  options.decrease = 0.0;
  VectorXd x(2), low(2), high(2);
  x << -1.2, 1.0;
  low << -2.0, -2.0;
  high << 2.0, 2.0;
  EXPECT_LT(minimize(rosenbrock, x, low, high, options), 1e-8);
  EXPECT_NEAR(x[0], 1.0, 1e-3);
  high << 0.5, 2.0;
  x << -1.2, 1.0;
  minimize(rosenbrock, x, low, high, options);
  EXPECT_NEAR(x[0], 0.5, 1e-6);
  EXPECT_NEAR(x[1], 0.25, 1e-4);
}

}  // namespace
}  // namespace hone::predict
