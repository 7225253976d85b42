#include "hone/run/effects.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "hone/base/rng.h"

namespace hone::run {
namespace {

using space::Config;
using space::Space;

/// `n` uniform configs of the space with the values of a function.
struct Observed {
  std::vector<Config> configs;
  std::vector<EffectModel::Observation> observations;
  template <typename Function>
  Observed(const Space& space, int n, Function function) {
    Rng rng(7, "observed");
    for (int i = 0; i < n; ++i) configs.push_back(space.sample(rng));
    for (const Config& config : configs) observations.push_back({&config, function(config)});
  }
};

const Effect& of(const std::vector<Effect>& effects, const Space& space, const std::string& name) {
  for (const Effect& effect : effects)
    if (space.parameter(effect.parameter).name == name) return effect;
  throw std::runtime_error("no effect of " + name);
}

TEST(Effects, OfManyParametersThoseAskedForAreTakenApart) {
  Space::Builder builder;
  for (int i = 0; i < 6; ++i) builder.real("x" + std::to_string(i), 0, 1);
  const Space space = builder.build();
  const Observed seen(space, 300,
                      [](const Config& c) { return 3.0 * c.real("x4") * c.real("x2") + c.real("x1"); });
  const EffectModel model(space, seen.observations, 1);
  const auto all = model.effects(), few = model.effects(2, 1);
  ASSERT_EQ(few.size(), all.size());
  EXPECT_FALSE(all.back().shape.empty());
  for (std::size_t i = 0; i < few.size(); ++i) {
    EXPECT_EQ(few[i].shape.empty(), i >= 1) << i;
    const Effect& same = of(all, space, space.parameter(few[i].parameter).name);
    EXPECT_EQ(few[i].share, same.share);
    EXPECT_EQ(few[i].total, i < 2 ? same.total : same.share) << i;
  }
}

/// Ishigami and Homma 1990, with a = 7, b = 0.1; indices as in Saltelli et al. 2008, section 4.6.
TEST(Effects, FindIshigamisSensitivities) {
  const Space space =
      Space::Builder().real("x", 0, 1).real("y", 0, 1).real("z", 0, 1).real("dummy", 0, 1).build();
  const Observed seen(space, 2500, [](const Config& c) {
    const auto angle = [&](const char* name) { return (2.0 * c.real(name) - 1.0) * std::numbers::pi; };
    return std::sin(angle("x")) + 7.0 * std::pow(std::sin(angle("y")), 2) +
           0.1 * std::pow(angle("z"), 4) * std::sin(angle("x"));
  });
  const EffectModel model(space, seen.observations, 1);
  ASSERT_EQ(model.lacking(), "");
  EXPECT_GT(model.explained(), 0.9);
  const auto effects = model.effects();
  ASSERT_EQ(effects.size(), 4u);
  EXPECT_NEAR(of(effects, space, "x").share, 0.314, 0.05);
  EXPECT_NEAR(of(effects, space, "y").share, 0.442, 0.06);
  EXPECT_NEAR(of(effects, space, "z").share, 0.0, 0.02);
  EXPECT_NEAR(of(effects, space, "x").total, 0.558, 0.08);
  EXPECT_NEAR(of(effects, space, "y").total, 0.442, 0.08);
  EXPECT_NEAR(of(effects, space, "z").total, 0.244, 0.08);
  EXPECT_LT(of(effects, space, "dummy").total, 0.01);
  EXPECT_EQ(space.parameter(effects.back().parameter).name, "dummy");
  // The marginal of y: 7 sin^2 plus the mean of the rest, which is 0.
  for (const auto& level : of(effects, space, "y").shape) {
    const double angle = (2.0 * level.position - 1.0) * std::numbers::pi;
    EXPECT_NEAR(level.mean, 7.0 * std::pow(std::sin(angle), 2), 0.8) << level.position;
    EXPECT_GT(level.spread, 0.0);
    EXPECT_GT(level.trials, 80);
  }
}

/// y = log10(lr) + 2 [mixer is b] + log2(heads) + noise: variances 4/12 * 4/... by hand.
TEST(Effects, KnowLogarithmsCategoriesAndOrders) {
  const Space space =
      Space::Builder()
          .real("lr", 1e-4, 1e-2, {.log = true})
          .choice("mixer", {Value(std::string("a")), Value(std::string("b")), Value(std::string("c"))})
          .choice("heads", {Value(std::int64_t{1}), Value(std::int64_t{2}), Value(std::int64_t{4}),
                            Value(std::int64_t{8})})
          .flag("tied")
          .integer("depth", 1, 3)
          .build();
  const Observed seen(space, 1500, [](const Config& c) {
    return 2.0 * std::log10(c.real("lr")) + 3.0 * (c.text("mixer") == "b") +
           std::log2(static_cast<double>(c.integer("heads"))) + 0.5 * (c.flag("tied") ? 1.0 : 0.0);
  });
  const EffectModel model(space, seen.observations, 1);
  const auto effects = model.effects();
  const double lr = 16.0 / 12.0, mixer = 9.0 * 2.0 / 9.0, heads = 15.0 / 12.0, tied = 0.25 * 0.25;
  const double all = lr + mixer + heads + tied;
  EXPECT_NEAR(of(effects, space, "lr").share, lr / all, 0.05);
  EXPECT_NEAR(of(effects, space, "mixer").share, mixer / all, 0.05);
  EXPECT_NEAR(of(effects, space, "heads").share, heads / all, 0.05);
  EXPECT_NEAR(of(effects, space, "tied").share, tied / all, 0.02);
  EXPECT_LT(of(effects, space, "depth").total, 0.01);
  const auto& shape = of(effects, space, "mixer").shape;
  ASSERT_EQ(shape.size(), 3u);
  EXPECT_EQ(value_text(shape[1].value), "b");
  EXPECT_NEAR(shape[1].mean - shape[0].mean, 3.0, 0.3);
  EXPECT_EQ(of(effects, space, "heads").shape.size(), 4u);
  EXPECT_EQ(of(effects, space, "depth").shape.size(), 3u);
  EXPECT_EQ(of(effects, space, "lr").shape.size(), 16u);
  std::int64_t counted = 0;
  for (const auto& level : of(effects, space, "lr").shape) counted += level.trials;
  EXPECT_EQ(counted, 1500);
}

TEST(Effects, AConditionalParameterCountsWhereItIsActive) {
  const Space space = Space::Builder()
                          .choice("kind", {Value(std::string("plain")), Value(std::string("rich"))})
                          .real("size", 0, 1, {.when = "kind == 'rich'"})
                          .real("idle", 0, 1, {.when = "kind == 'rich'"})
                          .build();
  const Observed seen(space, 1000,
                      [](const Config& c) { return c.has("size") ? 1.0 + 4.0 * c.real("size") : 0.0; });
  const EffectModel model(space, seen.observations, 1);
  const auto effects = model.effects();
  const Effect& size = of(effects, space, "size");
  EXPECT_NEAR(static_cast<double>(size.active), 500.0, 60.0);
  EXPECT_NEAR(size.shape.front().mean, 1.1, 0.4);
  EXPECT_NEAR(size.shape.back().mean, 4.9, 0.4) << "where it is active, not thinned by where it is not";
  // Being active at all belongs to its parent: of 3 mean difference, variance 2.25; of size within:
  // (16/12)/2, of which half is interaction.
  EXPECT_NEAR(of(effects, space, "kind").share, 2.25 / (2.25 + 2.0 / 3.0), 0.06);
  EXPECT_NEAR(size.share, (1.0 / 3.0) / (2.25 + 2.0 / 3.0), 0.05);
  EXPECT_NEAR(size.total, (2.0 / 3.0) / (2.25 + 2.0 / 3.0), 0.07);
  EXPECT_LT(of(effects, space, "idle").total, 0.01);
}

TEST(Effects, OutliersAreClippedAndLittleIsAdmitted) {
  const Space space = Space::Builder().real("x", 0, 1).real("y", 0, 1).build();
  Observed seen(space, 300, [](const Config& c) { return c.real("x"); });
  seen.observations[17].value = 1e9;
  const EffectModel model(space, seen.observations, 1);
  EXPECT_EQ(model.clipped(), 1);
  EXPECT_GT(of(model.effects(), space, "x").share, 0.85);

  const Observed few(space, 19, [](const Config& c) { return c.real("x"); });
  EXPECT_NE(EffectModel(space, few.observations, 1).lacking(), "");
  EXPECT_TRUE(EffectModel(space, few.observations, 1).effects().empty());
  const Observed flat(space, 100, [](const Config&) { return 3.0; });
  EXPECT_EQ(EffectModel(space, flat.observations, 1).lacking(), "it is the same in all trials");
  const Config stranger({{"other", Value(1.0)}});
  Observed mixed(space, 30, [](const Config& c) { return c.real("x"); });
  mixed.observations.push_back({&stranger, 5.0});
  EXPECT_EQ(EffectModel(space, mixed.observations, 1).observations(), 30);
}

TEST(Effects, APathSetsTheStrongestParameterFirst) {
  const Space space = Space::Builder().real("a", 0, 1).real("b", 0, 1).real("c", 0, 1).build();
  const Observed seen(space, 1200,
                      [](const Config& c) { return 10.0 - 1.0 * c.real("a") - 5.0 * c.real("b"); });
  const EffectModel model(space, seen.observations, 1);
  const Config from({{"a", Value(0.1)}, {"b", Value(0.1)}, {"c", Value(0.5)}});
  const Config to({{"a", Value(0.9)}, {"b", Value(0.9)}, {"c", Value(0.5)}});
  const auto path = model.path(from, to, true);
  ASSERT_EQ(path.size(), 2u) << "c does not differ";
  EXPECT_EQ(path[0].first, 1u);
  EXPECT_NEAR(path[0].second, -4.0, 0.6);
  EXPECT_NEAR(path[1].second, -0.8, 0.4);
  EXPECT_NEAR(model.predict(from) + path[0].second + path[1].second, model.predict(to), 1e-9);
}

}  // namespace
}  // namespace hone::run
