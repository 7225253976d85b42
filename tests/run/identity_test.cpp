// What the identity policies do with a study, from the keys to the front.
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "../fire/random_journal.h"
#include "hone/base/error.h"
#include "hone/base/units.h"
#include "hone/run/checkpoints.h"
#include "hone/run/front_text.h"
#include "hone/run/posterior.h"
#include "hone/run/report_data.h"
#include "hone/run/saved.h"
#include "hone/run/summary.h"
#include "hone/run/trials.h"
#include "twin_task.h"

namespace hone::run {
namespace {

using identity::Policy;
using identity::Settings;
using study::TrialState;
using test::twin;

class Twins : public testing::Test {
 protected:
  /// Runs the study to its end with one worker.
  WorkEnd run(const StudyFile& file) {
    store_ = study::open_store("memory:");
    study::Study::create(*store_, file.header());
    evaluator_ = std::make_unique<test::TwinEvaluator>(task_);
    const WorkEnd end = work(file, store_, *evaluator_, WorkerOptions{});
    study_ = std::make_unique<study::Study>(store_);
    study_->sync();
    study::Study light(store_, study::Study::Depth::light);
    light.sync();
    EXPECT_EQ(test::everything(light), test::everything(*study_));
    return end;
  }
  StudyFile file(Settings settings, std::vector<space::Config> configs) const {
    return test::twin_study(task_, settings, std::move(configs));
  }
  std::vector<std::int64_t> front() const {
    std::vector<std::int64_t> ids;
    for (const auto& member : study_->front().members()) ids.push_back(member.trial);
    return ids;
  }
  double measure(std::int64_t trial, const char* name) const {
    return study_->outcome(trial).find(name).value_or(std::nan(""));
  }

  std::shared_ptr<test::TwinTask> task_ = std::make_shared<test::TwinTask>();
  std::shared_ptr<study::Store> store_;
  std::unique_ptr<test::TwinEvaluator> evaluator_;
  std::unique_ptr<study::Study> study_;
};

TEST_F(Twins, TheCheaperStructureOfAFunctionGoesToTheFrontUntrained) {
  run(file(Policy::reuse, {twin(1, 2), twin(1, 7)}));
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{0}));
  EXPECT_EQ(evaluator_->costed, 2) << "only its cost is measured";
  EXPECT_EQ(study_->trial(1).same_as, 0);
  EXPECT_EQ(front(), (std::vector<std::int64_t>{1}));
  EXPECT_DOUBLE_EQ(measure(1, "loss"), 0.5);
  EXPECT_DOUBLE_EQ(measure(1, "latency_s"), 3e-3);
  EXPECT_EQ(study_->saved().same_function, 1);
}

TEST_F(Twins, ADearerOneStaysOffTheFront) {
  run(file(Policy::reuse, {twin(1, 7), twin(1, 2), twin(2, 0)}));
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(front(), (std::vector<std::int64_t>{2, 0}));
  EXPECT_DOUBLE_EQ(measure(1, "latency_s"), 8e-3) << "its own cost";
}

TEST_F(Twins, LimitsAreJudgedByTheStructure) {
  auto limited = file(Policy::reuse, {twin(1, 0), twin(1, 7), twin(1, 8), twin(1, 1)});
  limited.limits = {{"latency_s", 5e-3, {}}};
  run(limited);
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(study_->trial(0).state, TrialState::infeasible);
  EXPECT_EQ(study_->trial(2).state, TrialState::completed);
  EXPECT_EQ(study_->trial(3).state, TrialState::infeasible)
      << "the function is known, this structure is slow";
  EXPECT_EQ(front(), (std::vector<std::int64_t>{2}));
}

TEST_F(Twins, WhatOnlyTrainingTellsIsNotTakenFromAnotherStructure) {
  task_->timed_in_training = true;
  run(file(Policy::reuse, {twin(1, 2), twin(1, 7), twin(2, 7)}));
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(front(), (std::vector<std::int64_t>{2}));
}

TEST_F(Twins, OffComputesNoKeys) {
  run(file(Policy::off, {twin(1, 2), twin(1, 7)}));
  EXPECT_EQ(evaluator_->runs.size(), 2u);
  EXPECT_EQ(evaluator_->probed, 0);
  EXPECT_TRUE(study_->trial(0).keys.functional.none());
}

TEST_F(Twins, OneStructureIsProbedOnceWhereTheTaskSaysWhatElseDecides) {
  task_->one_structure = true;
  const auto study = file(Policy::reuse, {twin(1, 2), twin(1, 7), twin(2, 7), twin(1, 3)});
  run(study);
  EXPECT_EQ(evaluator_->probed, 4);
  const study::Keys keys = study_->trial(0).keys;
  task_->seen = "lr=0.1";
  run(study);
  EXPECT_EQ(evaluator_->probed, 2);
  EXPECT_EQ(study_->trial(0).keys.functional, keys.functional);
  EXPECT_EQ(study_->trial(3).keys.functional, keys.functional);
  EXPECT_EQ(study_->trial(3).same_as, 0);
}

TEST_F(Twins, AveragingGivesEveryMemberTheMean) {
  task_->noise = 0.1;
  Settings settings(Policy::average);
  settings.evaluations = 3;
  run(file(settings, {twin(1, 1), twin(1, 2), twin(2, 0), twin(1, 3), twin(1, 4), twin(1, 5)}));
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{0, 1, 2, 3}));
  double mean = 0.0, squares = 0.0;
  std::set<double> values;
  for (const std::int64_t id : {0, 1, 3}) {
    const double value = task_->loss(study_->trial(id).config, study_->trial(id).seed, 1);
    values.insert(value);
    mean += value / 3.0;
    squares += value * value;
  }
  EXPECT_EQ(values.size(), 3u) << "each has a seed of its own";
  for (const std::int64_t id : {0, 1, 3, 4, 5}) {
    EXPECT_NEAR(measure(id, "loss"), mean, 1e-12) << id;
    EXPECT_EQ(measure(id, "latency_s"), test::TwinTask::latency_s(study_->trial(id).config)) << id;
    const auto spread = study_->spread(id);
    EXPECT_EQ(spread.n, 3);
    EXPECT_NEAR(*spread.deviation.find("loss"), std::sqrt((squares - 3 * mean * mean) / 2.0), 1e-12);
  }
  EXPECT_EQ(study_->trial(3).joins, 0);
  EXPECT_EQ(study_->trial(4).same_as, 0);
  EXPECT_EQ(study_->joined_with(4), (std::vector<std::int64_t>{1, 3}));
  const auto members = front();
  EXPECT_EQ(members.back(), 5) << "the cheapest member has the mean for its quality";
}

TEST_F(Twins, TheShownFrontGoesByPosteriorMeans) {
  Settings settings(Policy::average);
  settings.evaluations = 3;
  const std::vector<space::Config> configs{twin(1, 1), twin(1, 2), twin(1, 3), twin(2, 0), twin(2, 1),
                                           twin(2, 2), twin(3, 0), twin(3, 1), twin(4, 0), twin(5, 0)};
  const auto study = test::twin_study(task_, settings, configs, 6);
  run(study);
  const auto ids = [](const study::Front& front) {
    std::vector<std::int64_t> ids;
    for (const auto& member : front.members()) ids.push_back(member.trial);
    return ids;
  };
  EXPECT_EQ(ids(shown_front(*study_, study)), ids(study_->front())) << "without noise nothing moves";

  task_->noise = 0.5;
  run(study);
  std::map<std::int64_t, double> plain;
  for (const study::Trial& trial : study_->trials())
    if (const auto loss = study_->outcome(trial.id).find("loss")) plain[trial.id] = *loss;
  double least = std::numeric_limits<double>::infinity(), largest = -least;
  for (const auto& [id, loss] : plain) least = std::min(least, loss), largest = std::max(largest, loss);
  const study::Front noisy = shown_front(*study_, study);
  for (const auto& member : noisy.members()) {
    EXPECT_GE(member.values[0], least);
    EXPECT_LE(member.values[0], largest);
  }
  const Json shown = front_json(*study_, study);
  ASSERT_FALSE(shown.empty());
  EXPECT_TRUE(shown[0].contains("posterior"));
  // Only averaging has evaluations of unequal weight.
  auto reuse = study;
  reuse.identity = Policy::reuse;
  EXPECT_EQ(ids(shown_front(*study_, reuse)), ids(study_->front()));
}

TEST_F(Twins, TheShownFrontIsTheSameEverywhere) {
  task_->noise = 0.5;
  Settings settings(Policy::average);
  settings.evaluations = 3;
  auto averaged = test::twin_study(task_, settings,
                                   {twin(1, 1), twin(1, 2), twin(1, 3), twin(2, 0), twin(2, 1), twin(2, 2),
                                    twin(3, 0), twin(3, 1), twin(4, 0), twin(5, 0)},
                                   6);
  averaged.objectives = {{"loss", true}};
  run(averaged);
  const Shown shown(*study_, averaged);
  ASSERT_TRUE(shown.posterior());
  ASSERT_EQ(shown.front().members().size(), 1u);
  const std::int64_t best = shown.front().members().front().trial;
  const double loss = shown.front().members().front().values.front();
  EXPECT_EQ(shown.measures(best).find("loss"), loss);
  ASSERT_NE(study_->outcome(best).find("loss"), loss) << "this noise moves the means";
  const std::string number = "loss " + quantity_text("loss", loss);

  EXPECT_EQ(report_json(*study_, averaged)["front"], Json({best}));
  EXPECT_NE(status_text(*study_, averaged).find(number), std::string::npos);
  EXPECT_NE(status_text(*study_, averaged).find("the posterior mean of "), std::string::npos);
  const std::string table = front_text(*study_, averaged);
  EXPECT_NE(table.find(quantity_text("loss", loss)), std::string::npos) << table;
  EXPECT_NE(table.find("posterior means of "), std::string::npos) << table;
  const Json members = front_json(*study_, averaged);
  EXPECT_EQ(members[0]["posterior"]["loss"], loss);
  EXPECT_EQ(members[0]["evaluations"], study_->spread(best).n);

  // With a front of several: its members in lists, in exports, and among the checkpoints that are kept.
  averaged.objectives = {{"loss", true}, {"latency_s", true}};
  std::shared_ptr<const Shown> several;
  std::vector<std::int64_t> ids = front();
  for (averaged.seed = 1; averaged.seed < 40 && ids == front(); ++averaged.seed) {
    run(averaged);
    several = std::make_shared<const Shown>(*study_, averaged);
    ids.clear();
    for (const auto& member : several->front().members()) ids.push_back(member.trial);
  }
  ASSERT_NE(ids, front()) << "some noise moves the front";
  TrialFilter filter;
  filter.front = true;
  filter.shown = several;
  EXPECT_EQ(choose_trials(*study_, filter, 100).ids, ids);
  const std::string listed = trials_text(*study_, averaged, {ids, 1}, several.get());
  std::string lines;
  export_jsonl(*study_, filter, [&](std::string_view part) { lines += part; });
  const std::set<std::int64_t> kept = models_of_front(*study_, averaged);
  for (const auto& member : several->front().members()) {
    EXPECT_NE(listed.find(quantity_text("loss", member.values[0])), std::string::npos) << listed;
    EXPECT_NE(lines.find(real_to_json(member.values[0]).dump()), std::string::npos) << lines;
    EXPECT_TRUE(kept.contains(member.trial));
    EXPECT_NE(trial_text(*study_, averaged, study_->trial(member.trial)).find(", on the front"),
              std::string::npos);
  }
  for (const Json& member : front_json(*study_, averaged)) EXPECT_GE(member["evaluations"], 1);
}

TEST_F(Twins, SearchersSeeTheMean) {
  task_->noise = 0.1;
  Settings settings(Policy::average);
  settings.evaluations = 2;
  run(file(settings, {twin(1, 1), twin(1, 2), twin(1, 3)}));
  study::Study told(store_);
  std::map<std::int64_t, double> last;
  told.listen([&](const study::Change& change) {
    if (change.kind == study::Change::Kind::result)
      last[change.trial->id] = *change.result->measures.find("loss");
  });
  told.sync();
  ASSERT_EQ(last.size(), 3u);
  for (const auto& [id, loss] : last) EXPECT_DOUBLE_EQ(loss, measure(0, "loss")) << id;
}

TEST_F(Twins, BelowTheHorizonSearchersSeeTheMeanAsWell) {
  task_->noise = 0.1;
  Settings settings(Policy::average);
  settings.evaluations = 2;
  auto rungs = file(settings, {twin(1, 1), twin(1, 2), twin(1, 3), twin(0, 1), twin(0, 2), twin(2, 2)});
  rungs.scheduler = "asha";
  rungs.scheduler_options =
      Options(methods().need("scheduler", "asha").info.options, Json{{"steps", {1, 3}}, {"eta", 2}});
  run(rungs);
  study::Study told(store_);
  std::map<std::pair<std::int64_t, std::int64_t>, double> last;
  told.listen([&](const study::Change& change) {
    if (change.kind == study::Change::Kind::result)
      last[{change.trial->id, change.result->fidelity}] = *change.result->measures.find("loss");
  });
  told.sync();
  EXPECT_DOUBLE_EQ((last[{0, 1}]), (last[{1, 1}]));
  EXPECT_DOUBLE_EQ((last[{0, 1}]), (last[{2, 1}]));
  EXPECT_DOUBLE_EQ((last[{0, 1}]), *study_->outcome(2, 1).find("loss"));
}

TEST_F(Twins, ForgettingDrawsTheLuckAgain) {
  task_->noise = 0.1;
  Settings settings(Policy::forget);
  settings.forget = 1.0;
  run(file(settings, {twin(1, 1), twin(1, 2), twin(1, 3), twin(1, 4)}));
  EXPECT_EQ(evaluator_->runs, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(study_->trial(1).same_as, 0);
  EXPECT_EQ(study_->trial(3).same_as, 2);
  EXPECT_NE(measure(0, "loss"), measure(2, "loss"));
  EXPECT_EQ(measure(3, "loss"), measure(2, "loss"));
}

TEST_F(Twins, CountingEvaluatesAndMeetsCollisions) {
  const auto counted = file(Policy::count, {twin(1, 1), twin(1, 2), twin(2, 3), twin(2, 4), twin(0, 1)});
  run(counted);
  EXPECT_EQ(evaluator_->runs.size(), 5u);
  const Json collisions = status_json(*study_, counted)["collisions"];
  EXPECT_EQ(collisions["pairs"], 2);
  EXPECT_EQ(collisions["collisions"], 0);
  EXPECT_NEAR(collisions["high"].get<double>(), 1.0 - std::pow(0.025, 0.5), 1e-9);
  EXPECT_NE(status_text(*study_, counted).find("collisions: 0 of 2 pairs"), std::string::npos)
      << status_text(*study_, counted);
  EXPECT_TRUE(status_json(*study_, file(Policy::reuse, {}))["collisions"].is_null());
}

TEST_F(Twins, EveryPolicyReplaysBitForBit) {
  task_->noise = 0.1;
  for (const auto& name : identity::policy_names()) {
    Settings settings(identity::policy_from_name(name));
    settings.forget = 0.5;
    auto study = file(settings, {});
    study.searcher = "regularized_evolution";
    study.searcher_options = Options(methods().need("searcher", "regularized_evolution").info.options);
    study.budget.trials = 40;
    // What was decided and found; times are the clock's.
    const auto decisions = [&] {
      run(study);
      std::string text;
      for (const auto& trial : study_->trials())
        text += fmt::format("{} {} {} {} {} {}\n", trial.config.shown(), trial.seed, trial.same_as,
                            trial.joins, trial.keys.functional.hex(), trial.last()->measures.json().dump());
      return text;
    };
    const std::string once = decisions();
    EXPECT_EQ(decisions(), once) << name;
  }
}

TEST_F(Twins, ASearchWithoutNewFunctionsEnds) {
  Settings settings(Policy::reuse);
  settings.give_up = 60;
  auto study = file(settings, {});
  study.space = space::Space::Builder().integer("f", 0, 1).integer("build", 0, 9).real("idle", 0, 1).build();
  study.budget.trials = std::nullopt;
  study.budget.steps = 1000;  // what is known costs nothing: this alone would never end
  EXPECT_EQ(run(study), WorkEnd::finished);
  EXPECT_LE(evaluator_->runs.size(), 2u);
  EXPECT_EQ(study_->known_in_a_row(), 60);
  EXPECT_LT(study_->size(), 80);
  const std::string advice = nothing_new_text(*study_, study);
  EXPECT_NE(advice.find("the last 60 candidates"), std::string::npos) << advice;
  EXPECT_NE(advice.find("tabu"), std::string::npos) << advice;
  EXPECT_NE(status_text(*study_, study).find("warning: the last 60"), std::string::npos);
  // Who begins again tries as many once more.
  study_->commit({study::SessionRecord{1, "more"}});
  EXPECT_EQ(study_->known_in_a_row(), 0);
  EXPECT_EQ(work(study, store_, *evaluator_, WorkerOptions{}), WorkEnd::finished);
  study_->sync();
  EXPECT_EQ(study_->known_in_a_row(), 60);
}

TEST_F(Twins, SavedTimeIsWhatTheRepresentativesTook) {
  const auto study = file(Policy::reuse, {twin(1, 1), twin(1, 2), twin(1, 3), twin(2, 3)});
  run(study);
  const auto& saved = study_->saved();
  EXPECT_EQ(saved.probes, 4);
  EXPECT_GT(saved.probe_s, 0.0);
  EXPECT_DOUBLE_EQ(saved.evaluation_s, 2 * study_->trial(0).evaluation_s());
  const Json json = saved_json(*study_, study);
  EXPECT_EQ(json["evaluation_s"], saved.evaluation_s);
  EXPECT_EQ(json["policy"], "reuse");
  EXPECT_NE(status_text(*study_, study).find("computing 4 functional keys took"), std::string::npos)
      << status_text(*study_, study);
}

TEST(Identity, SavedTimeFollowsPromotionsAndIsGivenBack) {
  Optimizer::Setup setup;
  setup.space = space::Space::Builder().real("x", 0, 1).build();
  setup.objectives = {{"loss"}};
  setup.searcher = "random";
  setup.scheduler = "asha";
  setup.scheduler_options = {{"steps", {1, 2}}, {"eta", 2}, {"eager", false}};
  setup.max_trials = 3;
  Optimizer optimizer(setup);
  const study::Keys keys{Key{1, 1}, Key{2, 2}};
  const auto first = optimizer.ask(), second = optimizer.ask();
  optimizer.keys(*first, keys, {}, 0.5);
  optimizer.keys(*second, keys, {}, 0.5);
  optimizer.tell(*first, {{"loss", 0.0}}, 10.5);
  const identity::Verdict verdict = optimizer.verdict(*second);
  ASSERT_EQ(verdict.what, identity::Verdict::What::reuse);
  ASSERT_EQ(verdict.trial, 0);
  optimizer.same(*second, 0, 0.5);
  const auto& saved = optimizer.study().saved();
  EXPECT_DOUBLE_EQ(saved.evaluation_s, 10.0);
  EXPECT_DOUBLE_EQ(saved.probe_s, 1.0);
  EXPECT_EQ(optimizer.study().known_in_a_row(), 1);
  bool promoted = false;
  while (const auto job = optimizer.ask()) {
    if (job->trial == 0) promoted = true;
    if (job->from == 0) optimizer.keys(*job, {Key{1, 2}, Key{3, 3}}, {});
    optimizer.tell(*job, {{"loss", job->trial == 0 ? 0.0 : 1.0}}, job->trial == 0 ? 20.0 : 4.0);
  }
  ASSERT_TRUE(promoted);
  EXPECT_EQ(optimizer.study().known_in_a_row(), 0);
  EXPECT_DOUBLE_EQ(saved.evaluation_s, 30.0) << "the follower has that result as well";
  optimizer.study().commit({study::RetryRecord{1}});
  EXPECT_DOUBLE_EQ(saved.evaluation_s, 0.0) << "it is to be evaluated itself";
}

}  // namespace
}  // namespace hone::run
