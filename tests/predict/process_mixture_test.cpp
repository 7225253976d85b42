#include "hone/predict/process_mixture.h"

#include <Eigen/Dense>
#include <cmath>

#include <gtest/gtest.h>

namespace hone::predict {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

/// Rows of `d` numbers and what a function of the first gives there, with some noise.
struct FewResults {
  FewResults(std::size_t n, std::size_t d, std::uint64_t seed, double noise = 0.1) : inputs(d) {
    Rng rng(seed, "mixture test");
    for (std::size_t i = 0; i < n; ++i) {
      rows.emplace_back(d);
      for (double& entry : rows.back()) entry = rng.uniform();
      targets.push_back(truth(rows.back()) + noise * rng.normal());
    }
  }
  static double truth(const std::vector<double>& row) { return 1.5 * std::sin(5.0 * row[0]); }

  std::vector<Input> inputs;
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
};

ProcessMixture mixture_of(const FewResults& data, int draws, int apart = 4, std::uint64_t seed = 1) {
  ProcessMixture mixture(data.inputs);
  mixture.set(data.rows, data.targets);
  mixture.fit(40);
  Rng rng(seed, "mixture draws");
  mixture.draw(draws, apart, rng);
  return mixture;
}

TEST(ProcessMixture, HasTheMomentsOfItsDraws) {
  const FewResults data(9, 3, 1);
  ProcessMixture mixture = mixture_of(data, 6);
  ASSERT_EQ(mixture.draws().size(), 6u);
  const auto check = [&] {
    const std::vector<double> row{0.3, 0.8, 0.1};
    double mean = 0.0, squares = 0.0;
    for (const GaussianProcess& it : mixture.draws()) {
      const auto at = it.predict(row);
      mean += at.mean / 6.0;
      squares += (at.variance + at.mean * at.mean) / 6.0;
    }
    const auto it = mixture.predict(row, true);
    EXPECT_NEAR(it.mean, mean, 1e-12);
    EXPECT_NEAR(it.variance, squares - mean * mean, 1e-12);
    VectorXd means, variances;
    mixture.predict({data.rows[0], row}, means, variances);
    EXPECT_NEAR(means[1], it.mean, 1e-9);
    EXPECT_NEAR(variances[1], it.variance, 1e-9);
    EXPECT_NEAR(mixture.predict_means({row})[0], it.mean, 1e-9);
    for (Index i = 0; i < 3; ++i) {
      auto above = row, below = row;
      above[static_cast<std::size_t>(i)] += 1e-5;
      below[static_cast<std::size_t>(i)] -= 1e-5;
      const auto high = mixture.predict(above), low = mixture.predict(below);
      EXPECT_NEAR(it.mean_gradient[i], (high.mean - low.mean) / 2e-5, 1e-6);
      EXPECT_NEAR(it.variance_gradient[i], (high.variance - low.variance) / 2e-5, 1e-6);
    }
  };
  check();
  const double before = mixture.predict({0.3, 0.8, 0.1}).mean;
  mixture.append({0.3, 0.8, 0.1}, before + 1.0, 0.0);
  EXPECT_NEAR(mixture.predict({0.3, 0.8, 0.1}).mean, before + 1.0, 1e-3);
  EXPECT_LT(mixture.predict({0.3, 0.8, 0.1}).variance, 1e-3);
  check();
  mixture.truncate(9);
  EXPECT_NEAR(mixture.predict({0.3, 0.8, 0.1}).mean, before, 1e-9);
  mixture.set_targets(std::vector<double>(9, 0.0));
  EXPECT_NEAR(mixture.predict({0.5, 0.5, 0.5}).mean, 0.0, 1e-9);
  mixture.fit(5);
  EXPECT_TRUE(mixture.draws().empty());
  EXPECT_EQ(mixture.predict(data.rows[0]).mean, mixture.likeliest().predict(data.rows[0]).mean);
}

TEST(ProcessMixture, DrawsHyperparametersFromTheirPosterior) {
  // The posterior's moments by weighting draws from the prior with their likelihood.
  const FewResults data(6, 1, 3);
  const ProcessMixture mixture = mixture_of(data, 3000, 3);
  const GaussianProcess& process = mixture.likeliest();
  const auto prior = process.sampling();
  const Index d = prior.mean.size();
  Rng rng(5, "mixture test");
  VectorXd mean = VectorXd::Zero(d), squares = VectorXd::Zero(d);
  double total = 0.0;
  for (int k = 0; k < 60000; ++k) {
    VectorXd at(d);
    for (Index i = 0; i < d; ++i) at[i] = prior.mean[i] + prior.deviation[i] * rng.normal();
    if ((at.array() < prior.low.array()).any() || (at.array() > prior.high.array()).any()) continue;
    const double weight = std::exp(process.log_likelihood_at(at));
    mean += weight * at;
    squares += weight * at.cwiseAbs2();
    total += weight;
  }
  mean /= total;
  const VectorXd deviation = (squares / total - mean.cwiseAbs2()).cwiseSqrt();
  VectorXd drawn = VectorXd::Zero(d), drawn_squares = VectorXd::Zero(d);
  for (const GaussianProcess& it : mixture.draws()) {
    const VectorXd at = it.pack(it.hyperparameters());
    drawn += at / 3000.0;
    drawn_squares += at.cwiseAbs2() / 3000.0;
  }
  for (Index i = 0; i < d; ++i) {
    EXPECT_NEAR(drawn[i], mean[i], 0.15 * deviation[i]) << i;
    EXPECT_NEAR(std::sqrt(drawn_squares[i] - drawn[i] * drawn[i]), deviation[i], 0.15 * deviation[i]) << i;
  }
}

TEST(ProcessMixture, IsNotAsSureAsTheLikeliestOfWhatIsNoise) {
  // Sixteen noisy results over five parameters of which one matters: the density of what was not seen.
  double alone = 0.0, mixed = 0.0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const FewResults data(16, 5, 100 + seed, 0.6), unseen(50, 5, 900 + seed, 0.6);
    const ProcessMixture mixture = mixture_of(data, 8, 4, seed);
    const auto surprise = [](const GaussianProcess::Prediction& it, double noise, double value) {
      const double variance = it.variance + noise;
      return 0.5 * std::log(variance) + 0.5 * std::pow(value - it.mean, 2) / variance;
    };
    double noise = 0.0;
    for (const GaussianProcess& it : mixture.draws()) noise += std::exp(it.hyperparameters().noise) / 8.0;
    const GaussianProcess& likeliest = mixture.likeliest();
    for (std::size_t k = 0; k < unseen.rows.size(); ++k) {
      alone += surprise(likeliest.predict(unseen.rows[k]), std::exp(likeliest.hyperparameters().noise),
                        unseen.targets[k]);
      mixed += surprise(mixture.predict(unseen.rows[k]), noise, unseen.targets[k]);
    }
  }
  EXPECT_LT(mixed / 2000.0, alone / 2000.0 - 0.2);
}

TEST(ProcessMixture, OneRowEqualRowsAndEqualTargetsDoNoHarm) {
  for (const std::size_t n : {1u, 2u, 7u}) {
    ProcessMixture mixture(std::vector<Input>{{}, {.categories = 3}});
    mixture.set(std::vector<std::vector<double>>(n, {0.4, 1.0}), std::vector<double>(n, 0.25));
    mixture.fit(20);
    Rng rng(1, "mixture draws");
    mixture.draw(5, 3, rng);
    const auto it = mixture.predict({0.4, 1.0}, true);
    EXPECT_TRUE(std::isfinite(it.mean) && std::isfinite(it.variance));
    EXPECT_NEAR(it.mean, 0.25, 0.1);
  }
}

}  // namespace
}  // namespace hone::predict
