// How runs of peers end, and what they are told that evaluations cost.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/comparison.h"
#include "hone/task/recorded.h"

namespace hone::run {
namespace {

const std::filesystem::path kAdapters = std::filesystem::path(__FILE__).parent_path() / "../../bench/peers";

/// Goes through a parameter's values, or tenths of its range, and does what its method says, a JSON object:
/// has nothing more to propose or dies at a trial, asks for one trial at a time, goes on with its first
/// trial, dies with a seed, hangs on spaces of so many parameters. What it is sent goes into the file "sent".
const char* kAdapter = R"(import json, os, sys, time
for text in sys.stdin:
    line = json.loads(text)
    if line["do"] != "ask":
        open(os.path.join(os.path.dirname(__file__), "sent"), "a").write(text)
    answer = {"ms": 0.5}
    if line["do"] == "start":
        method, space, rungs, running, asks = json.loads(line["method"]), line["space"], line["rungs"], 0, 0
        answer["version"] = "fake 1"
        if method.get("dies_with") == line["seed"]:
            sys.exit(3)
    elif line["do"] == "ask":
        k = line["trial"]
        if method.get("dies_at") == k:
            sys.stderr.write("out of ideas\n")
            sys.exit(3)
        if method.get("hangs_on") == len(space):
            time.sleep(1000)
        answer["config"] = {}
        for p in space:
            values = p.get("values") or [p["low"] + i / 10 * (p["high"] - p["low"]) for i in range(10)]
            answer["config"][p["name"]] = values[k % len(values)]
        if "goes_on" in method:
            answer["trial"], answer["to"] = 0, rungs[min(k, 1) * (len(rungs) - 1)]
        if method.get("null_at", k + 1) <= k or ("one" in method and running):
            answer["config"] = None
        else:
            running += 1
    elif line["do"] == "tell":
        running -= 1
    print(json.dumps(answer), flush=True)
)";

Problem table_problem(const std::string& name, const char* description, const std::string& rows) {
  return Problem(std::make_shared<const task::Recorded>(
      name, std::vector{std::make_shared<const task::Table>(task::Table::parse(description, rows, name))},
      task::RecordedUse{}));
}

/// Eight configs, of which the last is the best one; x takes x + 1 seconds.
Problem eight() {
  std::string rows = "x,loss,runtime_s\n";
  for (int x = 0; x < 8; ++x) rows += fmt::format("{},{},{}\n", x, 8 - x, x + 1);
  return table_problem("eight",
                       R"({"space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]},
                           "metrics": {"loss": {"goal": "min"}, "runtime_s": {"unit": "s"}}})",
                       rows);
}

class PeerRuns : public ::testing::Test {
 protected:
  PeerRuns() { folder.write("adapter.py", kAdapter); }

  Contender peer(const Json& method) const {
    Json entry{{"name", "fake"}, {"adapter", "adapter.py"}, {"method", method.dump()}, {"environment", ""}};
    entry["fidelity"] = method.contains("goes_on");
    return listed(std::move(entry));
  }
  /// Of an adapter of hone's, whose package is what the test's folder holds.
  Contender adapter(const std::string& file, const std::string& method) const {
    return listed({{"name", "fake"},
                   {"adapter", std::filesystem::canonical(kAdapters / file).string()},
                   {"method", method},
                   {"environment", ""}});
  }
  Contender listed(Json entry) const {
    folder.write("peers.json", Json{{"peers", Json::array({std::move(entry)})}}.dump());
    Contender contender;
    contender.name = "peer:fake";
    contender.peer = peer_methods(folder.path());
    contender.version = contender.peer.front().version;
    return contender;
  }
  static Contender random() {
    Contender contender;
    contender.name = contender.searcher = "random";
    contender.version = "this";
    return contender;
  }
  std::vector<Json> sent(const std::string& what) const {
    std::vector<Json> list;
    std::istringstream lines(folder.read("sent"));
    for (std::string line; std::getline(lines, line);)
      if (Json json = parse_json(line, "sent"); json["do"] == what) list.push_back(std::move(json));
    return list;
  }

  test::Folder folder;
  std::vector<Suite> suites = function_suites();
  const Problem& branin = find_problem(suites, "branin");
};

TEST_F(PeerRuns, NothingMoreToProposeEndsARunThatCounts) {
  Comparison comparison;
  comparison.problems = {eight()};
  comparison.contenders = {random(), peer({{"null_at", 3}})};
  comparison.trials = 5;
  comparison.seeds = 2;
  const auto results = compare(comparison, "");
  EXPECT_TRUE(results.skips.empty());
  EXPECT_TRUE(results.broken.empty());
  ASSERT_EQ(results.runs.size(), 4U);
  EXPECT_EQ(results.runs[2].evaluations, 3);
  EXPECT_EQ(results.runs[2].ms.size(), 3U);
  const auto summary = summarise(comparison, results);
  EXPECT_EQ(summary.ranked, (std::vector<std::string>{"random", "peer:fake"}));
  EXPECT_NEAR(summary.cells.at({"eight", "peer:fake"}).regret.back(), eight().normalised_regret(6.0), 1e-6);
}

TEST_F(PeerRuns, UnderTheClockNothingNowIsNotNothingMore) {
  // One trial at a time, whatever workers there are: 0, 1 and 2 take 6 seconds of 5 * 4.5 / 2.
  const ComparisonRun one = compare_one(eight(), peer({{"one", true}}), 1, 5, 2);
  EXPECT_GE(one.evaluations, 3);
  EXPECT_TRUE(std::isinf(one.broke_at));
  const ComparisonRun ends = compare_one(eight(), peer({{"null_at", 3}}), 1, 5, 2);
  EXPECT_EQ(ends.evaluations, 3);
  EXPECT_DOUBLE_EQ(ends.regret_at(5.0), eight().normalised_regret(6.0));
}

TEST_F(PeerRuns, WhatAPeerDidBeforeItBrokeIsShownWithoutARank) {
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {random(), peer({{"dies_at", 30}})};
  comparison.trials = 50;
  comparison.seeds = 2;
  const auto results = compare(comparison, folder.file("runs.jsonl"));
  EXPECT_EQ(results.runs.size(), 2U) << "random's alone";
  ASSERT_EQ(results.broken.size(), 1U) << "the other seed would fare no better";
  EXPECT_EQ(results.broken[0].evaluations, 30);
  EXPECT_DOUBLE_EQ(results.broken[0].broke_at, 30.0);
  const auto summary = summarise(comparison, results);
  EXPECT_EQ(summary.ranked, std::vector<std::string>{"random"});
  EXPECT_EQ(summary.unranked, std::vector<std::string>{"peer:fake"});
  const auto& cell = summary.cells.at({"branin", "peer:fake"});
  const ComparisonRun whole = compare_one(branin, peer(Json::object()), 1, 25, 1);
  EXPECT_NEAR(cell.regret[0], whole.regret_at(25), 1e-6);
  EXPECT_TRUE(std::isnan(cell.regret[1])) << "nobody knows what it would have found after 50";
  for (const auto& [x, regret] : cell.curve) EXPECT_LE(x, 30.0);
  const auto lines = left_out_lines(results, summary);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("out of ideas (branin after 30 of 50 evaluations)"), std::string::npos) << lines[0];
  const std::string text = comparison_text(comparison, results, summary);
  EXPECT_NE(text.find("peer:fake has no rank"), std::string::npos) << text;
  EXPECT_NE(comparison_page(comparison, results, summary, "t").find("after 30 of 50 evaluations"),
            std::string::npos);
  EXPECT_EQ(comparison_json(comparison, summary)[1]["regret"][1], Json());
  // It is tried anew: what broke once need not break again.
  EXPECT_EQ(compare(comparison, folder.file("runs.jsonl")).broken.size(), 1U);
  EXPECT_EQ(sent("start").size(), 3U);  // two of them of the comparison
}

TEST_F(PeerRuns, ABrokenRunSaysNothingBesideAWholeOne) {
  const auto made = [](std::uint64_t seed, double regret) {
    ComparisonRun run;
    run.problem = "branin";
    run.contender = "peer:fake";
    run.seed = seed;
    run.trials = 50;
    run.evaluations = 50;
    run.best = {{1.0, regret}};
    return run;
  };
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {peer(Json::object())};
  comparison.trials = 50;
  comparison.seeds = 2;
  ComparisonResults results;
  results.runs = {made(1, 0.5)};
  results.broken = {made(2, 0.1)};
  results.broken[0].broke_at = 30.0;
  const auto summary = summarise(comparison, results);
  EXPECT_EQ(summary.ranked, std::vector<std::string>{"peer:fake"}) << "by the seed that it ran to the end";
  EXPECT_EQ(summary.cells.at({"branin", "peer:fake"}).regret, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(summary.lacks.size(), 1U);
}

TEST_F(PeerRuns, OneThatHangsIsNotWaitedForOnEveryProblem) {
  Comparison comparison;
  comparison.contenders = {peer({{"hangs_on", 2}}), random()};
  comparison.trials = 5;
  comparison.seeds = 3;
  const auto compare_on = [&](const std::vector<const char*>& names, double answer_s) {
    comparison.problems.clear();
    for (const char* name : names) comparison.problems.push_back(find_problem(suites, name));
    comparison.contenders[0].peer.front().answer_s = answer_s;
    return compare(comparison, folder.file("runs.jsonl"));
  };
  EXPECT_EQ(compare_on({"hartmann3"}, 900.0).runs.size(), 6U);
  const std::vector<const char*> names{"branin", "six_hump_camel", "goldstein_price", "hartmann3"};
  for (const char* again : {"", "a later command tries it again"}) {
    const auto results = compare_on(names, 0.5);
    EXPECT_EQ(results.runs.size(), 3U + 12U) << "what was run before, and random's " << again;
    ASSERT_EQ(results.skips.size(), 3U) << again;
    EXPECT_EQ(results.skips[0].why, "peer fake gave no answer for 0.5 s");
    EXPECT_EQ(results.skips[1].why, results.skips[0].why) << "the first problem may have been to blame";
    EXPECT_EQ(left_out_lines(results, summarise(comparison, results)).back(),
              "peer:fake: not run: it gave no answer on 2 problems; the same command tries it again "
              "(goldstein_price)");
  }
}

TEST_F(PeerRuns, OneThatFailsWithSomeSeedsCutsNobodyElsesRuns) {
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {random(), peer({{"dies_with", 2}})};
  comparison.trials = 5;
  comparison.seeds = 3;
  const auto results = compare(comparison, "");
  EXPECT_EQ(results.runs.size(), 4U);
  const auto summary = summarise(comparison, results);
  EXPECT_EQ(summary.ranked, (std::vector<std::string>{"random", "peer:fake"}));
  double mean = 0.0;
  for (std::size_t seed = 0; seed < 3; ++seed) mean += results.runs[seed].best.back().second / 3.0;
  EXPECT_DOUBLE_EQ(summary.mean_regret.at("random").back(), mean);
  const auto lines = left_out_lines(results, summary);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1], "peer:fake: 1 of 3 seeds are there; its rank and means are over those (branin)");
}

TEST_F(PeerRuns, ABreakAfterTheLastConfigIsNone) {
  const ComparisonRun whole = compare_one(eight(), peer({{"dies_at", 8}}), 1, 12, 1);
  EXPECT_EQ(whole.evaluations, 8);
  EXPECT_TRUE(std::isinf(whole.broke_at));
  EXPECT_DOUBLE_EQ(whole.regret_at(12), 0.0);
  try {
    compare_one(eight(), peer({{"dies_at", 7}}), 1, 12, 1);
    FAIL();
  } catch (const BrokenRun& broken) {
    EXPECT_EQ(broken.run().evaluations, 7);
    EXPECT_EQ(broken.reached(), "after 7 of 12 evaluations");
    EXPECT_NE(std::string(broken.what()).find("out of ideas"), std::string::npos) << broken.what();
  }
  // Under the clock it is asked before the last ones have ended.
  EXPECT_TRUE(std::isinf(compare_one(eight(), peer({{"dies_at", 20}}), 1, 40, 2).broke_at));
  try {
    compare_one(eight(), peer({{"dies_at", 4}}), 1, 40, 2);
    FAIL();
  } catch (const BrokenRun& broken) {
    // 0 and 1 begin at once, 2 and 3 when those end, and the next when 2 does, after 4 seconds; two workers
    // finish an evaluation of mean length, by draws, in 2.25 seconds or so.
    EXPECT_NEAR(broken.run().broke_at, 4.0 / 2.25, 0.2);
    EXPECT_EQ(broken.run().evaluations, 4);
    EXPECT_NE(broken.reached().find(" of 40 evaluations' worth of time"), std::string::npos);
  }
  // Before the first evaluation there is nothing to keep.
  try {
    compare_one(eight(), peer({{"dies_at", 0}}), 1, 12, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(dynamic_cast<const BrokenRun*>(&error), nullptr);
  }
}

TEST_F(PeerRuns, RecordedSecondsAreTold) {
  compare_one(eight(), peer(Json::object()), 1, 3, 1);
  ASSERT_EQ(sent("start").size(), 1U);
  EXPECT_EQ(sent("start")[0]["seconds"], true);
  ASSERT_EQ(sent("tell").size(), 3U);
  for (int x = 0; x < 3; ++x) EXPECT_EQ(sent("tell")[static_cast<std::size_t>(x)]["seconds"], x + 1.0);
  compare_one(branin, peer(Json::object()), 1, 3, 1);
  EXPECT_EQ(sent("start")[1]["seconds"], false) << "a function costs what it costs";
  ASSERT_EQ(sent("tell").size(), 6U);
  EXPECT_FALSE(sent("tell")[3].contains("seconds"));
}

TEST_F(PeerRuns, SecondsOfATrialThatGoesOnAreThoseSinceItWasAskedFor) {
  std::string rows = "x,loss_0,loss_1,loss_2,loss_3,loss_4,loss_5,loss_6,loss_7,loss_8,runtime_s\n";
  for (int x = 0; x < 8; ++x) rows += fmt::format("{},9,8,7,6,5,4,3,2,{},18\n", x, 1 + x);
  const Problem curves = table_problem("curves",
                                       R"({"space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics":
                                           {"loss": {"goal": "min", "steps": 9}, "runtime_s": {"unit": "s"}}})",
                                       rows);
  compare_one(curves, peer({{"goes_on", true}, {"one", true}}), 1, 2, 2);
  const auto rungs = sent("start")[0]["rungs"];
  ASSERT_GE(sent("tell").size(), 2U);
  const double first = 18.0 * rungs.front().get<double>() / 9.0;
  EXPECT_DOUBLE_EQ(sent("tell")[0]["seconds"].get<double>(), first);
  EXPECT_DOUBLE_EQ(sent("tell")[1]["seconds"].get<double>(), 18.0 - first);
}

/// Modules that stand for a library: they note what they are told and propose what a test expects.
class PeerAdapters : public PeerRuns {
 protected:
  PeerAdapters() {
    ::setenv("PYTHONPATH", folder.path().c_str(), 1);
    ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);  // the source folder stays as it is
  }
  ~PeerAdapters() override {
    ::unsetenv("PYTHONPATH");
    ::unsetenv("PYTHONDONTWRITEBYTECODE");
  }
  void module(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(folder.file(path)).parent_path());
    folder.write(path, text);
  }
  void package(const std::string& name) const {
    module(name + "-1.dist-info/METADATA",
           fmt::format("Metadata-Version: 2.1\nName: {}\nVersion: 1\n", name));
  }
};

TEST_F(PeerAdapters, FlamlTakesSecondsAsCostsAndEnds) {
  package("FLAML");
  module("flaml/tune/searcher/__init__.py", "");
  module("flaml/tune/searcher/blendsearch.py", "import time\n");
  module("flaml/tune/__init__.py", R"(class Domain:
    pass
def choice(values):
    return Domain()
def randint(low, high):
    return Domain()
lograndint = uniform = loguniform = randint
)");
  module("flaml/__init__.py", R"(import json, os
from flaml.tune.searcher import blendsearch
def note(line):
    open(os.path.join(os.environ["PYTHONPATH"], "noted"), "a").write(json.dumps(line) + "\n")
class CFO:
    def __init__(self, space, cost_attr=None, **_):
        self.space, self.left, self.refused = space, list(range(5)), 0
        note(cost_attr)
    def suggest(self, name):
        return {key: self.left.pop(0) for key in self.space} if self.left else None
    def on_trial_complete(self, name, result, error):
        note([result["loss"], result["time_total_s"], blendsearch.time.time() < 1e6])
class BlendSearch(CFO):
    pass
)");
  const auto noted = [&] {
    const std::string text = folder.read("noted");
    std::filesystem::remove(folder.file("noted"));
    return text;
  };
  const ComparisonRun run = compare_one(eight(), adapter("flaml_peer.py", "cfo"), 1, 8, 1);
  EXPECT_EQ(run.evaluations, 5);
  EXPECT_EQ(noted(),
            "\"time_total_s\"\n[8.0, 1.0, true]\n[7.0, 2.0, true]\n[6.0, 3.0, true]\n[5.0, 4.0, true]\n"
            "[4.0, 5.0, true]\n")
      << "its clock shows recorded seconds";
  std::string rows = "x,loss\n";
  for (int x = 0; x < 8; ++x) rows += fmt::format("{},{}\n", x, 8 - x);
  const Problem untimed = table_problem(
      "untimed", R"({"space": {"x": [0, 1, 2, 3, 4, 5, 6, 7]}, "metrics": {"loss": {"goal": "min"}}})", rows);
  compare_one(untimed, adapter("flaml_peer.py", "cfo"), 1, 2, 1);
  EXPECT_EQ(noted(), "null\n[8.0, 1.0, false]\n[7.0, 1.0, false]\n") << "and the day's where there are none";
}

TEST_F(PeerAdapters, SmacTakesSecondsAndEnds) {
  package("smac");
  module("ConfigSpace.py", R"(class Parameter:
    def __init__(self, name, *_, **__):
        self.name = name
CategoricalHyperparameter = UniformIntegerHyperparameter = UniformFloatHyperparameter = Parameter
class ConfigurationSpace(dict):
    def __init__(self, seed):
        super().__init__()
    def add(self, many):
        self.update({one.name: one for one in many})
)");
  module("smac/runhistory/__init__.py", "");
  module("smac/runhistory/enumerations.py", "class StatusType:\n    SUCCESS, CRASHED = 1, 2\n");
  module("smac/runhistory/dataclasses.py", R"(class TrialValue:
    def __init__(self, cost, time, status):
        self.cost, self.time = cost, time
)");
  module("smac/__init__.py", R"(import os
class Scenario:
    def __init__(self, space, **_):
        self.space = space
class Info:
    def __init__(self, config):
        self.config = config
class HyperparameterOptimizationFacade:
    def __init__(self, scenario, *_, **__):
        self.trials = (Info({name: k for name in scenario.space}) for k in range(3))
    def ask(self):
        return next(self.trials)
    def tell(self, info, value, save):
        path = os.path.join(os.environ["PYTHONPATH"], "noted")
        open(path, "a").write(f"{value.cost} {value.time}\n")
MultiFidelityFacade = BlackBoxFacade = HyperparameterOptimizationFacade
)");
  const ComparisonRun run = compare_one(eight(), adapter("smac_peer.py", "hpo"), 1, 8, 1);
  EXPECT_EQ(run.evaluations, 3);
  EXPECT_EQ(folder.read("noted"), "8.0 1.0\n7.0 2.0\n6.0 3.0\n");
}

}  // namespace
}  // namespace hone::run
