#include "hone/search/parzen.h"

#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

constexpr float kLacking = std::numeric_limits<float>::quiet_NaN();

std::vector<Axis> axes_of(const space::Space& space) {
  std::vector<Axis> axes;
  for (const auto& parameter : space.parameters()) axes.emplace_back(parameter);
  return axes;
}

Codes codes_of(const std::vector<Axis>& axes, const space::Point& point) {
  Codes codes;
  for (std::size_t i = 0; i < axes.size(); ++i) codes.push_back(axes[i].code(point[i]));
  return codes;
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// The density as its declaration says it, for `n` components of weight `weights`.
double plain_density(const std::vector<Axis>& axes, const std::vector<Codes>& components,
                     const std::vector<double>& weights, double prior_weight, const Codes& x) {
  const double n = static_cast<double>(components.size()), d = static_cast<double>(axes.size());
  const double sigma = std::max(0.15 * std::pow(n, -1.0 / (d + 4.0)), 1.0 / std::min(100.0, n + 1.0));
  const double share = prior_weight / (n + 1.0);
  double prior = prior_weight, total = prior_weight, sum = 0.0;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (!std::isnan(x[i]) && axes[i].is_table()) prior *= axes[i].prior(static_cast<int>(x[i]));
  for (std::size_t j = 0; j < components.size(); ++j) {
    double product = weights[j];
    total += weights[j];
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const Axis& axis = axes[i];
      if (std::isnan(x[i])) continue;
      const float own = components[j][i];
      if (!axis.is_table()) {
        if (std::isnan(own)) continue;
        const double s = std::sqrt(sigma * sigma + axis.cell() * axis.cell() / 12);
        const double z = (x[i] - own) / s;
        const double inside = normal_cdf((1 - own) / s) - normal_cdf(-own / s);
        product *= std::exp(-z * z / 2) / (inside * s * std::sqrt(2 * std::numbers::pi));
        continue;
      }
      const int k = static_cast<int>(x[i]);
      if (std::isnan(own)) {
        product *= axis.prior(k);
      } else if (axis.is_categorical()) {
        product *= (share + (x[i] == own)) / (1.0 + axis.size() * share);
      } else {
        const double mu = axis.entry(own);
        product *= (normal_cdf((axis.edge(k + 1) - mu) / sigma) - normal_cdf((axis.edge(k) - mu) / sigma)) /
                   (normal_cdf((1 - mu) / sigma) - normal_cdf(-mu / sigma));
      }
    }
    sum += product;
  }
  return std::log((sum + prior) / total);
}

TEST(Axis, CodesAndPositionsAgreeWithTheSpace) {
  const auto space = mixed_space();
  const auto axes = axes_of(space);
  Rng rng(1, "axis");
  for (int i = 0; i < 300; ++i) {
    const auto config = space.sample(rng);
    const auto point = space.encode(config);
    space::Point back;
    for (std::size_t k = 0; k < axes.size(); ++k) back.push_back(axes[k].entry(axes[k].code(point[k])));
    for (std::size_t k = 0; k < axes.size(); ++k) {
      ASSERT_EQ(std::isnan(back[k]), std::isnan(point[k]));
      if (std::isnan(back[k])) continue;
      EXPECT_NEAR(back[k], point[k], 1e-6) << space.parameter(k).name;
    }
  }
  EXPECT_TRUE(axes[1].is_table());   // layers: 6 values
  EXPECT_FALSE(axes[2].is_table());  // width: too many
  double sum = 0.0;
  for (int k = 0; k < axes[1].size(); ++k) sum += axes[1].prior(k);
  EXPECT_NEAR(sum, 1.0, 1e-12);
  std::vector<Value> many;
  for (std::int64_t i = 0; i < 300; ++i) many.push_back(i);
  const auto wide = space::Space::Builder().choice("c", many).build();
  const Axis choices(wide.parameter(0));
  EXPECT_TRUE(choices.is_wide());
  EXPECT_FALSE(choices.is_table());
  EXPECT_EQ(choices.entry(choices.code(299.0)), 299.0);
  // Its kernels are those of a table: what was seen keeps most, the others share the rest.
  const std::vector<Axis> one{choices};
  Parzen parzen(one, 1.0);
  for (int i = 0; i < 40; ++i) parzen.add({7.0f}, 1.0);
  parzen.add({std::numeric_limits<float>::quiet_NaN()}, 1.0);
  parzen.fit();
  double all = 0.0;
  for (int k = 0; k < 300; ++k) all += std::exp(parzen.log_density({static_cast<float>(k)}));
  EXPECT_NEAR(all, 1.0, 1e-4);
  EXPECT_GT(parzen.log_density({7.0f}), parzen.log_density({8.0f}) + 3.0);
  Rng choosing(1, "draw", 0);
  int seen = 0;
  for (int i = 0; i < 300; ++i) seen += parzen.draw(choosing)[0] == 7.0f ? 1 : 0;
  EXPECT_GT(seen, 15);
}

TEST(Parzen, FastDensityIsThePlainOne) {
  const auto space = mixed_space();
  const auto axes = axes_of(space);
  Rng rng(2, "parzen");
  // Sizes at which the bandwidths' 5% steps fall on the size itself.
  for (const std::size_t n : {1, 2, 3, 4, 5}) {
    Parzen parzen(axes, 1.5);
    std::vector<Codes> components;
    std::vector<double> weights;
    for (std::size_t j = 0; j < n; ++j) {
      components.push_back(codes_of(axes, space.encode(space.sample(rng))));
      weights.push_back(j % 3 == 2 ? 0.0 : 0.5 + rng.uniform());
      parzen.add(components.back(), weights.back());
    }
    parzen.fit();
    for (int i = 0; i < 50; ++i) {
      const Codes x = codes_of(axes, space.encode(space.sample(rng)));
      const double expected = plain_density(axes, components, weights, 1.5, x);
      EXPECT_NEAR(parzen.log_density(x), expected, 2e-3 + 1e-3 * std::abs(expected)) << n;
    }
  }
}

TEST(Parzen, ChangesInPlaceEqualAFreshOne) {
  const auto space = mixed_space();
  const auto axes = axes_of(space);
  Rng rng(3, "parzen");
  Parzen edited(axes, 1.0);
  std::vector<Codes> components;
  std::vector<double> weights;
  for (int step = 0; step < 400; ++step) {
    if (components.size() > 3 && rng.below(3) == 0) {
      const std::size_t slot = rng.below(components.size());
      edited.remove(slot);
      components[slot] = components.back();
      weights[slot] = weights.back();
      components.pop_back();
      weights.pop_back();
    } else {
      components.push_back(codes_of(axes, space.encode(space.sample(rng))));
      weights.push_back(1.0);
      edited.add(components.back(), 1.0);
    }
    const std::size_t slot = rng.below(components.size());
    weights[slot] = weights[slot] > 0.0 ? 0.0 : 1.0;
    edited.set_weight(slot, weights[slot]);
    edited.fit();
  }
  Parzen fresh(axes, 1.0);
  for (std::size_t j = 0; j < components.size(); ++j) fresh.add(components[j], weights[j]);
  fresh.fit();
  ASSERT_EQ(edited.size(), fresh.size());
  for (int i = 0; i < 50; ++i) {
    const Codes x = codes_of(axes, space.encode(space.sample(rng)));
    EXPECT_NEAR(edited.log_density(x), fresh.log_density(x), 1e-5);
  }
}

TEST(Parzen, DrawsHaveTheDensity) {
  const auto space = space::Space::Builder()
                         .real("x", 0.0, 1.0)
                         .integer("n", 1, 4)
                         .choice("c", {std::string("a"), std::string("b")})
                         .build();
  const auto axes = axes_of(space);
  Parzen parzen(axes, 0.5);
  parzen.add({0.1f, 0.0f, 1.0f}, 1.0);
  parzen.add({0.8f, 2.0f, 0.0f}, 2.0);
  parzen.add({0.95f, 3.0f, 0.0f}, 0.5);
  parzen.fit();
  Rng rng(4, "draws");
  constexpr int kBins = 5, kDraws = 100000, kFine = 200;
  std::map<std::tuple<int, int, int>, int> counts;
  for (int i = 0; i < kDraws; ++i) {
    const Codes x = parzen.draw(rng);
    ++counts[{std::min(kBins - 1, static_cast<int>(x[0] * kBins)), static_cast<int>(x[1]),
              static_cast<int>(x[2])}];
  }
  double total = 0.0;
  for (int bin = 0; bin < kBins; ++bin)
    for (int n = 0; n < 4; ++n)
      for (int c = 0; c < 2; ++c) {
        double mass = 0.0;
        for (int i = 0; i < kFine; ++i)
          mass += std::exp(parzen.log_density({static_cast<float>((bin + (i + 0.5) / kFine) / kBins),
                                               static_cast<float>(n), static_cast<float>(c)})) /
                  (kBins * kFine);
        total += mass;
        EXPECT_NEAR(counts[std::make_tuple(bin, n, c)], mass * kDraws, 5 * std::sqrt(mass * kDraws) + 5);
      }
  EXPECT_NEAR(total, 1.0, 2e-3);
}

TEST(Parzen, WhatAComponentLacksComesFromThePrior) {
  const auto space = space::Space::Builder()
                         .choice("c", {std::string("a"), std::string("b")})
                         .real("x", 0.0, 1.0, {.when = "c == 'b'"})
                         .build();
  const auto axes = axes_of(space);
  Parzen parzen(axes, 1e-6);
  parzen.add({0.0f, kLacking}, 1.0);
  parzen.fit();
  EXPECT_NEAR(parzen.log_density({1.0f, 0.1f}), parzen.log_density({1.0f, 0.9f}), 1e-6);
  Rng rng(5, "lacking");
  double sum = 0.0;
  for (int i = 0; i < 10000; ++i) sum += parzen.draw(rng)[1];
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

}  // namespace
}  // namespace hone::search
