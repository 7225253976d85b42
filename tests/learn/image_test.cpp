#include "hone/task/image.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "../program.h"
#include "../task/cells.h"
#include "hone/identity/signature.h"
#include "hone/learn/image_training.h"
#include "hone/learn/train_design.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::learn {
namespace {

class Quiet final : public task::Reporter {
 public:
  Verdict report(std::int64_t, const study::Measures&) override { return Verdict::go_on; }
  bool interrupted() override { return ++asked_ > after; }
  int after = 1 << 30;

 private:
  int asked_ = 0;
};

class Image : public testing::Test {
 protected:
  void SetUp() override { ::setenv("HONE_LOCK_DIR", folder_.path().c_str(), 1); }
  std::shared_ptr<const task::ImageTask> make(const Json& options) {
    Json all = {{"images", 400}, {"side", 12}, {"channels", 4}, {"stages", 2}, {"batch", 32}};
    for (const auto& [name, value] : options.items()) all[name] = value;
    return std::make_shared<task::ImageTask>(Options(task::ImageTask::option_specs(), all), folder_.path());
  }
  std::unique_ptr<task::Evaluator> evaluator(std::shared_ptr<const task::Task> task) {
    return methods().maker<task::MakeEvaluator>("evaluator", "image")(task, Options(), folder_.path());
  }
  static std::optional<Key> function(const std::shared_ptr<const task::ImageTask>& task,
                                     task::Evaluator& runner, const space::Config& config) {
    const auto signature = identity::signature(runner.probe(config), *task->unseen_by_probe(config));
    return signature ? std::optional(signature->key) : std::nullopt;
  }
  test::Folder folder_;
};

TEST_F(Image, SpellingsOfOneCellAreOneFunctionAndTrainToTheSameBits) {
  const auto task = make(Json::object());
  const auto runner = evaluator(task);
  const auto one = test::edges("3szpss"), other = test::edges("3zzps3");  // conv and pool beside each other
  const auto a = test::edges("3zzzpz"), b = test::edges("z3zzzp"), near = test::edges("1zzzpz");
  EXPECT_EQ(graph::canonical(*task->graph(a)).key, graph::canonical(*task->graph(b)).key);
  EXPECT_EQ(function(task, *runner, a), function(task, *runner, b));
  EXPECT_NE(function(task, *runner, a), function(task, *runner, near));
  EXPECT_NE(function(task, *runner, one), function(task, *runner, other));
  EXPECT_NE(function(task, *runner, a), function(task, *runner, test::edges("pzzz3z")));
  EXPECT_NE(function(task, *runner, a), function(make({{"lr", 0.05}}), *evaluator(make({{"lr", 0.05}})), a));

  std::vector<std::vector<double>> losses;
  for (const auto& config : {a, b}) {
    ImageTraining training(*task, config, 7, 1);
    losses.emplace_back();
    for (int i = 0; i < 5; ++i) losses.back().push_back(training.step().loss);
    const auto judged = training.judge(task::Split::validation);
    losses.back().push_back(judged.loss);
    losses.back().push_back(judged.error);
  }
  EXPECT_EQ(losses[0], losses[1]);

  // NAS-Bench-101: vertices in another order. DARTS: sums do not care which input is which.
  const std::string c3 = "conv3x3-bn-relu", c1 = "conv1x1-bn-relu", mp = "maxpool3x3";
  const auto vertices = make({{"channels", 6}});
  const auto runs = evaluator(vertices);
  const auto left = test::vertices(
      "110000"
      "00001"
      "0001"
      "000"
      "00"
      "0",
      {c3, mp, c1, c1, c1});
  const auto right = test::vertices(
      "011000"
      "00000"
      "0001"
      "001"
      "00"
      "0",
      {c1, mp, c3, c1, c1});
  EXPECT_EQ(function(vertices, *runs, left), function(vertices, *runs, right));
  EXPECT_NE(function(vertices, *runs, left), function(vertices, *runs,
                                                      test::vertices("110000"
                                                                     "00001"
                                                                     "0001"
                                                                     "000"
                                                                     "00"
                                                                     "0",
                                                                     {c3, c1, c1, c1, c1})));
}

TEST_F(Image, LearnsShapesAndGoesOnFromItsCheckpoint) {
  const auto task = make({{"images", 1500}, {"side", 16}, {"channels", 8}, {"batch", 16}});
  const auto runner = evaluator(task);
  task::Assignment assignment;
  assignment.trial.config = test::edges("3s3ss3");
  assignment.to = 4;
  assignment.horizon = 4;
  assignment.checkpoint = folder_.file("c.ckpt");
  Quiet reporter;
  const auto whole = runner->run(assignment, reporter);
  ASSERT_EQ(whole.ending, task::Ending::reached) << whole.reason;
  EXPECT_EQ(whole.fidelity, 4);
  EXPECT_LT(*whole.measures.find("error"), 0.7) << "chance is 0.9";
  EXPECT_DOUBLE_EQ(*whole.measures.find("error") + *whole.measures.find("accuracy"), 1.0);
  EXPECT_LT(*whole.measures.find("loss"), std::log(10.0));
  EXPECT_GT(whole.curve.size(), 5u);
  std::set<std::string> reported;
  for (const auto& [name, value] : whole.measures.entries()) reported.insert(name);
  for (const auto& info : task->measures())
    if (!info.before) {
      EXPECT_TRUE(reported.count(info.name)) << info.name;
    }

  // The same in three pieces, one of which ends in the middle of an epoch.
  std::filesystem::remove(assignment.checkpoint);
  assignment.to = 2;
  ASSERT_EQ(runner->run(assignment, reporter).fidelity, 2);
  assignment.from = 2;
  assignment.to = 4;
  Quiet hasty;
  hasty.after = 40;
  const auto interrupted = runner->run(assignment, hasty);
  ASSERT_EQ(interrupted.ending, task::Ending::interrupted);
  const auto rest = evaluator(task)->run(assignment, reporter);
  ASSERT_EQ(rest.ending, task::Ending::reached);
  EXPECT_EQ(*rest.measures.find("loss"), *whole.measures.find("loss"));
  EXPECT_EQ(*rest.measures.find("error"), *whole.measures.find("error"));
  // Interrupted while it was validated: no step is left to measure its memory by.
  assignment.from = 4;
  const auto judged = evaluator(task)->run(assignment, reporter);
  ASSERT_EQ(judged.ending, task::Ending::reached);
  EXPECT_EQ(*judged.measures.find("memory_bytes"), *rest.measures.find("memory_bytes"));
  EXPECT_EQ(*judged.measures.find("loss"), *whole.measures.find("loss"));
}

TEST_F(Image, AugmentsAndDiverges) {
  const auto task =
      make({{"crop", 2}, {"flip", true}, {"unit", "steps"}, {"optimizer", "adamw"}, {"lr", 0.003}});
  ImageTraining plain(*task, test::edges("3zzzss"), 1, 4), again(*task, test::edges("3zzzss"), 1, 4);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(plain.step().loss, again.step().loss);
  const auto unchanged = make({{"unit", "steps"}, {"optimizer", "adamw"}, {"lr", 0.003}});
  ImageTraining still(*unchanged, test::edges("3zzzss"), 1, 4);
  EXPECT_NE(still.step().loss, plain.step().loss);

  task::Assignment assignment;
  assignment.trial.config = test::edges("333333");
  assignment.to = 40;
  assignment.horizon = 40;
  Quiet reporter;
  const auto outcome =
      evaluator(make({{"lr", 10.0}, {"unit", "steps"}, {"momentum", 0.9999}, {"weight_decay", 10.0}}))
          ->run(assignment, reporter);
  EXPECT_EQ(outcome.ending, task::Ending::failed);
  EXPECT_EQ(outcome.cause, "diverged");
  EXPECT_TRUE(outcome.measures.empty());
}

TEST_F(Image, CostsAreMeasured) {
  const auto task = make(Json::object());
  const auto runner = evaluator(task);
  const auto small = runner->costs(test::edges("zzzszz"), {});
  const auto large = runner->costs(test::edges("333333"), {});
  EXPECT_GT(*large.find("latency_s"), *small.find("latency_s"));
  auto all = large;
  all.merge(task->design_costs(test::edges("333333")));
  for (const auto& info : task->measures())
    if (info.before) {
      EXPECT_TRUE(all.find(info.name)) << info.name;
    }
}

TEST_F(Image, TrainsADesign) {
  const auto task = make(Json::object());
  study::Trial trial;
  trial.config = test::edges("3zzsz1");
  TrainDesign design;
  design.steps = 2;
  design.output = folder_.file("models/m.model");
  int calls = 0;
  design.interrupted = [&] { return ++calls > 30; };  // asked before a step and while it waits
  EXPECT_FALSE(train_design(task, trial, design).finished);
  EXPECT_TRUE(std::filesystem::exists(design.output + ".part"));
  design.interrupted = {};
  const auto trained = train_design(task, trial, design);
  EXPECT_TRUE(trained.finished);
  EXPECT_EQ(trained.steps, 2);
  EXPECT_FALSE(std::filesystem::exists(design.output + ".part"));
  for (const char* name : {"error", "test_error", "test_loss", "latency_s", "parameters", "train_s"})
    EXPECT_TRUE(trained.measures.find(name)) << name;
  EXPECT_EQ(loss_unit(*task), "nats");
}

TEST_F(Image, SearchesWithTheRealPrograms) {
  folder_.write("s.toml", R"([study]
minimize = ["error", "flops"]
seed = 1
[task]
kind = "image"
images = 200
side = 8
channels = 4
stages = 2
[space]
op_0_1 = ["none", "skip_connect", "nor_conv_1x1"]
op_0_2 = ["none", "skip_connect"]
op_1_2 = ["none", "avg_pool_3x3"]
op_0_3 = ["none", "skip_connect"]
op_1_3 = ["skip_connect"]
op_2_3 = ["none", "skip_connect"]
[search]
searcher = "random"
scheduler = { kind = "asha", steps = [1, 2], eta = 2 }
identity = "reuse"
[budget]
trials = 30
workers = 2
)");
  test::Program search(folder_, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const Json done = Json::parse(search.out());
  EXPECT_EQ(done["counts"]["failed"], 0) << search.out();
  study::Study study(study::open_store("sqlite:" + folder_.file("s.hone/study.sqlite")));
  study.sync();
  std::int64_t reused = 0;
  for (const auto& trial : study.trials())
    if (trial.same_as >= 0) {
      ++reused;
      EXPECT_EQ(trial.keys.functional, study.trial(trial.same_as).keys.functional);
    }
  EXPECT_GT(reused, 5) << "most of the 96 cells are spellings of few";
}

TEST_F(Image, LearnsDigits) {
  const char* data = std::getenv("HONE_DATA");
  if (data == nullptr) GTEST_SKIP() << "HONE_DATA is not set";
  const auto task = make({{"data", std::string(data) + "/images/t10k-images-idx3-ubyte.gz"},
                          {"images", 1500},
                          {"channels", 8},
                          {"stages", 3},
                          {"batch", 16}});
  EXPECT_EQ(task->images().shape(), (graph::Shape{1, 28, 28}));
  EXPECT_EQ(task->images().classes(), 10);
  const auto runner = evaluator(task);
  task::Assignment assignment;
  assignment.trial.config = test::edges("3s3ss3");
  assignment.to = 5;
  assignment.horizon = 5;
  Quiet reporter;
  const auto outcome = runner->run(assignment, reporter);
  ASSERT_EQ(outcome.ending, task::Ending::reached) << outcome.reason;
  EXPECT_LT(*outcome.measures.find("error"), 0.3);
}

}  // namespace
}  // namespace hone::learn
