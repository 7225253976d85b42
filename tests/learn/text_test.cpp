#include <cmath>
#include <set>

#include "../program.h"
#include "hone/base/rng.h"
#include "hone/identity/signature.h"
#include "hone/learn/language_model.h"
#include "hone/learn/text_training.h"
#include "hone/learn/train_design.h"
#include "hone/study/study.h"

namespace hone::learn {
namespace {

using test::Folder;

/// Text with something to learn and no two long passages alike.
std::string some_text(std::size_t words, std::uint64_t seed = 1) {
  const std::vector<std::string> stock{"the",   "model", "learns", "cheap", "light", "tokens",
                                       "grow",  "and",   "every",  "layer", "costs", "time",
                                       "quick", "brown", "search", "front", "Müller"};
  Rng rng(seed, "text");
  std::string text;
  for (std::size_t i = 0; i < words; ++i)
    text += stock[rng.below(stock.size())] + (i % 11 == 10 ? ".\n" : " ");
  return text;
}

class Text : public testing::Test {
 protected:
  Text() {
    folder_.write("d.txt", some_text(6000));
    ::setenv("HONE_LOCK_DIR", folder_.path().c_str(), 1);
    task_ = make({});
  }
  std::shared_ptr<const task::TextTask> make(Json options) {
    options["data"] = "d.txt";
    options["validation_chars"] = 2048;
    if (!options.contains("context")) options["context"] = 16;
    options["batch"] = 8;
    return std::dynamic_pointer_cast<const task::TextTask>(
        task::make_task("text", Options(task::TextTask::option_specs(), options), folder_.path()));
  }
  std::unique_ptr<task::Evaluator> evaluator(std::shared_ptr<const task::TextTask> task) {
    return methods().maker<task::MakeEvaluator>("evaluator", "text")(task, task->options(), folder_.path());
  }
  static space::Config config(std::vector<std::string> mixers, std::int64_t width = 16, double lr = 1e-2) {
    std::vector<space::Config::Entry> entries;
    for (std::size_t i = 0; i < mixers.size(); ++i)
      entries.emplace_back("mixer." + std::to_string(i), Value(mixers[i]));
    entries.emplace_back("width", Value(width));
    entries.emplace_back("heads", Value(std::int64_t{2}));
    entries.emplace_back("lr", Value(lr));
    return space::Config(entries);
  }
  struct Silent : task::Reporter {
    int left = 1 << 30;
    Verdict report(std::int64_t, const study::Measures&) override { return Verdict::go_on; }
    bool interrupted() override { return left-- <= 0; }
  };
  task::Assignment assignment(const space::Config& config, std::int64_t from, std::int64_t to,
                              const std::string& file) {
    task::Assignment a;
    a.trial.config = config;
    a.trial.seed = 5;
    a.from = from;
    a.to = to;
    a.horizon = 30;
    a.checkpoint = folder_.file(file);
    return a;
  }

  Folder folder_;
  std::shared_ptr<const task::TextTask> task_;
};

TEST_F(Text, LearnsWithEveryKindOfLayer) {
  const auto runner = evaluator(task_);
  const double chance = std::log2(task_->corpus().vocabulary());
  for (const auto& mixers : std::vector<std::vector<std::string>>{
           {"none"}, {"attention"}, {"multi_query"}, {"pattention"}, {"pattention", "attention"}}) {
    Silent reporter;
    const auto outcome =
        runner->run(assignment(config(mixers), 0, 30, mixers[0] + std::to_string(mixers.size())), reporter);
    ASSERT_EQ(outcome.ending, task::Ending::reached) << outcome.reason;
    EXPECT_LT(*outcome.measures.find("bits_per_char"), 0.9 * chance) << mixers[0];
    EXPECT_GT(*outcome.measures.find("bits_per_char"), 0.5);
    EXPECT_FALSE(outcome.curve.empty());
  }
}

TEST_F(Text, AnyPartOfALayerCanBeTokenParameters) {
  const auto task = make({{"feedforward", "pattention"}, {"ffn_tokens", 24}});
  const auto design = config({"attention"});
  int tokenized = 0, linear = 0;
  const graph::Graph graph = *task->graph(design);
  for (const auto& node : graph.nodes()) {
    tokenized += node.op == "token_parameter_attention";
    linear += node.op == "linear";
  }
  EXPECT_EQ(tokenized, 1);
  EXPECT_EQ(linear, 5) << "query, key, value, output and the head";
  Silent reporter;
  EXPECT_EQ(evaluator(task)->run(assignment(design, 0, 10, "mixed"), reporter).ending, task::Ending::reached);
}

TEST_F(Text, StopsAndGoesOnBitForBit) {
  const auto design = config({"pattention", "attention"});
  Silent reporter;
  const auto whole = evaluator(task_)->run(assignment(design, 0, 30, "whole"), reporter);
  // In pieces: a rung, an interruption in the middle of the next, another process's evaluator each time.
  EXPECT_EQ(evaluator(task_)->run(assignment(design, 0, 10, "part"), reporter).ending, task::Ending::reached);
  Silent stopping;
  stopping.left = 7;
  const auto stopped = evaluator(task_)->run(assignment(design, 10, 30, "part"), stopping);
  EXPECT_EQ(stopped.ending, task::Ending::interrupted);
  EXPECT_EQ(stopped.fidelity, 17);
  const auto rest = evaluator(task_)->run(assignment(design, 10, 30, "part"), reporter);
  EXPECT_EQ(*whole.measures.find("bits_per_char"), *rest.measures.find("bits_per_char"));
  const auto a = train::Checkpoint::load(folder_.file("whole")),
             b = train::Checkpoint::load(folder_.file("part"));
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i)
    EXPECT_TRUE(torch::equal(a.tensors[i].second, b.tensors[i].second)) << a.tensors[i].first;
}

TEST_F(Text, MemoryIsTheSameWhereverATrialWasInterrupted) {
  const auto task = make({{"context", 64}});
  const auto design = config({"attention", "attention"}, 128);
  const auto bytes = [&](std::int64_t from, std::int64_t to, const std::string& file) {
    Silent reporter;
    const auto outcome = evaluator(task)->run(assignment(design, from, to, file), reporter);
    EXPECT_EQ(outcome.ending, task::Ending::reached) << outcome.reason;
    return *outcome.measures.find("memory_bytes");
  };
  bytes(0, 3, "first");  // a process's first trial makes what its libraries keep
  const double whole = bytes(0, 10, "whole");
  EXPECT_GT(whole, 5e6) << "weights, gradients and two moments of 0.4 million parameters alone are 6 MB";
  EXPECT_EQ(bytes(10, 10, "whole"), whole) << "interrupted while it was validated";
  EXPECT_EQ(bytes(10, 11, "whole"), whole);
  EXPECT_EQ(bytes(11, 20, "whole"), whole);
  // A checkpoint that says nothing of it.
  const auto forget = [&](const std::string& file) {
    auto checkpoint = train::Checkpoint::load(folder_.file(file));
    EXPECT_EQ(checkpoint.header.at("notes").erase("memory_bytes"), 1u);
    checkpoint.save(folder_.file(file));
  };
  forget("whole");
  EXPECT_NEAR(bytes(20, 20, "whole") / whole, 1.0, 0.3);
  EXPECT_EQ(train::Checkpoint::load(folder_.file("whole")).header.at("trainer").at("steps"), 20)
      << "what is trained to measure it alone is not kept";
  EXPECT_NEAR(bytes(20, 21, "whole") / whole, 1.0, 0.3);
  EXPECT_NEAR(bytes(0, 1, "short") / whole, 1.0, 0.3) << "a trial of one step";
}

TEST_F(Text, ADamagedCheckpointIsPutAside) {
  folder_.write("part", "HONECKPT but no more");
  Silent reporter;
  auto damaged = assignment(config({"attention"}), 10, 20, "part");
  damaged.folder = folder_.file("trials/0");
  damaged.trial.attempts = 2;
  const auto outcome = evaluator(task_)->run(damaged, reporter);
  EXPECT_EQ(outcome.ending, task::Ending::reached);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("part.unusable")));
  const std::string log = folder_.read("trials/0/output.log");
  EXPECT_TRUE(log.starts_with("--- attempt 2")) << log;
  EXPECT_NE(log.find("begins anew"), std::string::npos) << log;
}

TEST_F(Text, DivergenceIsAFailureWithItsReason) {
  Silent reporter;
  const auto hot = make({{"clip", 0.0}, {"weight_decay", 0.0}, {"decay", "constant"}, {"warmup", 0.0}});
  const auto outcome =
      evaluator(hot)->run(assignment(config({"attention", "attention"}, 16, 10.0), 0, 30, "hot"), reporter);
  EXPECT_EQ(outcome.ending, task::Ending::failed);
  EXPECT_EQ(outcome.reason.rfind("diverged", 0), 0u) << outcome.reason;
}

TEST_F(Text, TheSignatureKnowsWhatAModelComputes) {
  const auto runner = evaluator(task_);
  const auto key = [&](const space::Config& config) {
    const auto signature = identity::signature(runner->probe(config), *task_->unseen_by_probe(config));
    return signature ? std::optional(signature->key) : std::nullopt;
  };
  const auto structure = [&](const space::Config& config) {
    return graph::canonical(*task_->graph(config)).key;
  };
  const auto a = config({"attention", "none", "pattention"}), b = config({"none", "attention", "pattention"});
  EXPECT_NE(a.key(), b.key());
  EXPECT_EQ(structure(a), structure(b));
  ASSERT_TRUE(key(a));
  EXPECT_EQ(key(a), key(b));
  EXPECT_EQ(key(a), key(a)) << "every random source is reset";
  std::set<std::string> keys{key(a)->hex()};
  for (const auto& other :
       {config({"pattention", "attention"}), config({"attention", "pattention"}, 32), config({"attention"}),
        config({"attention", "none", "pattention"}, 16, 1.05e-2), config({"multi_query", "pattention"})})
    EXPECT_TRUE(keys.insert(key(other)->hex()).second) << other.shown();
  // What the probe cannot see enters literally.
  EXPECT_NE(*task_->unseen_by_probe(a), *make({{"weight_decay", 0.2}})->unseen_by_probe(a));
  EXPECT_NE(*task_->unseen_by_probe(a), *make({{"warmup", 0.2}})->unseen_by_probe(a));
}

TEST_F(Text, AGiantIsTurnedAwayBeforeItIsBuilt) {
  auto giant = config({"attention", "attention"}, 8192).entries();
  giant.emplace_back("expansion", Value(std::int64_t{16}));
  giant.emplace_back("layers", Value(std::int64_t{64}));
  giant.erase(giant.begin(), giant.begin() + 2);
  const space::Config design(giant);
  EXPECT_GT(*task_->design_costs(design).find("parameters"), 1e10);
  EXPECT_THROW(evaluator(task_)->costs(design, {}), Error);
}

TEST_F(Text, AContextLongerThanTheTextIsInfeasibleNotWild) {
  auto design = config({"attention"});
  auto entries = design.entries();
  entries.emplace_back("context", Value(std::int64_t{8000}));
  Silent reporter;
  EXPECT_THROW(evaluator(task_)->run(assignment(space::Config(entries), 0, 5, "long"), reporter), Error);
}

TEST_F(Text, MeasuresCostsBeforeTraining) {
  const auto runner = evaluator(task_);
  const auto small = runner->costs(config({"none"}), {});
  const auto large = runner->costs(config({"attention", "attention", "attention", "attention"}, 64), {});
  EXPECT_GT(*small.find("latency_s"), 0.0);
  EXPECT_GT(*large.find("latency_s"), *small.find("latency_s"));
  auto all = large;
  all.merge(task_->design_costs(config({"attention", "attention", "attention", "attention"}, 64)));
  for (const auto& info : task_->measures()) {
    if (info.before) {
      EXPECT_TRUE(all.find(info.name)) << info.name;
    }
  }
}

TEST_F(Text, CostsAreThoseOfTheWholeWindow) {
  folder_.write("d.txt", some_text(20000));
  const auto design = config({"attention", "attention"});
  const auto short_task = make({{"context", 16}}), long_task = make({{"context", 2048}});
  const auto flops = [&](const task::TextTask& task) { return *task.design_costs(design).find("flops"); };
  // A query's products with one more key and value, scaled, masked and summed, in two layers of two heads.
  EXPECT_NEAR(flops(*long_task) - flops(*short_task), (2048 - 16) * 2 * 2 * (4.0 * 8 + 6.0), 1.0);
  EXPECT_GT(*evaluator(long_task)->costs(design, {}).find("latency_s"), 0.0);
  EXPECT_NE(short_task->cost_terms(design), long_task->cost_terms(design)) << "neither has the other's costs";
}

TEST_F(Text, TrainsADesignAndWritesTextWithIt) {
  study::Trial trial;
  trial.config = config({"attention", "pattention"}, 32);
  TrainDesign design;
  design.steps = 60;
  design.output = folder_.file("models/m.model");
  int calls = 0;
  design.interrupted = [&] { return ++calls > 20; };
  EXPECT_FALSE(train_design(task_, trial, design).finished);
  EXPECT_TRUE(std::filesystem::exists(design.output + ".part"));
  design.interrupted = {};
  const auto trained = train_design(task_, trial, design);
  EXPECT_TRUE(trained.finished);
  EXPECT_FALSE(std::filesystem::exists(design.output + ".part"));
  EXPECT_TRUE(trained.measures.find("test_bits_per_char"));
  TrainDesign at_once = design;
  at_once.output = folder_.file("models/whole.model");
  EXPECT_EQ(trained.measures.find("train_bits_per_char"),
            train_design(task_, trial, at_once).measures.find("train_bits_per_char"));

  auto model = LanguageModel::load(design.output);
  SamplingOptions sampling;
  sampling.characters = 120;  // over the context of 16 many times
  const std::string text = model.generate("the mod", sampling);
  EXPECT_EQ(text, LanguageModel::load(design.output).generate("the mod", sampling))
      << "a seed gives one text";
  sampling.seed = 1;
  EXPECT_NE(text, model.generate("the mod", sampling));
  sampling.temperature = 0.0;
  EXPECT_EQ(model.generate("", sampling).size() >= 120, true);
  EXPECT_NO_THROW(model.generate("日本 never seen", sampling));
  EXPECT_THROW(model.generate("\xff", sampling), Error);
  folder_.write("no.model", "hello");
  EXPECT_THROW(LanguageModel::load(folder_.file("no.model")), Error);
}

TEST_F(Text, WhatCannotBeSavedIsNotTrained) {
  study::Trial trial;
  trial.config = config({"attention"});
  TrainDesign design;
  design.steps = 5;
  bool trained = false;
  design.progress = [&](double, double, double) { trained = true; };
  folder_.write("file", "");
  for (const std::string& output : {folder_.path(), folder_.file("file") + "/m.model"}) {
    design.output = output;
    try {
      train_design(task_, trial, design);
      ADD_FAILURE() << output;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
    }
  }
  EXPECT_FALSE(trained);
}

TEST_F(Text, SearchesWithTheRealPrograms) {
  folder_.write("s.toml", R"([study]
minimize = ["bits_per_char", "flops"]
seed = 2
[task]
kind = "text"
data = "d.txt"
context = 16
batch = 4
validation_chars = 1024
[space]
mixer = { list = 2, choice = ["attention", "pattention", "none"] }
width = { int = [16, 32], step = 16 }
heads = [1, 2]
lr = [0.003, 0.01]
[limits]
parameters = { max = 30000 }
[search]
searcher = "tpe"
scheduler = { kind = "asha", steps = [3, 9], eta = 2 }
[budget]
trials = 20
workers = 2
)");
  test::Program search(folder_, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  const Json done = Json::parse(search.out());
  EXPECT_EQ(done["trials"], 20);
  EXPECT_EQ(done["counts"]["failed"], 0) << search.out();
  EXPECT_GE(done["front"].size(), 2u);
  test::Program train(folder_, {"train", "s.toml", "--best", "flops", "--steps", "12", "--json"});
  ASSERT_EQ(train.status(), 0) << train.err();
  const Json model = Json::parse(train.out());
  test::Program generate(folder_,
                         {"generate", model["model"], "--prompt", "the ", "--chars", "20", "--json"});
  ASSERT_EQ(generate.status(), 0) << generate.err();
  EXPECT_GE(Json::parse(generate.out())["text"].get<std::string>().size(), 20u);
  const auto drawn = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", model["model"], "--prompt", "the ", "--chars", "40", "--json"});
    test::Program program(folder_, more);
    EXPECT_EQ(program.status(), 0) << program.err();
    return Json::parse(program.out())["text"].get<std::string>();
  };
  const std::string first = drawn({"--seed", "1"});
  EXPECT_EQ(drawn({"--seed", "1"}), first);
  EXPECT_NE(drawn({"--seed", "2"}), first);
  EXPECT_EQ(drawn({"--top-k", "1", "--seed", "1"}), drawn({"--temperature", "0", "--seed", "2"}))
      << "always the likeliest";
  test::Program from_trial(folder_, {"generate", "s.toml", "--best", "bits_per_char", "--chars", "20"});
  EXPECT_EQ(from_trial.status(), 0) << from_trial.err();

  // What it trained on is gone: neither goes on with other data.
  folder_.write("d.txt", some_text(6000, 2));
  for (const char* command : {"train", "search"}) {
    test::Program other(folder_, {command, "s.toml"});
    EXPECT_EQ(other.status(), 2) << command;
    EXPECT_NE(other.err().find("data"), std::string::npos) << other.err();
  }
}

TEST_F(Text, OneWorkerAndOneSeedGiveTheSameLosses) {
  const std::string text = R"([study]
minimize = ["bits_per_char"]
seed = 2
[task]
kind = "text"
data = "../d.txt"
context = 16
batch = 4
validation_chars = 1024
mixer = "pattention"
layers = 1
[space]
width = { int = [8, 32], step = 8 }
lr = { real = [1e-3, 3e-2], log = true }
[search]
scheduler = { kind = "asha", steps = [2, 4, 8], eta = 2 }
[budget]
trials = 12
workers = 1
)";
  std::vector<std::string> runs;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directory(folder_.file(name));
    folder_.write(std::string(name) + "/s.toml", text);
    test::Program search(folder_, {"search", std::string(name) + "/s.toml"});
    ASSERT_EQ(search.status(), 0) << search.err();
    study::Study study(
        study::open_store("sqlite:" + folder_.file(std::string(name) + "/s.hone/study.sqlite")));
    study.sync();
    std::string all;
    for (const auto& trial : study.trials()) {
      all += trial.config.shown() + ":";
      for (const auto& result : trial.results) all += real_text(*result.measures.find("bits_per_char")) + ",";
      for (const auto& [step, loss] : trial.curve) all += real_text(loss) + ";";
    }
    runs.push_back(all);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace
}  // namespace hone::learn
