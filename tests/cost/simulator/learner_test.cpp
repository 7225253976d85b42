#include "hone/cost/simulator/learner.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::cost::simulator {
namespace {

IpcPairOptions small() {
  IpcPairOptions options;
  options.fewest = 2e4, options.most = 1.5e5;
  options.least = 2000;
  options.cores_each = 2;
  return options;
}

const std::vector<IpcSample>& pairs() {
  static const std::vector<IpcSample> all = [] {
    std::vector<IpcSample> list;
    for (std::uint64_t kernel = 0; kernel < 90; ++kernel)
      for (IpcSample& one : make_pairs(small(), kernel)) list.push_back(std::move(one));
    return list;
  }();
  return all;
}

TEST(SimulatedIpc, SampledCoresFitTogetherAndRepeat) {
  for (std::uint64_t number = 0; number < 200; ++number) {
    const Core core = sampled_core(5, number);
    EXPECT_NO_THROW(check_core(core)) << number;
    EXPECT_EQ(core, sampled_core(5, number));
  }
}

TEST(SimulatedIpc, FeaturesAreFiniteAndNamed) {
  ASSERT_GT(pairs().size(), 20U);
  for (const IpcSample& one : pairs()) {
    ASSERT_EQ(one.features.size(), ipc_feature_names().size());
    for (const double value : one.features) EXPECT_TRUE(std::isfinite(value));
    EXPECT_GT(one.ipc, 0.0);
    EXPECT_LT(one.portion_instructions, one.instructions);
  }
}

TEST(SimulatedIpc, TheForestIsNearerThanTheMeanOnFamiliesHeldOut) {
  const IpcEvaluation evaluation = evaluate_ipc(pairs());
  ASSERT_EQ(evaluation.scores.size(), 5U);
  EXPECT_EQ(evaluation.scores.front().name, "forest");
  EXPECT_LT(evaluation.scores.front().rmse, 0.8 * evaluation.scores.back().rmse);
  EXPECT_GT(evaluation.scores.front().correlation, 0.7);
}

TEST(SimulatedIpc, AFileGivesTheSameModel) {
  const IpcModel model = IpcModel::fit(pairs(), small(), Json{{"date", "today"}});
  const IpcModel again = IpcModel::parse(model.text(), "ipc.json");
  EXPECT_EQ(again.samples(), model.samples());
  EXPECT_NEAR(again.rmse(), model.rmse(), 1e-12);
  EXPECT_EQ(again.options().portion, model.options().portion);
  EXPECT_EQ(again.provenance()["date"], "today");
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_NEAR(again.predict(pairs()[i].features), model.predict(pairs()[i].features), 0.05);
  EXPECT_EQ(again.text(), IpcModel::parse(again.text(), "ipc.json").text());
}

TEST(SimulatedIpc, WhatIsNoModelIsRefused) {
  const auto error = [](const std::string& text) {
    try {
      (void)IpcModel::parse(text, "ipc.json");
    } catch (const Error& wrong) {
      return std::string(wrong.what());
    }
    return std::string();
  };
  EXPECT_NE(error("{}").find("ipc.json"), std::string::npos);
  EXPECT_NE(error("[1]").find("no model"), std::string::npos);
  EXPECT_NE(error(R"({"format": "hone-simulated-ipc", "version": 99})").find("version"), std::string::npos);
  EXPECT_NE(error(R"({"format": "hone-simulated-ipc", "version": 1, "features": ["a"]})").find("features"),
            std::string::npos);
  EXPECT_THROW((void)IpcModel::fit({}, small()), Error);
  EXPECT_THROW((void)ipc_sample_of("{\"fam", "pairs", 3), Error);
}

TEST(SimulatedIpc, PairsAreAsTheirLinesSay) {
  const IpcSample& one = pairs().front();
  const IpcSample again = ipc_sample_of(ipc_sample_line(one), "pairs", 1);
  EXPECT_EQ(again.family, one.family);
  EXPECT_EQ(again.core, one.core);
  EXPECT_NEAR(again.ipc, one.ipc, 1e-5);
}

TEST(SimulatedIpc, AModelOfImpossibleNumbersIsRefused) {
  Json model = Json::parse(IpcModel::fit(pairs(), small()).text());
  const auto error = [](const Json& json) {
    try {
      (void)IpcModel::parse(json.dump(), "ipc.json");
    } catch (const Error& wrong) {
      return std::string(wrong.what());
    }
    return std::string();
  };
  EXPECT_EQ(error(model), "");
  for (const auto& [key, value] :
       {std::pair{"portion", -3.0}, {"portion", 1.0}, {"least", 0.0}, {"most", 1.0}}) {
    Json wrong = model;
    wrong["pairs_of"][key] = value;
    EXPECT_NE(error(wrong).find("ipc.json"), std::string::npos) << key;
  }
  model["rmse"] = -1.0;
  EXPECT_NE(error(model).find("rmse"), std::string::npos);
}

std::size_t feature_of(const std::string& name) {
  const auto& names = ipc_feature_names();
  const auto found = std::find(names.begin(), names.end(), name);
  EXPECT_NE(found, names.end()) << name;
  return static_cast<std::size_t>(found - names.begin());
}

TEST(SimulatedIpc, NoPredictionIsAboveTheCoresWidth) {
  for (const IpcTarget target : {IpcTarget::ipc, IpcTarget::correction}) {
    const IpcModel model = IpcModel::fit(pairs(), small(), {}, target);
    for (const char* width : {"core.fetch_width", "core.issue_width", "core.retire_width"})
      for (const IpcSample& one : pairs()) {
        std::vector<double> features = one.features;
        features[feature_of(width)] = 0.01;
        EXPECT_LE(model.predict(features), 0.01) << width;
        EXPECT_GT(model.predict(features), 0.0) << width;
      }
  }
  // Nor where they are evaluated: what narrow cores do is predicted from wide ones, and the other way round.
  std::vector<IpcSample> samples;
  for (int i = 0; i < 20; ++i) {
    IpcSample one = pairs().front();
    const double width = i < 10 ? 2.0 : 8.0;
    one.family = i < 10 ? "narrow" : "wide";
    for (const char* key : {"core.fetch_width", "core.issue_width", "core.retire_width", "portion_ipc"})
      one.features[feature_of(key)] = width;
    one.ipc = one.portion_ipc = width;
    samples.push_back(one);
  }
  const IpcEvaluation evaluation = evaluate_ipc(samples);
  EXPECT_NEAR(evaluation.scores[0].mean_error, 0.5 * 0.75, 1e-9) << "the narrow ones are right";
}

TEST(SimulatedIpc, SaysWhatOfACoreWasNotLearned) {
  const IpcModel model = IpcModel::parse(IpcModel::fit(pairs(), small()).text(), "ipc.json");
  for (const IpcSample& one : pairs())
    EXPECT_TRUE(model.outside(sampled_core(small().seed, one.core)).empty()) << one.core;
  Core core = sampled_core(small().seed, pairs().front().core);
  core.fetch_width = 1.0;
  core.predictor = 0.0;
  core.line_bytes = 128.0;
  const std::vector<IpcOutside> outside = model.outside(core);
  ASSERT_EQ(outside.size(), 3U);
  EXPECT_EQ(outside[0].key->name, "fetch_width");
  EXPECT_EQ(outside[0].value, 1.0);
  EXPECT_EQ(outside[0].low, 2.0);
  EXPECT_EQ(outside[0].high, 8.0);
  EXPECT_EQ(outside[1].key->name, "branch.predictor");
  EXPECT_EQ(outside[2].key->name, "line_bytes");
}

TEST(SimulatedIpc, OfAKernelThatIsStoppedNoPairIsKept) {
  IpcPairOptions options = small();
  options.fewest = 2e5, options.most = 1e7;
  std::uint64_t kernel = 0;
  while (make_pairs(options, kernel).empty()) ++kernel;
  int asked = 0;
  EXPECT_TRUE(make_pairs(options, kernel, [&] { return ++asked, false; }).empty());
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace hone::cost::simulator
