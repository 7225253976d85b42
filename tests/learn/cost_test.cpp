#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/learn/cost_network.h"
#include "hone/learn/cost_scores.h"

namespace hone::learn {
namespace {

/// Element-wise kernels whose costs follow from their sizes and from how many multiplications they have.
cost::LabelSet made_labels(int n) {
  cost::LabelSet set;
  set.provenance.compiler = "none";
  const std::vector<std::string> families{"one", "two", "three", "four"};
  for (int i = 0; i < n; ++i) {
    Rng rng(7, "made labels", static_cast<std::uint64_t>(i));
    const auto size = static_cast<int>(8 + rng.below(500));
    const auto products = static_cast<int>(1 + rng.below(6));
    std::string body;
    for (int p = 0; p < products; ++p)
      body += fmt::format("%m{} = arith.mulf {}, %x : f32\n", p, p == 0 ? "%x" : fmt::format("%m{}", p - 1));
    cost::Label label;
    label.id = static_cast<std::uint64_t>(i);
    label.family = families[static_cast<std::size_t>(i) % families.size()];
    label.group = fmt::format("{}/{}", label.family, i / 8);
    label.text = fmt::format(
        "func.func @kernel(%A: memref<{0}xf32>) {{\naffine.for %i = 0 to {0} {{\n%x = affine.load %A[%i] : "
        "memref<{0}xf32>\n{1}affine.store %m{2}, %A[%i] : memref<{0}xf32>\n}}\nreturn\n}}\n",
        size, body, products - 1);
    label.targets["run_s"] = 1e-9 * size * (1.0 + 0.3 * products);
    label.targets["spills"] = products > 4 ? products - 4 : 0;
    label.targets["instructions"] = size * (3.0 + products);
    label.disturbed = i % 17 == 0;
    set.labels.push_back(label);
  }
  return set;
}

CostTraining training_of(cost::NeuralKind kind, std::int64_t epochs = 3) {
  CostTraining training;
  training.shape.kind = kind;
  training.shape.width = 8;
  training.shape.heads = 2;
  training.shape.parameter_tokens = 12;
  training.shape.hidden = 16;
  training.shape.length = 32;
  training.epochs = epochs;
  training.batch = 16;
  training.lr = 5e-3;
  training.dropout = 0.1;
  training.weight_decay = 0.02;
  return training;
}

constexpr cost::NeuralKind kAll[] = {cost::NeuralKind::bag, cost::NeuralKind::conv1d, cost::NeuralKind::lstm,
                                     cost::NeuralKind::transformer, cost::NeuralKind::tokenformer};

TEST(CostTraining, EveryKindGivesWithoutTorchWhatTorchGives) {
  const cost::LabelSet labels = made_labels(40);
  for (const auto kind : kAll)
    for (const bool features : {true, false}) {
      SCOPED_TRACE(cost::neural_kinds()[static_cast<std::size_t>(kind)]);
      CostTraining training = training_of(kind, 2);
      training.features = features;
      const CostData data = prepare_costs(labels, training);
      const CostTrained trained = train_costs(data, training);
      // Through the file, too.
      const cost::NeuralCost model =
          cost::NeuralCost::from_json(parse_json(trained.model.json().dump(), "model.json"), "model.json");
      CostNetwork network(trained.model, 1);
      const torch::NoGradGuard no_grad;
      // Functions of every length up to the most, odd ones among them, in one batch.
      std::vector<cost::NeuralInput> inputs;
      Rng rng(3, "tokens");
      for (const std::size_t length : {1, 2, 3, 5, 8, 17, 31, 32}) {
        cost::NeuralInput input;
        for (std::size_t i = 0; i < length; ++i)
          input.tokens.push_back(
              static_cast<std::int32_t>(1 + rng.below(trained.model.vocabulary.size() - 1)));
        for (std::size_t i = 0; i < trained.model.features.size(); ++i)
          input.features.push_back(static_cast<float>(3.0 * rng.normal()));
        inputs.push_back(input);
      }
      std::vector<const cost::NeuralInput*> batch;
      for (const auto& input : inputs) batch.push_back(&input);
      const torch::Tensor expected = network.forward(cost_batch(batch));
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::vector<float> out = model.outputs(inputs[i]);
        ASSERT_EQ(static_cast<std::int64_t>(out.size()), expected.size(1));
        for (std::size_t j = 0; j < out.size(); ++j)
          EXPECT_NEAR(out[j],
                      expected[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)].item<float>(),
                      1e-5 * std::max(1.0f, std::abs(out[j])))
              << inputs[i].tokens.size() << " tokens";
      }
    }
}

TEST(CostTraining, EveryKindLearns) {
  const cost::LabelSet labels = made_labels(160);
  for (const auto kind : kAll) {
    SCOPED_TRACE(cost::neural_kinds()[static_cast<std::size_t>(kind)]);
    const CostTraining training = training_of(kind, 12);
    const CostData data = prepare_costs(labels, training);
    EXPECT_EQ(data.unreadable, 0);
    const CostTrained trained = train_costs(data, training);
    EXPECT_LT(trained.last_loss, trained.first_loss - 0.3);
    CostScores scores("model");
    scores.add(data, trained);
    for (const auto& score : scores.scores())
      if (score.target == "run_s" && score.model == "model") {
        EXPECT_GT(score.accuracy.spearman, 0.97);
        EXPECT_LT(score.accuracy.mape, 0.2);
      }
  }
}

TEST(CostTraining, TokensAloneTellOperationsApart) {
  const cost::LabelSet labels = made_labels(160);
  CostTraining training = training_of(cost::NeuralKind::conv1d, 25);
  training.features = false;
  training.shape.tokens = cost::mlir::Tokens::operations;
  training.targets = {"spills"};
  const CostData data = prepare_costs(labels, training);
  CostScores scores("model");
  scores.add(data, train_costs(data, training));
  const auto list = scores.scores();
  ASSERT_EQ(list.size(), 2u) << "the model and the mean; no features to be linear in";
  EXPECT_GT(list[0].accuracy.spearman, 0.9);
  EXPECT_GT(list[0].accuracy.r2, list[1].accuracy.r2);
}

TEST(CostTraining, ASeedGivesTheSameWeights) {
  const cost::LabelSet labels = made_labels(48);
  for (const auto kind : {cost::NeuralKind::conv1d, cost::NeuralKind::tokenformer}) {
    CostTraining training = training_of(kind);
    const CostData data = prepare_costs(labels, training);
    const std::string first = train_costs(data, training).model.json().dump();
    EXPECT_EQ(train_costs(data, training).model.json().dump(), first);
    training.seed = 2;
    EXPECT_NE(train_costs(data, training).model.json().dump(), first);
  }
}

TEST(CostTraining, IntervalsHoldWhatTheySay) {
  EXPECT_EQ(conformal_factor({3.0, 1.0, 2.0}, 0.5), 2.0);
  EXPECT_EQ(conformal_factor({1.0}, 0.9), 1.0);
  EXPECT_EQ(conformal_factor({}, 0.9), 1.0);

  // Costs that no text foretells within a factor: half of the spread is noise.
  cost::LabelSet labels = made_labels(600);
  for (auto& label : labels.labels) {
    Rng rng(11, "noise", label.id);
    for (auto& [name, value] : label.targets)
      if (name != "spills") value *= std::exp(0.3 * rng.normal());
  }
  CostTraining training = training_of(cost::NeuralKind::bag, 10);
  training.split.validation = 0.3;
  training.split.test = 0.3;
  const CostData data = prepare_costs(labels, training);
  CostScores scores("model");
  scores.add(data, train_costs(data, training));
  for (const auto& score : scores.scores())
    if (score.model == "model" && score.target != "spills") {
      EXPECT_GT(score.coverage, 0.82) << score.target;
      EXPECT_LT(score.coverage, 0.97) << score.target;
    }
}

TEST(CostTraining, EveryFamilyIsHeldOutOnce) {
  const cost::LabelSet labels = made_labels(64);
  CostTraining training = training_of(cost::NeuralKind::bag, 2);
  CostData data = prepare_costs(labels, training);
  const CostScores scores = cross_validate_costs(data, training, 2, "bag");
  for (const auto& score : scores.scores())
    EXPECT_EQ(score.accuracy.samples, score.target == "run_s" ? 60 : 64) << "disturbed times do not count";
  CostTrained trained = train_costs(data, training);
  calibrate_on(trained.model, scores);
  EXPECT_EQ(trained.model.targets[0].calibration, conformal_factor(scores.ratios(0)));
  EXPECT_EQ(trained.model.provenance.at("calibrated_on"), "families held out");
  EXPECT_THROW(cross_validate_costs(data, training, 5, "bag"), Error);
}

TEST(CostTraining, StopsWithWhatItHas) {
  const cost::LabelSet labels = made_labels(48);
  CostTraining training = training_of(cost::NeuralKind::bag, 50);
  int epochs = 0;
  training.progress = [&](const CostTraining::Progress& now) { epochs = static_cast<int>(now.epoch); };
  const CostData data = prepare_costs(labels, training);
  training.interrupted = [&] { return epochs >= 2; };
  const CostTrained trained = train_costs(data, training);
  EXPECT_TRUE(trained.stopped);
  EXPECT_EQ(trained.epochs, 2);
  EXPECT_EQ(cost::NeuralCost(trained.model).targets(),
            (std::vector<std::string>{"instructions", "run_s", "spills"}));
}

TEST(CostTraining, SaysWhatIsWrong) {
  const cost::LabelSet labels = made_labels(16);
  CostTraining training = training_of(cost::NeuralKind::bag);
  training.targets = {"run_ms"};
  EXPECT_THROW(prepare_costs(labels, training), Error);
  training = training_of(cost::NeuralKind::bag);
  training.split.held_out = {"one", "two", "three", "four"};
  EXPECT_THROW(train_costs(prepare_costs(labels, training), training), Error);
}

TEST(CostTraining, TheProgramTrainsAndSaves) {
  const test::Folder folder;
  const cost::LabelSet labels = made_labels(160);
  std::string text = labels.provenance.json().dump() + "\n";
  for (const auto& label : labels.labels) text += label.json().dump() + "\n";
  folder.write("labels.jsonl", text);
  const auto run = [&](const std::string& more) {
    const std::string command = fmt::format(
        "OMP_NUM_THREADS=1 '{}/hone-worker' cost-train {} --epochs 2 --hold-out three {} > {} 2> "
        "{}",
        HONE_PROGRAMS, folder.file("labels.jsonl"), more, folder.file("out"), folder.file("err"));
    return WEXITSTATUS(std::system(command.c_str()));
  };
  ASSERT_EQ(run("--model bag --json --out " + folder.file("model.json")), 0) << folder.read("err");
  const Json document = parse_json(folder.read("out"), "output");
  EXPECT_EQ(document["scores"].size(), 9u);
  EXPECT_EQ(document["scores"][0]["suite"], "kernels");
  const auto model = cost::NeuralCost::load(folder.file("model.json"));
  EXPECT_EQ(model.model().provenance["held_out"], Json({"three"}));
  EXPECT_EQ(run("--model bags"), 2);
  EXPECT_NE(folder.read("err").find("did you mean 'bag'"), std::string::npos) << folder.read("err");
}

TEST(CostTraining, HoneLearnsComparesAndUsesNetworks) {
  const test::Folder folder;
  const cost::LabelSet labels = made_labels(120);
  std::string text = labels.provenance.json().dump() + "\n";
  for (const auto& label : labels.labels) text += label.json().dump() + "\n";
  folder.write("labels.jsonl", text);
  folder.write("k.mlir", labels.labels.at(0).text);
  const std::string target = labels.labels.at(0).targets.begin()->first;
  test::Program learn(folder, {"cost", "learn", "labels.jsonl", "--model", "bag", "--time", "1 s", "--quiet",
                               "--target", target, "--out", "n.json"});
  ASSERT_EQ(learn.status(), 0) << learn.err();
  EXPECT_EQ(learn.err(), "");
  test::Program predict(folder, {"cost", "predict", "k.mlir", "--model", "n.json", "--json"});
  ASSERT_EQ(predict.status(), 0) << predict.err();
  const Json json = Json::parse(predict.out());
  EXPECT_EQ(json["kind"], "bag");
  EXPECT_EQ(json["provenance"]["machine"], labels.provenance.machine);
  EXPECT_GT(json["functions"][0]["costs"][target]["value"].get<double>(), 0.0);

  test::Program bench(
      folder, {"bench", "cost", "--data", ".", "--networks", "bag", "--time", "1 s", "--json", "--quiet"});
  ASSERT_EQ(bench.status(), 0) << bench.err();
  bool scored = false;
  for (const Json& score : Json::parse(bench.out()))
    scored = scored || (score["model"] == "bag" && score["target"] == target && score["mape"].is_number());
  EXPECT_TRUE(scored) << bench.out();
  test::Program wrong(folder, {"bench", "cost", "--data", ".", "--networks", "bags"});
  EXPECT_EQ(wrong.status(), 2);

  // A network that cannot be trained costs no other figure; options of the other kind are refused.
  std::string one = labels.provenance.json().dump() + "\n";
  for (const auto& label : labels.labels)
    if (label.family == labels.labels.at(0).family) one += label.json().dump() + "\n";
  std::filesystem::create_directory(folder.file("one"));
  folder.write("one/labels.jsonl", one);
  for (const char* name : {"labels.jsonl", "one/labels.jsonl"}) {
    test::Program refused(folder,
                          {"cost", "learn", name, "--model", "bag", "--trees", "3", "--out", "x.json"});
    EXPECT_EQ(refused.status(), 2) << refused.err();
  }
  test::Program family(folder, {"cost", "learn", "one/labels.jsonl", "--model", "bag", "--out", "x.json"});
  EXPECT_EQ(family.status(), 2);
  EXPECT_NE(family.err().find("one family"), std::string::npos) << family.err();
  EXPECT_FALSE(std::filesystem::exists(folder.file("x.json")));
  test::Program nothing(folder, {"bench", "cost", "--data", "one", "--networks", "bag", "--quiet"});
  EXPECT_NE(nothing.err().find("no figures of bag"), std::string::npos) << nothing.err();
}

}  // namespace
}  // namespace hone::learn
