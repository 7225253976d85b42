#include "hone/run/report_data.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "hone/run/cost_pairs.h"
#include "hone/run/gains.h"
#include "hone/run/report.h"
#include "hone/run/summary.h"
#include "made_study.h"

namespace hone::run {
namespace {

using test::made_study;
using test::MadeStudy;

/// What the page makes of a packed column.
std::vector<Json> unpacked(const Json& packed, std::size_t n) {
  std::vector<Json> values(n);
  if (packed.is_null()) return values;
  if (packed.is_array()) return packed.get<std::vector<Json>>();
  if (packed.contains("c")) return std::vector<Json>(n, packed["c"]);
  for (std::size_t at = 0; at < packed["v"].size(); ++at) {
    const std::size_t row = packed.contains("i") ? packed["i"][at].get<std::size_t>() : at;
    const Json& value = packed["v"][at];
    if (packed.contains("k"))
      values[row] = value.get<int>() >= 0 ? packed["k"][value.get<std::size_t>()] : Json(nullptr);
    else
      values[row] = value;
  }
  return values;
}

TEST(PackedColumn, GivesBackWhatWasPutIn) {
  const std::vector<std::vector<Json>> columns{
      {},
      {nullptr, nullptr},
      {3, 3, 3},
      {1, 2.5, nullptr, 4},
      {"a", "b", nullptr, "a", true},
      {"nan", 1, 2},
      {nullptr, nullptr, nullptr, nullptr, 7, nullptr},
      {nullptr, nullptr, nullptr, nullptr, "x", "y"},
      {1, "1", 1},
  };
  for (const auto& column : columns)
    EXPECT_EQ(unpacked(packed_column(column), column.size()), column) << Json(column).dump();
  EXPECT_EQ(packed_column({3, 3, 3}).dump(), R"({"c":3})");
}

TEST(ReportData, HoldsEveryTrialOfASmallStudy) {
  const MadeStudy made = made_study(300, 2);
  const Json data = report_json(*made.study, made.file);
  const Json& trials = data["trials"];
  ASSERT_EQ(trials["rows"], 300);
  EXPECT_FALSE(trials.contains("sampled"));
  const auto state = unpacked(trials["state"], 300), layers = unpacked(trials["config"]["layers"], 300);
  const auto tokens = unpacked(trials["config"]["tokens"], 300),
             bits = unpacked(trials["measures"]["bits_per_char"], 300);
  for (const auto& trial : made.study->trials()) {
    const auto row = static_cast<std::size_t>(trial.id);
    EXPECT_EQ(state[row], state_name(trial.state));
    EXPECT_EQ(layers[row], trial.config.integer("layers"));
    EXPECT_EQ(tokens[row].is_null(), !trial.config.has("tokens"));
    if (trial.last() != nullptr) {
      EXPECT_NEAR(bits[row].get<double>(), *trial.last()->measures.find("bits_per_char"), 1e-5);
    }
  }
  EXPECT_EQ(data["gains"]["trial"], 0);
  EXPECT_EQ(data["effects"].size(), 2u);
  std::int64_t failures = 0;
  for (const auto& group : data["failures"]) failures += group["count"].get<std::int64_t>();
  EXPECT_EQ(failures, made.study->count(study::TrialState::failed) +
                          made.study->count(study::TrialState::infeasible) +
                          made.study->count(study::TrialState::stale));
}

TEST(ReportData, ALargeStudyStaysBoundedAndSaysSo) {
  const MadeStudy made = made_study(30000, 2);
  const Json data = report_json(*made.study, made.file);
  const Json& trials = data["trials"];
  const auto rows = trials["rows"].get<std::size_t>();
  EXPECT_LE(rows, 20000u);
  EXPECT_GE(rows, 15000u);
  EXPECT_EQ(trials["total"], 30000);
  EXPECT_LT(trials["sampled"].get<std::size_t>(), rows) << "the best are no sample";
  EXPECT_LT(report_page(data).size(), 6000000u);
  const auto ids = unpacked(trials["id"], rows);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  for (const auto& id : data["front"]) EXPECT_NE(std::find(ids.begin(), ids.end(), id), ids.end()) << id;
  for (const auto& group : data["failures"])
    for (const auto& reason : group["reasons"])
      for (const auto& id : reason["trials"])
        EXPECT_NE(std::find(ids.begin(), ids.end(), id), ids.end()) << id;
  // The sample is even over the study: every tenth of it has about its part.
  for (int tenth = 0; tenth < 10; ++tenth) {
    const auto part =
        std::count_if(ids.begin(), ids.end(), [&](const Json& id) { return id.get<int>() / 3000 == tenth; });
    EXPECT_NEAR(static_cast<double>(part), static_cast<double>(rows) / 10.0,
                0.08 * static_cast<double>(rows) / 10.0);
  }
  EXPECT_LE(trials["curves"].size(), 450u);
  const std::set<std::int64_t> none;
  EXPECT_EQ(report_trials(*made.study, made.file, none), report_trials(*made.study, made.file, none))
      << "the choice depends on the seed alone";
}

TEST(ReportData, TheHypervolumeOnlyGrowsAndEndsWhereTheFrontIs) {
  for (const std::size_t objectives : {std::size_t{2}, std::size_t{3}}) {
    const MadeStudy made = made_study(2000, objectives);
    const Json history = hypervolume_history(*made.study);
    ASSERT_GT(history.size(), 3u);
    for (std::size_t k = 1; k < history.size(); ++k) {
      EXPECT_GT(history[k][0].get<int>(), history[k - 1][0].get<int>());
      EXPECT_GE(history[k][1].get<double>(), history[k - 1][1].get<double>());
      EXPECT_GE(history[k][2].get<double>(), history[k - 1][2].get<double>());
    }
    EXPECT_NEAR(history.back()[2].get<double>(), front_hypervolume(*made.study), 1e-12);
  }
  EXPECT_TRUE(hypervolume_history(*made_study(100, 1).study).empty());
}

TEST(CostPairs, SayHowWellADesignForetellsAMeasurement) {
  const MadeStudy made = made_study(400, 2);
  const auto pairs = cost_pairs(*made.study, made.file);
  const auto find = [&](const std::string& predicted, const std::string& measured) -> const CostPair* {
    for (const auto& pair : pairs)
      if (pair.predicted == predicted && pair.measured == measured) return &pair;
    return nullptr;
  };
  const CostPair* memory = find("parameters", "memory_bytes");
  ASSERT_NE(memory, nullptr);
  EXPECT_GT(memory->rank, 0.95);
  EXPECT_FALSE(memory->same_quantity);
  const CostPair* latency = find("latency_s_predicted", "latency_s");
  ASSERT_NE(latency, nullptr);
  EXPECT_TRUE(latency->same_quantity);
  EXPECT_EQ(latency->trials, 400);
  EXPECT_NEAR(latency->off, 0.034, 0.01) << "the median of |exp(0.05 normal) - 1|";
  EXPECT_EQ(find("parameters", "bits_per_char"), nullptr) << "that is no cost";
}

TEST(Gains, NameWhatBeatTheDefaults) {
  const MadeStudy made = made_study(1500, 2);
  ASSERT_EQ(default_trial(*made.study, 16), 0);
  const Measured of = measured(*made.study, "bits_per_char");
  const EffectModel model(made.file.space, of.observations, 1);
  const Gain gain = gain_over(*made.study, 0, 0, &model, made.file.space);
  EXPECT_LT(gain.after, gain.before);
  EXPECT_NEAR(gain.relative(), gain.after / gain.before - 1.0, 1e-12);
  ASSERT_FALSE(gain.steps.empty());
  EXPECT_EQ(gain.steps[0].parameter, "lr") << "the defaults' learning rate is far too small";
  EXPECT_EQ(gain.steps[0].from, "0.0003");
  EXPECT_LT(gain.steps[0].change, 0.0);
  const std::string text = gain_text(gain);
  EXPECT_TRUE(text.starts_with("bits_per_char ")) << text;
  EXPECT_NE(text.find(" -> "), std::string::npos) << text;
  EXPECT_NE(text.find(": lr=0.00"), std::string::npos) << text;
  EXPECT_NE(text.find("%)"), std::string::npos) << text;

  const Gain plain = gain_over(*made.study, 0, 0, nullptr, made.file.space);
  EXPECT_FALSE(plain.estimated);
  EXPECT_EQ(plain.steps.size(), gain.steps.size());
  EXPECT_NE(gain_text(plain).find(" with "), std::string::npos);
  const std::string whole = report_json(*made.study, made.file)["gains"]["text"];
  EXPECT_NE(whole.find("latency_s"), std::string::npos) << whole;
}

/// A study of a config that was evaluated twice, 1 and 3, and of another with 1.5.
MadeStudy evaluated_twice(const char* origin) {
  MadeStudy made = made_study(0, 1);
  study::Study& study = *made.study;
  Rng rng(1, "repeats");
  const space::Config first = made.file.space.sample(rng), other = made.file.space.sample(rng);
  const auto ends = [&](std::int64_t id, double bits) {
    study::EndRecord end;
    end.trial = id;
    end.attempt = 1;
    end.state = study::TrialState::completed;
    study.commit({study::StartRecord{id, 1, "w0.1", 180},
                  study::ResultRecord{id, 1, {180, {{"bits_per_char", bits}}}}, end});
  };
  study.commit({study::TrialRecord{0, first, origin, 1}});
  ends(0, 1.0);
  study.commit({study::TrialRecord{1, first, "replicate", 2, 0, 0, 1}});
  ends(1, 3.0);
  study.commit({study::TrialRecord{2, other, "tpe", 1}});
  ends(2, 1.5);
  return made;
}

TEST(ReportData, ATrialIsWhatAllItsEvaluationsMake) {
  const MadeStudy made = evaluated_twice("tpe");
  const study::Study& study = *made.study;
  const Json data = report_json(study, made.file);
  EXPECT_EQ(data["front"], Json({2})) << "a lucky evaluation is not the best";
  const Json& trials = data["trials"];
  EXPECT_EQ(unpacked(trials["measures"]["bits_per_char"], 3), (std::vector<Json>{2, 3, 1.5}));
  EXPECT_EQ(unpacked(trials["alone"]["bits_per_char"], 3), (std::vector<Json>{1, nullptr, nullptr}));
  EXPECT_EQ(unpacked(trials["evaluations"], 3), (std::vector<Json>{2, nullptr, nullptr}));
  EXPECT_EQ(unpacked(trials["of"], 3), (std::vector<Json>{nullptr, 0, nullptr}));
}

TEST(Gains, AllEvaluationsOfTheDefaultsCount) {
  const MadeStudy made = evaluated_twice("default");
  const study::Study& study = *made.study;
  const Gain gain = gain_over(study, 0, 0, nullptr, made.file.space);
  EXPECT_EQ(gain.before, 2.0) << "the mean, as on the front";
  EXPECT_EQ(gain.after, 1.5);
  EXPECT_EQ(gain.trial, 2);
  EXPECT_EQ(better_everywhere(study, 0), std::vector<std::int64_t>{2});
}

TEST(Gains, TheStepThatHelpsMostIsNamedFirst) {
  Gain gain;
  gain.objective = "accuracy";
  gain.before = 0.5;
  gain.estimated = true;
  for (const bool minimize : {false, true}) {
    const double sign = minimize ? -1.0 : 1.0;
    gain.minimize = minimize;
    gain.after = 0.5 + 0.3 * sign;
    gain.steps = {{"width", "8", "64", 0.1 * sign},
                  {"layers", "1", "4", 0.25 * sign},
                  {"tied", "no", "yes", -0.05 * sign}};
    const std::string text = gain_text(gain);
    const auto first = text.find("layers=4"), second = text.find("width=64");
    ASSERT_NE(first, std::string::npos) << text;
    ASSERT_NE(second, std::string::npos) << text;
    EXPECT_LT(first, second) << text;
    EXPECT_EQ(text.find("tied"), std::string::npos) << "it does not help: " << text;
  }
}

TEST(Gains, WithoutDefaultsThereIsNothingToSay) {
  const MadeStudy made = made_study(0, 2);
  EXPECT_EQ(default_trial(*made.study, 16), -1);
  EXPECT_TRUE(report_json(*made.study, made.file)["gains"].is_null());
}

}  // namespace
}  // namespace hone::run
