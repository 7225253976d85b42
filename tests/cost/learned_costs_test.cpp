#include "hone/cost/learned_costs.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::cost {
namespace {

/// Functions whose cost follows from what they do, in four families.
std::vector<CostSample> samples() {
  std::vector<CostSample> list;
  Rng rng(1, "learned", 0);
  for (int i = 0; i < 240; ++i) {
    const int n = 4 + static_cast<int>(rng.below(200)), m = 4 + static_cast<int>(rng.below(60));
    const char* operation[] = {"addf", "mulf", "divf", "subf"};
    const mlir::Module module = mlir::parse(fmt::format(
        "func.func @f(%A: memref<{0}x{1}xf32>) {{\naffine.for %i = 0 to {0} {{\naffine.for %j = 0 to {1} {{\n"
        "%x = affine.load %A[%i, %j] : memref<{0}x{1}xf32>\n%y = arith.{2} %x, %x : f32\n"
        "affine.store %y, %A[%i, %j] : memref<{0}x{1}xf32>\n}}\n}}\nreturn\n}}",
        n, m, operation[i % 4]));
    CostSample sample;
    sample.features = mlir::features(module, module.functions()[0]);
    sample.family = operation[i % 4];
    const double steps = static_cast<double>(n) * m;
    sample.targets = {
        {"run_s", 1e-9 * steps * (1.0 + (i % 4 == 2 ? 3.0 : 0.0)) * std::exp(0.05 * rng.normal())},
        {"instructions", 5.0 * steps + 20.0}};
    list.push_back(sample);
  }
  return list;
}

TEST(LearnedCosts, AllTargetsWithErrorBars) {
  const std::vector<CostSample> all = samples();
  LearnedCostOptions options;
  options.boosting.trees = 150;
  options.boosting.learning_rate = 0.1;
  options.members = 1;
  options.folds = 4;
  LearnedCosts model = LearnedCosts::fit(all, options);
  model.provenance["machine"] = "a test";
  EXPECT_EQ(model.targets(), (std::vector<std::string>{"instructions", "run_s"}));
  double worst = 0.0, mean = 0.0;
  for (const CostSample& sample : all)
    for (const PredictedCost& cost : model.predict(sample.features)) {
      EXPECT_LE(cost.low, cost.value);
      EXPECT_GE(cost.high, cost.value);
      if (cost.target != "run_s") continue;
      const double error = std::abs(std::log(cost.value / sample.targets.at("run_s")));
      worst = std::max(worst, error);
      mean += error / static_cast<double>(all.size());
    }
  EXPECT_LT(worst, 0.4);
  EXPECT_LT(mean, 0.08);
  // Divisions were never seen where they were held out, so the error bars know of them.
  const PredictedCost run = model.predict(all[0].features)[1];
  EXPECT_GT(run.high / run.value, 1.5);
  // Where all times were disturbed they are the only measure there is.
  std::vector<CostSample> noisy = all;
  for (CostSample& sample : noisy) sample.disturbed = true;
  const PredictedCost unsure = LearnedCosts::fit(noisy, options).predict(all[0].features)[1];
  EXPECT_GT(unsure.high / unsure.value, 1.5);
  const LearnedCosts read = LearnedCosts::from_json(Json::parse(model.json().dump()));
  EXPECT_EQ(read.provenance["machine"], "a test");
  EXPECT_DOUBLE_EQ(read.predict(all[3].features)[1].value, model.predict(all[3].features)[1].value);
}

TEST(LearnedCosts, RatesAreWhatIsDoneOverTheTime) {
  std::vector<CostSample> all = samples();
  for (CostSample& sample : all)
    sample.targets["flops_per_s"] = sample.features.at("flops") / sample.targets.at("run_s");
  LearnedCostOptions options;
  options.boosting = {.trees = 150, .learning_rate = 0.1};
  options.folds = 0;
  options.targets = {"flops_per_s"};
  const LearnedCosts model = LearnedCosts::fit(all, options);
  double off = 0.0;
  for (const CostSample& sample : all)
    off += std::abs(model.predict(sample.features, 0) / sample.targets.at("flops_per_s") - 1.0);
  EXPECT_LT(off / static_cast<double>(all.size()), 0.1);
  const LearnedCosts read = LearnedCosts::from_json(Json::parse(model.json().dump()));
  EXPECT_DOUBLE_EQ(read.predict(all[3].features, 0), model.predict(all[3].features, 0));

  // The file without the time that they are over.
  Json timeless = model.json();
  timeless.erase("time");
  EXPECT_THROW(LearnedCosts::from_json(timeless), Error);

  // Without times they are learned as they are.
  for (CostSample& sample : all) sample.targets.erase("run_s");
  const LearnedCosts alone = LearnedCosts::fit(all, options);
  EXPECT_NEAR(std::log(alone.predict(all[0].features, 0) / all[0].targets.at("flops_per_s")), 0.0, 0.5);
}

TEST(LearnedCosts, ManyFunctionsAreEachWhatTheyAreAlone) {
  std::vector<CostSample> all = samples();
  for (CostSample& sample : all) {
    sample.targets["flops_per_s"] = sample.features.at("flops") / sample.targets.at("run_s");
    sample.targets["bytes_per_s"] = 2.0 * sample.targets.at("flops_per_s");
    sample.targets["registers"] = 3.0;
  }
  LearnedCostOptions options;
  options.boosting = {.trees = 20, .learning_rate = 0.1};
  options.folds = 2;
  const LearnedCosts model = LearnedCosts::fit(all, options);
  ASSERT_EQ(model.targets().size(), 5U);
  std::vector<mlir::Features> functions;
  for (const CostSample& sample : all) functions.push_back(sample.features);
  const auto together = model.predict(functions);
  ASSERT_EQ(together.size(), functions.size());
  for (std::size_t i = 0; i < functions.size(); i += 7) {
    const std::vector<PredictedCost> alone = model.predict(functions[i]);
    ASSERT_EQ(alone.size(), together[i].size());
    for (std::size_t t = 0; t < alone.size(); ++t) {
      EXPECT_EQ(alone[t].target, together[i][t].target);
      EXPECT_EQ(alone[t].value, together[i][t].value);
      EXPECT_EQ(alone[t].value, model.predict(functions[i], t));
      EXPECT_EQ(alone[t].high, together[i][t].high);
    }
  }
  EXPECT_TRUE(model.predict(std::span<const mlir::Features>{}).empty());
  // One time in the file, whatever the number of rates.
  const Json json = model.json();
  EXPECT_TRUE(json.contains("time"));
  for (const Json& target : json["targets"]) EXPECT_FALSE(target.contains("time"));
}

TEST(LearnedCosts, SmallCountsAreWhatTheyAre) {
  std::vector<CostSample> all = samples();
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i].targets["spills"] = i % 4 == 2 ? 2.0 : 0.0;  // divisions
  for (std::size_t i = 0; i < all.size(); ++i) all[i].family = i % 8 < 4 ? "a" : "b";
  LearnedCostOptions options;
  options.boosting = {.trees = 150, .learning_rate = 0.1};
  options.folds = 2;
  options.targets = {"spills"};
  const LearnedCosts model = LearnedCosts::fit(all, options);
  const PredictedCost none = model.predict(all[0].features)[0], some = model.predict(all[2].features)[0];
  EXPECT_NEAR(none.value, 0.0, 0.3);
  EXPECT_NEAR(some.value, 2.0, 0.3);
  EXPECT_LT(some.high, 4.0) << "what is 0 and said to be next to nothing is no error";
}

TEST(LearnedCosts, OfOneFamilyGroupsAreHeldOutAndOfOneGroupFunctions) {
  std::vector<CostSample> all = samples();
  LearnedCostOptions options;
  options.boosting = {.trees = 20, .learning_rate = 0.1};
  options.targets = {"run_s"};
  const auto learned = [&](std::size_t count) {
    return LearnedCosts::fit(std::span(all).first(count), options);
  };
  const auto bar = [&](const LearnedCosts& model) { return model.predict(all[0].features)[0]; };
  EXPECT_EQ(learned(all.size()).held_out, "families") << "four, though five parts were asked for";
  EXPECT_GT(bar(learned(all.size())).high, bar(learned(all.size())).value);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].family = "one";
    all[i].group = i % 4 == 2 ? "divided" : "other";
  }
  const LearnedCosts groups = learned(80);
  EXPECT_EQ(groups.held_out, "groups");
  EXPECT_GT(bar(groups).high / bar(groups).value, 1.5) << "divisions were not seen where they were held out";
  for (CostSample& sample : all) sample.group = "one";
  const LearnedCosts single = learned(80);
  EXPECT_EQ(single.held_out, "functions");
  EXPECT_GT(bar(single).high, bar(single).value);
  EXPECT_LT(bar(single).high / bar(single).value, bar(groups).high / bar(groups).value);
  EXPECT_EQ(LearnedCosts::from_json(Json::parse(single.json().dump())).held_out, "functions");
}

TEST(LearnedCosts, NoErrorBarWhereTooFewAreHeldOut) {
  const std::vector<CostSample> all = samples();
  LearnedCostOptions options;
  options.boosting = {.trees = 5, .learning_rate = 0.1};
  for (const std::size_t count : {1u, 2u, 8u}) {
    const LearnedCosts model = LearnedCosts::fit(std::span(all).first(count), options);
    EXPECT_EQ(model.held_out, count == 1 ? "nothing" : "families");
    const LearnedCosts read = LearnedCosts::from_json(Json::parse(model.json().dump()));
    for (const PredictedCost& cost : read.predict(all[0].features)) {
      EXPECT_TRUE(std::isfinite(cost.value)) << count;
      EXPECT_TRUE(std::isnan(cost.low) && std::isnan(cost.high)) << count << ' ' << cost.target;
    }
  }
}

TEST(LearnedCosts, RefuseWhatTheyDoNotKnow) {
  EXPECT_THROW(LearnedCosts::fit({}), Error);
  LearnedCostOptions options;
  options.boosting.trees = 2;
  options.folds = 0;
  const LearnedCosts model = LearnedCosts::fit(samples(), options);
  options.targets = {"run_z"};
  try {
    LearnedCosts::fit(samples(), options);
    FAIL() << "learned";
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("run_s"), std::string::npos) << error.what();
  }
  options.targets = {"run_s", "run_s"};
  EXPECT_EQ(LearnedCosts::fit(samples(), options).targets(), std::vector<std::string>{"run_s"});
  Json json = model.json();
  json["version"] = 99;
  EXPECT_THROW(LearnedCosts::from_json(json), Error);
  json["version"] = 1;
  EXPECT_THROW(LearnedCosts::from_json(json), Error) << "of an earlier version";
  json = model.json();
  json["features"].erase(0);
  EXPECT_THROW(LearnedCosts::from_json(json), Error);
  EXPECT_THROW(LearnedCosts::from_json(Json::parse("[1]")), Error);
  EXPECT_THROW(LearnedCosts::from_json(Json{{"format", 1}}), Error) << "of another type";
  json = model.json();
  json["provenance"] = 3;
  EXPECT_THROW(LearnedCosts::from_json(json), Error);
}

}  // namespace
}  // namespace hone::cost
