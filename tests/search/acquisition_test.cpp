#include "hone/search/acquisition.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/rng.h"
#include "hone/study/front.h"

namespace hone::search {
namespace {

using Points = std::vector<std::vector<double>>;

TEST(Acquisition, LogImprovementAgreesWithQuadrature) {
  // phi(z) + z Phi(z) is the integral of Phi up to z, here of exp(-t^2/2) (z - t) in long double, whose
  // largest factor is taken out.
  for (const double z : {3.0, 0.5, -0.5, -0.99, -1.01, -3.0, -8.0, -11.9, -12.1, -20.0, -40.0, -1000.0}) {
    long double sum = 0.0L;
    const long double width = 60.0L / std::max(1.0, std::abs(z)) / 20000.0L;
    for (int k = 0; k < 20000; ++k) {
      const long double u = (k + 0.5L) * width;  // t = z - u
      sum += u * std::exp(-0.5L * u * u + z * u) * width;
    }
    const double expected = static_cast<double>(std::log(sum) - 0.5L * std::log(2.0L * M_PIl)) - 0.5 * z * z;
    EXPECT_NEAR(log_improvement(z), expected, 1e-6 * std::abs(expected) + 2e-5) << z;
  }
}

TEST(Acquisition, SlopesAreThoseOfFiniteDifferences) {
  for (const double z : {4.0, 0.0, -0.9, -1.1, -5.0, -11.0, -13.0, -100.0}) {
    const double h = 1e-6 * std::max(1.0, std::abs(z));
    double slope = 0.0;
    log_improvement(z, &slope);
    EXPECT_NEAR(slope, (log_improvement(z + h) - log_improvement(z - h)) / (2 * h), 1e-5 * slope + 1e-9) << z;
    log_normal_cdf(z, &slope);
    EXPECT_NEAR(slope, (log_normal_cdf(z + h) - log_normal_cdf(z - h)) / (2 * h), 1e-5 * slope + 1e-7) << z;
  }
  EXPECT_NEAR(log_normal_cdf(0.0), std::log(0.5), 1e-14);
  EXPECT_NEAR(log_normal_cdf(-40.0), -804.608442013754, 1e-8);
}

Points random_front(std::size_t m, std::size_t n, Rng& rng) {
  Points points;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> point(m);
    double norm = 0.0;
    for (double& v : point) {
      v = std::abs(rng.normal());
      norm += v * v;
    }
    for (double& v : point) v = 1.0 - v / std::sqrt(norm) * rng.uniform(0.7, 1.0);
    points.push_back(point);
  }
  return points;
}

TEST(Acquisition, BoxesFillWhatIsNotDominated) {
  Rng rng(1, "acquisition test");
  for (const std::size_t m : {2, 3, 4})
    for (int round = 0; round < 5; ++round) {
      const Points points = random_front(m, 12, rng);
      const std::vector<double> reference(m, 1.1);
      double volume = 0.0;  // above the origin
      const auto boxes = improvement_boxes(points, reference);
      for (const Box& box : boxes) {
        double part = 1.0;
        for (std::size_t j = 0; j < m; ++j) part *= box.upper[j] - std::max(0.0, box.lower[j]);
        volume += part;
      }
      EXPECT_NEAR(volume + study::hypervolume(points, reference), std::pow(1.1, m), 1e-9) << m;
      // They do not overlap.
      for (int draw = 0; draw < 200; ++draw) {
        std::vector<double> at(m);
        for (double& v : at) v = rng.uniform(0.0, 1.1);
        int inside = 0;
        for (const Box& box : boxes) {
          bool within = true;
          for (std::size_t j = 0; j < m; ++j)
            within = within && at[j] >= box.lower[j] && at[j] < box.upper[j];
          inside += within ? 1 : 0;
        }
        EXPECT_LE(inside, 1);
      }
    }
}

TEST(Acquisition, HypervolumeImprovementIsExact) {
  Rng rng(1, "acquisition test");
  for (const std::size_t m : {2, 3}) {
    const Points points = random_front(m, 6, rng);
    const std::vector<double> reference(m, 1.1);
    const auto boxes = improvement_boxes(points, reference);
    std::vector<double> means(m), deviations(m);
    for (std::size_t j = 0; j < m; ++j) {
      means[j] = rng.uniform(0.2, 0.6);
      deviations[j] = rng.uniform(0.1, 0.3);
    }
    // By drawing: what is expected of the volume that a draw adds.
    const double before = study::hypervolume(points, reference);
    double sum = 0.0;
    constexpr int kDraws = 40000;
    for (int k = 0; k < kDraws; ++k) {
      Points with = points;
      with.emplace_back();
      for (std::size_t j = 0; j < m; ++j) with.back().push_back(means[j] + deviations[j] * rng.normal());
      sum += study::hypervolume(with, reference) - before;
    }
    const Score score = log_hypervolume_improvement(boxes, means, deviations, true);
    EXPECT_NEAR(std::exp(score.value), sum / kDraws, 0.03 * sum / kDraws) << m;
    for (std::size_t j = 0; j < m; ++j) {
      auto above = means, below = means;
      above[j] += 1e-6;
      below[j] -= 1e-6;
      EXPECT_NEAR(score.by_mean[j],
                  (log_hypervolume_improvement(boxes, above, deviations, false).value -
                   log_hypervolume_improvement(boxes, below, deviations, false).value) /
                      2e-6,
                  1e-4);
      above = below = deviations;
      above[j] += 1e-6;
      below[j] -= 1e-6;
      EXPECT_NEAR(score.by_deviation[j],
                  (log_hypervolume_improvement(boxes, means, above, false).value -
                   log_hypervolume_improvement(boxes, means, below, false).value) /
                      2e-6,
                  1e-4);
    }
  }
}

TEST(Acquisition, HypervolumeImprovementOfTwoObjectivesIsTheSumOverStrips) {
  // By quadrature over the first objective, the second in closed form.
  const Points front{{0.2, 0.8}, {0.5, 0.5}, {0.7, 0.1}};
  const auto boxes = improvement_boxes(front, {1.0, 1.0});
  for (const auto& [m1, s1, m2, s2] :
       {std::array{0.4, 0.2, 0.4, 0.1}, std::array{0.9, 0.05, 0.9, 0.05}, std::array{0.1, 0.3, 0.95, 0.2}}) {
    const auto ei = [&](double bound) {
      const double z = (bound - m2) / s2;
      return s2 * (std::exp(-0.5 * z * z) / std::sqrt(2.0 * M_PI) + z * 0.5 * std::erfc(-z / std::sqrt(2.0)));
    };
    double total = 0.0;
    const double ends[] = {m1 - 14.0 * s1, 0.2, 0.5, 0.7, 1.0}, heights[] = {1.0, 0.8, 0.5, 0.1};
    for (int strip = 0; strip < 4; ++strip)
      for (int k = 0; k < 4000; ++k) {
        const double width = (ends[strip + 1] - ends[strip]) / 4000.0;
        const double y = ends[strip] + (k + 0.5) * width;
        total += 0.5 * std::erfc(-(y - m1) / s1 / std::sqrt(2.0)) * ei(heights[strip]) * width;
      }
    EXPECT_NEAR(log_hypervolume_improvement(boxes, {m1, m2}, {s1, s2}, false).value, std::log(total), 1e-4);
  }
}

TEST(Acquisition, FarFromAnyImprovementTheScoreStaysFiniteAndPointsDownhill) {
  const auto boxes = improvement_boxes({{0.5, 0.5}}, {1.0, 1.0});
  const Score score = log_hypervolume_improvement(boxes, {5.0, 5.0}, {1e-3, 1e-3}, true);
  EXPECT_TRUE(std::isfinite(score.value));
  EXPECT_LT(score.by_mean[0], 0.0);
  EXPECT_LT(score.by_mean[1], 0.0);
}

}  // namespace
}  // namespace hone::search
