#include "hone/run/comparison.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "../program.h"
#include "../task/made_table.h"
#include "hone/base/error.h"
#include "hone/task/recorded.h"

namespace hone::run {
namespace {

/// An adapter of the least kind: it proposes the lower ends, then the middle, writes a line a start into the
/// file "starts", and misbehaves where its method says so.
const char* kAdapter = R"(import json, os, sys
method = ""
for text in sys.stdin:
    line = json.loads(text)
    answer = {"ms": 0.5}
    if line["do"] == "start":
        method, space, rungs = line["method"], line["space"], line["rungs"]
        open(os.path.join(os.path.dirname(__file__), "starts"), "a").write(method + "\n")
        open(os.path.join(os.path.dirname(__file__), "space.json"), "w").write(json.dumps(space))
        answer["version"] = "fake 1"
    elif line["do"] == "ask":
        if method == "dies" and line["trial"] == 2:
            sys.stderr.write("out of ideas\n")
            sys.exit(3)
        if method == "nonsense" and line["trial"] == 2:
            print("hello", flush=True)
            continue
        if method == "unable":
            answer = {"error": "no such space", "unable": True}
        else:
            part = 0.0 if line["trial"] == 0 else 0.5
            answer["config"] = {p["name"]: p["low"] + part * (p["high"] - p["low"]) for p in space}
            if method in ("limited", "high") and line["trial"] == 2:
                answer["config"] = {p["name"]: p["high"] for p in space}
            if method.startswith("{") and line["trial"] == 2:
                answer.update(json.loads(method))
            if method in ("stopper", "goer"):
                answer["trial"], answer["to"] = line["trial"], rungs[-1]
    elif line["do"] == "tell":
        open(os.path.join(os.path.dirname(__file__), "tells"), "a").write(text)
    elif line["do"] == "report":
        answer["verdict"] = "stop" if method == "stopper" else "continue"
    print(json.dumps(answer), flush=True)
)";

class Peers : public ::testing::Test {
 protected:
  Peers() {
    folder.write("adapter.py", kAdapter);
    Json list{{"peers", Json::array()}};
    for (const char* name : {"good", "dies", "nonsense", "unable", "stopper", "goer", "limited", "high"})
      list["peers"].push_back({{"name", name},
                               {"adapter", "adapter.py"},
                               {"method", name},
                               {"environment", ""},
                               {"limits", std::string(name) == "limited"},
                               {"fidelity", std::string(name) == "stopper" || std::string(name) == "goer"}});
    list["peers"].push_back({{"name", "absent"}, {"adapter", "adapter.py"}, {"environment", "nowhere"}});
    folder.write("peers.json", list.dump());
  }
  Contender peer(const std::string& name) const {
    for (const auto& method : peer_methods(folder.path()))
      if (method.name == name) {
        Contender contender;
        contender.name = "peer:" + name;
        contender.peer = {method};
        contender.version = method.version;
        return contender;
      }
    throw Error("no such peer");
  }
  static Contender own(const std::string& searcher, const std::string& scheduler = "fixed") {
    Contender contender;
    contender.name = searcher;
    contender.searcher = searcher;
    contender.scheduler = scheduler;
    contender.version = "this";
    return contender;
  }
  std::size_t starts() const {
    const std::string text = folder.read("starts");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  test::Folder folder;
  std::vector<Suite> suites = function_suites();
  const Problem& branin = find_problem(suites, "branin");
};

TEST_F(Peers, RunAsTheyAreAsked) {
  const ComparisonRun run = compare_one(branin, peer("good"), 1, 5, 1);
  EXPECT_EQ(run.evaluations, 5);
  ASSERT_EQ(run.ms.size(), 5U);
  EXPECT_DOUBLE_EQ(run.ms[0], 1.0);  // half of it to ask, half to tell
  // The lower ends (308.13 on Branin), then the middle (24.13) again and again.
  ASSERT_EQ(run.best.size(), 2U);
  EXPECT_DOUBLE_EQ(run.best[0].first, 1.0);
  EXPECT_NEAR(run.best[0].second, branin.normalised_regret(308.129096), 1e-6);
  EXPECT_NEAR(run.best[1].second, branin.normalised_regret(24.129964), 1e-6);
  EXPECT_DOUBLE_EQ(run.best[1].first, 2.0);
  const Json space = parse_json(folder.read("space.json"), "space.json");
  ASSERT_EQ(space.size(), 2U);
  EXPECT_EQ(space[0]["kind"], "real");
  EXPECT_EQ(space[0]["low"], 0.0);
  EXPECT_EQ(space[0]["log"], false);
}

TEST_F(Peers, AreToldOfLimits) {
  // g24 limits c1 and c2 to at most 0: the lower ends (0, 0) give -2 and -36, the middle (1.5, 2) -1.125 and
  // -0.25, the upper ends (3, 4) -16 and 4.
  const Problem& problem = find_problem(suites, "g24");
  const auto tells = [&] {
    std::vector<Json> list;
    std::istringstream lines(folder.read("tells"));
    for (std::string line; std::getline(lines, line);) list.push_back(parse_json(line, "tells"));
    return list;
  };
  const ComparisonRun run = compare_one(problem, peer("limited"), 1, 3, 1);
  ASSERT_EQ(tells().size(), 3U);
  EXPECT_EQ(tells()[0]["limits"], Json({-2.0, -36.0}));
  EXPECT_EQ(tells()[0]["values"], Json({0.0}));
  EXPECT_NEAR(tells()[1]["limits"][0].get<double>(), -1.125, 1e-9);
  EXPECT_NEAR(tells()[1]["limits"][1].get<double>(), -0.25, 1e-9);
  EXPECT_EQ(tells()[1]["values"], Json({-3.5}));
  EXPECT_EQ(tells()[2]["limits"], Json({-16.0, 4.0}));
  EXPECT_EQ(tells()[2]["values"], Json({-7.0}));
  // What breaks a limit is not found.
  ASSERT_EQ(run.best.size(), 2U);
  EXPECT_NEAR(run.best[1].second, problem.normalised_regret(-3.5), 1e-9);
  // One that knows no limits is told of a failure.
  compare_one(problem, peer("high"), 1, 3, 1);
  ASSERT_EQ(tells().size(), 6U);
  EXPECT_EQ(tells()[5]["values"], Json());
  EXPECT_FALSE(tells()[5].contains("limits"));
}

TEST_F(Peers, WhatTheyCannotIsSaid) {
  EXPECT_THROW(compare_one(branin, peer("unable"), 1, 5, 1), PeerUnable);
  EXPECT_THROW(compare_one(branin, peer("absent"), 1, 5, 1), PeerUnable);
  EXPECT_THROW(compare_one(branin, peer("goer"), 1, 5, 4), PeerUnable);  // one fidelity
  try {
    compare_one(branin, peer("dies"), 1, 5, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("peer dies ended"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("out of ideas"), std::string::npos) << error.what();
  }
  try {
    compare_one(branin, peer("nonsense"), 1, 5, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("answered 'hello'"), std::string::npos) << error.what();
  }
  EXPECT_THROW(peer_methods(folder.file("nowhere")), Error);
}

TEST_F(Peers, AnAnswerOfAWrongTypeEndsThePeerAlone) {
  Contender odd = peer("good");
  for (const char* answer : {R"({"ms": "fast"})", R"({"ms": -1})", R"({"ms": null})", R"({"trial": "x"})",
                             R"({"to": "all"})", R"({"to": 1e300})", R"({"trial": 18446744073709551615})",
                             R"({"config": [1]})", R"({"config": {"x0": {"a": 1}}})"}) {
    odd.peer.front().method = answer;
    try {
      compare_one(branin, odd, 1, 5, 1);
      ADD_FAILURE() << answer;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("peer good answered"), std::string::npos) << error.what();
    }
  }
  odd.peer.front().method = R"({"error": "no\nway", "unable": "yes"})";
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {odd, own("random")};
  comparison.trials = 5;
  comparison.seeds = 1;
  const auto results = compare(comparison, "");
  ASSERT_EQ(results.skips.size(), 1U);
  EXPECT_EQ(results.skips[0].why, "peer good failed: no way") << "one reason is one line";
  EXPECT_EQ(results.runs.size(), 1U);
}

TEST_F(Peers, UnderTheVirtualClock) {
  const auto many =
      std::find_if(suites.begin(), suites.end(), [](const Suite& s) { return s.name == "fidelity"; });
  ASSERT_NE(many, suites.end());
  const auto problem = std::find_if(many->problems.begin(), many->problems.end(),
                                    [](const Problem& p) { return p.horizon() > 1 && measurable(p); });
  ASSERT_NE(problem, many->problems.end());
  // 16 evaluations' worth of time on 4 workers: 4 rounds where all take the same time.
  const ComparisonRun goes = compare_one(*problem, peer("goer"), 1, 16, 4);
  EXPECT_FALSE(goes.best.empty());
  EXPECT_LE(goes.best.back().first, 16.0 + 1e-9);
  const ComparisonRun stops = compare_one(*problem, peer("stopper"), 1, 16, 4);
  EXPECT_TRUE(stops.best.empty());
  EXPECT_GT(stops.evaluations, goes.evaluations);
  const ComparisonRun own_run = compare_one(*problem, own("random"), 1, 16, 4);
  EXPECT_FALSE(own_run.best.empty());
  const ComparisonRun halving = compare_one(*problem, own("random", "asha"), 1, 16, 4);
  EXPECT_GT(halving.evaluations, own_run.evaluations);
}

/// Two hundred points of a line, which lr = 0.5 is best of; those above `from` took no time.
Problem line_problem(double from) {
  std::string rows = "lr,loss,runtime_s\n";
  for (int i = 0; i < 200; ++i) {
    const double lr = i / 199.0;
    rows += fmt::format("{},{},{}\n", lr, std::abs(lr - 0.5), lr >= from ? 0 : 1);
  }
  const char* description =
      R"({"space": {"lr": "float"}, "metrics": {"loss": {"goal": "min"}, "runtime_s": {"unit": "s"}}})";
  return Problem(std::make_shared<const task::Recorded>(
      "line", std::vector{std::make_shared<const task::Table>(task::Table::parse(description, rows, "line"))},
      task::RecordedUse{}));
}

TEST_F(Peers, WhatTakesNoTimeIsNotComparedByIt) {
  EXPECT_FALSE(takes_time(line_problem(0.0)));
  EXPECT_TRUE(takes_time(line_problem(0.4)));
  EXPECT_THROW(compare_one(line_problem(0.0), own("random"), 1, 5, 4), PeerUnable);
  EXPECT_THROW(compare_one(line_problem(0.0), peer("good"), 1, 5, 4), PeerUnable);
  EXPECT_EQ(compare_one(line_problem(0.0), own("random"), 1, 5, 1).evaluations, 5);
  // Nearly everything is free.
  EXPECT_LE(compare_one(line_problem(0.01), own("random"), 1, 5, 4).evaluations, 500);
}

TEST_F(Peers, ARunUnderTheClockIsInterrupted) {
  const Problem& problem = find_problem(suites, "branin_fidelity");
  int asked = 0;
  EXPECT_THROW(compare_one(problem, own("random"), 1, 1000, 4, [&] { return ++asked > 20; }), Error);
  EXPECT_LT(asked, 30);
  // What is stopped within a run is no fault of the contender.
  Comparison comparison;
  comparison.problems = {problem};
  comparison.contenders = {own("random")};
  comparison.trials = 1000;
  comparison.workers = 4;
  asked = 0;
  ComparisonHooks hooks;
  hooks.interrupted = [&] { return ++asked > 20; };
  const auto results = compare(comparison, "", hooks);
  EXPECT_TRUE(results.interrupted);
  EXPECT_TRUE(results.skips.empty());
}

TEST_F(Peers, AComparisonGoesOnWhereItStopped) {
  Comparison comparison;
  comparison.problems = {branin, find_problem(suites, "hartmann3")};
  comparison.contenders = {own("random"), peer("good"), peer("dies"), peer("absent")};
  comparison.trials = 6;
  comparison.seeds = 2;
  const std::string cache = folder.file("runs/runs.jsonl");

  int asked = 0;
  ComparisonHooks hooks;
  hooks.progress = [&](std::size_t, std::size_t total, const std::string& what) {
    EXPECT_EQ(total, 16U);
    if (what.starts_with("peer:good on hartmann3, seed 1")) asked = 1;
  };
  hooks.interrupted = [&] { return asked == 1; };
  const auto stopped = compare(comparison, cache, hooks);
  EXPECT_TRUE(stopped.interrupted);
  EXPECT_EQ(stopped.runs.size(), 6U);  // four of random, two of the peer

  // A crash cut the last line off; the rest is not run again.
  std::ofstream(cache, std::ios::app) << R"({"problem": "bran)";
  std::filesystem::remove(folder.file("starts"));
  const auto whole = compare(comparison, cache);
  EXPECT_FALSE(whole.interrupted);
  EXPECT_EQ(whole.runs.size(), 8U);
  EXPECT_EQ(starts(), 2U + 2U);  // the peer's two runs that lacked, and the one that dies, once a problem
  ASSERT_EQ(whole.skips.size(), 3U);
  EXPECT_NE(whole.skips[2].why.find("./dev peers nowhere"), std::string::npos);

  std::filesystem::remove(folder.file("starts"));
  comparison.contenders = {own("random"), peer("good")};
  const auto again = compare(comparison, cache);
  EXPECT_EQ(again.runs.size(), 8U);
  EXPECT_FALSE(std::filesystem::exists(folder.file("starts")));
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(again.runs[i].json(), whole.runs[i].json());
  // Another version's results are no results of this.
  comparison.contenders[0].version = "that";
  comparison.trials = 7;
  EXPECT_EQ(compare(comparison, cache).runs[0].evaluations, 7);
}

TEST_F(Peers, OneNameOfTwoMethodsIsNotOneResult) {
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {own("random")};
  comparison.trials = 6;
  comparison.seeds = 1;
  const std::string cache = folder.file("runs.jsonl");
  const auto random = compare(comparison, cache).runs.at(0);
  comparison.contenders[0].searcher = "sobol";
  const auto sobol = compare(comparison, cache).runs.at(0);
  EXPECT_NE(sobol.best, random.best);
  comparison.contenders[0] = own("random");
  EXPECT_EQ(compare(comparison, cache).runs.at(0).json(), random.json());
  EXPECT_THROW(ComparisonRun::from_json(Json{{"method", 1}}), Error);
  // A line from before methods were kept stays readable.
  Json old = random.json();
  old.erase("method");
  EXPECT_EQ(ComparisonRun::from_json(old).best, random.best);
}

TEST_F(Peers, WhatChangesTheNumbersIsRunAnew) {
  const std::string cache = folder.file("runs.jsonl");
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {peer("good")};
  comparison.trials = 3;
  comparison.seeds = 1;
  const auto run = compare(comparison, cache).runs.at(0);
  EXPECT_EQ(run.library, "fake 1");
  EXPECT_TRUE(run.version.starts_with("no library+")) << run.version;
  const std::string text =
      comparison_text(comparison, {{run}, {}, false}, summarise(comparison, {{run}, {}, false}));
  EXPECT_NE(text.find(run.version + ", says fake 1"), std::string::npos) << text;
  EXPECT_EQ(comparison_json(comparison, summarise(comparison, {{run}, {}, false}))[0]["library"], "fake 1");

  std::string edited = kAdapter;
  edited.replace(edited.find("else 0.5"), 8, "else 0.4");
  folder.write("adapter.py", edited);
  comparison.contenders = {peer("good")};
  EXPECT_NE(compare(comparison, cache).runs.at(0).best, run.best);
  const auto before = peer("good").version;
  folder.write("protocol.py", "# shared");
  EXPECT_NE(peer("good").version, before);

  // The same space, best and median, but other times.
  const auto table = [&](double slower) {
    auto made = test::made_grid();
    if (slower > 1.0) made.rows.replace(made.rows.rfind(",8,9"), 4, ",80,90");
    return Problem(std::make_shared<const task::Recorded>(
        "t",
        std::vector{
            std::make_shared<const task::Table>(task::Table::parse(made.description, made.rows, "t"))},
        task::RecordedUse{}));
  };
  EXPECT_EQ(problem_key(table(1.0)), problem_key(table(1.0)));
  EXPECT_NE(problem_key(table(1.0)), problem_key(table(10.0)));
}

ComparisonRun made(const std::string& problem, const std::string& contender, std::uint64_t seed,
                   std::vector<std::pair<double, double>> best, std::vector<double> ms) {
  ComparisonRun run;
  run.problem = problem;
  run.contender = contender;
  run.seed = seed;
  run.trials = 50;
  run.best = std::move(best);
  run.ms = std::move(ms);
  return run;
}

TEST_F(Peers, SummaryByHand) {
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {own("a"), own("b"), own("c")};
  comparison.trials = 50;
  comparison.seeds = 2;
  ComparisonResults results;
  results.runs = {made("branin", "a", 1, {{1, 0.5}, {25, 0.2}, {40, 0.02}}, {1, 2, 3}),
                  made("branin", "a", 2, {{1, 0.9}, {26, 0.1}}, {5, 9}),
                  made("branin", "b", 1, {{30, 0.5}}, {1}), made("branin", "b", 2, {{1, 0.3}}, {1})};
  EXPECT_TRUE(std::isinf(results.runs[0].regret_at(0.5)));
  EXPECT_DOUBLE_EQ(results.runs[0].regret_at(24), 0.5);
  EXPECT_DOUBLE_EQ(results.runs[0].regret_at(25), 0.2);

  const ComparisonSummary summary = summarise(comparison, results);
  EXPECT_EQ(summary.at, (std::vector<double>{25, 50}));
  const auto& a = summary.cells.at({"branin", "a"});
  EXPECT_DOUBLE_EQ(a.regret[0], (0.2 + 0.9) / 2);
  EXPECT_DOUBLE_EQ(a.regret[1], (0.02 + 0.1) / 2);
  EXPECT_DOUBLE_EQ(a.error[1], 0.04);  // half the difference of two
  EXPECT_DOUBLE_EQ(a.reached[0], 40);  // 0.1: at 40 and at 26
  EXPECT_TRUE(std::isinf(a.reached[1]));
  EXPECT_DOUBLE_EQ(a.ms, 3.0);
  // One of two found nothing by then: it counts as a median config.
  EXPECT_DOUBLE_EQ(summary.cells.at({"branin", "b"}).regret[0], (1.0 + 0.3) / 2);
  EXPECT_EQ(summary.cells.at({"branin", "b"}).found, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(summary.ranked, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(summary.ranks.size(), 2U);
  EXPECT_EQ(summary.ranks[1].mean_ranks, (std::vector<double>{1.0, 2.0}));

  const Json json = comparison_json(comparison, summary);
  ASSERT_EQ(json.size(), 2U);
  for (const char* name : {"table", "suite", "searcher", "version", "workers", "seeds", "n", "regret",
                           "found", "error", "targets", "reached", "ms_per_ask"})
    EXPECT_TRUE(json[0].contains(name)) << name;
  EXPECT_EQ(json[0]["table"], "branin");
  EXPECT_EQ(json[0]["n"], Json({25.0, 50.0}));
  EXPECT_EQ(json[1]["regret"][0], 0.65);
  EXPECT_EQ(json[1]["found"], Json({1, 2}));
  EXPECT_EQ(json[0]["ms_per_ask"], 3.0);

  const std::string text = comparison_text(comparison, results, summary);
  EXPECT_NE(text.find("1.00"), std::string::npos);
  const std::string page = comparison_page(comparison, results, summary, "a < b");
  EXPECT_NE(page.find("<h1>a &lt; b</h1>"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos);
  // What scrolls can be reached by Tab.
  for (const char* scrolls : {"<div class=\"scroll\"", "<div class=\"panel sideways\""})
    for (auto at = page.find(scrolls); at != std::string::npos; at = page.find(scrolls, at + 1))
      EXPECT_NE(page.substr(at, page.find('>', at) - at).find("tabindex=\"0\" role=\"region\" aria-label="),
                std::string::npos);
}

TEST_F(Peers, ARunThatFoundNothingSpoilsNoMean) {
  Comparison comparison;
  comparison.problems = {branin};
  comparison.contenders = {own("a"), own("b")};
  comparison.trials = 50;
  comparison.seeds = 2;
  ComparisonResults results;
  results.runs = {made("branin", "a", 1, {{1, 2.5}, {25, 0.5}}, {1}), made("branin", "a", 2, {{1, 0.1}}, {1}),
                  made("branin", "b", 1, {}, {1}), made("branin", "b", 2, {}, {1})};
  const ComparisonSummary summary = summarise(comparison, results);
  EXPECT_DOUBLE_EQ(summary.mean_regret.at("a")[0], 0.3);
  EXPECT_DOUBLE_EQ(summary.mean_regret.at("b")[0], 2.5) << "never better than what another run found";
  EXPECT_TRUE(std::isinf(summary.cells.at({"branin", "b"}).regret[0]));
  EXPECT_EQ(comparison_json(comparison, summary)[1]["regret"], Json({2.5, 2.5}));
  const std::string text = comparison_text(comparison, results, summary);
  EXPECT_NE(text.find("2 of 4 runs found nothing"), std::string::npos) << text;
}

TEST_F(Peers, WhoLacksSeedsIsRankedByThoseItHasAndNobodyElseByFewer) {
  Comparison comparison;
  comparison.problems = {branin, find_problem(suites, "hartmann3")};
  comparison.contenders = {own("a"), own("b"), own("c")};
  comparison.trials = 50;
  comparison.seeds = 2;
  ComparisonResults results;
  results.interrupted = true;
  results.runs = {made("branin", "a", 1, {{1, 0.2}}, {1}),    made("branin", "a", 2, {{1, 0.2}}, {1}),
                  made("hartmann3", "a", 1, {{1, 0.4}}, {1}), made("hartmann3", "a", 2, {{1, 0.0}}, {1}),
                  made("branin", "b", 1, {{1, 0.3}}, {1}),    made("branin", "b", 2, {{1, 0.3}}, {1}),
                  made("hartmann3", "b", 1, {{1, 0.3}}, {1}), made("branin", "c", 1, {{1, 0.1}}, {1})};
  const ComparisonSummary summary = summarise(comparison, results);
  EXPECT_EQ(summary.ranked, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(summary.unranked, (std::vector<std::string>{"c"}));
  // On hartmann3 b is the better one with seed 1, the only one that it has; a's second seed turns that.
  EXPECT_EQ(summary.ranks.back().mean_ranks, (std::vector<double>{1.0, 2.0}));
  EXPECT_DOUBLE_EQ(summary.mean_regret.at("a").back(), (0.2 + (0.4 + 0.0) / 2) / 2);
  EXPECT_DOUBLE_EQ(summary.mean_regret.at("b").back(), (0.3 + 0.3) / 2);
  EXPECT_DOUBLE_EQ(summary.cells.at({"hartmann3", "a"}).regret.back(), 0.2);
  ASSERT_EQ(summary.lacks.size(), 1U);
  EXPECT_EQ(summary.lacks[0].contender, "b");
  EXPECT_EQ(summary.lacks[0].problem, "hartmann3");
  const std::string text = comparison_text(comparison, results, summary);
  EXPECT_NE(text.find("b: 1 of 2 seeds are there"), std::string::npos) << text;
  EXPECT_NE(text.find("c has no rank"), std::string::npos) << text;
}

TEST_F(Peers, SpacesAsAdaptersReadThem) {
  const auto space = space::Space::Builder()
                         .real("lr", 1e-4, 1e-1, {.log = true})
                         .integer("width", 32, 128, {.step = 32})
                         .choice("mixer", {std::string("a"), std::string("b")})
                         .ordinal("batch", {std::int64_t{8}, std::int64_t{64}})
                         .flag("tied")
                         .real("extra", 0.0, 1.0, {.when = "mixer == 'b'"})
                         .same_as("other", "width")
                         .real("wide", 0.0, 1.0, {.when = "width >= 96"})
                         .real("rest", 0.0, 1.0, {.when = "width == 32 or tied"})
                         .real("after", 0.0, 1.0, {.when = "other == 64"})
                         .build();
  const Json told = peer_space(space);
  ASSERT_EQ(told.size(), 9U);
  EXPECT_EQ(told[5]["when"], Json({{"parent", "mixer"}, {"values", {"b"}}}));
  EXPECT_EQ(told[6]["when"], Json({{"parent", "width"}, {"values", {96, 128}}}));
  EXPECT_FALSE(told[7].contains("when")) << "two parents: no adapter could say that";
  EXPECT_FALSE(told[8].contains("when")) << "its parent is another's value, of which they do not know";
  EXPECT_EQ(told[1], Json({{"name", "width"},
                           {"kind", "integer"},
                           {"low", 32},
                           {"high", 128},
                           {"log", false},
                           {"step", 32}}));
  EXPECT_EQ(told[3]["values"], Json({8, 64}));
  const auto config = peer_config(
      space,
      parse_json(
          R"({"lr": 1e-3, "width": 64.0, "mixer": "a", "batch": 64, "tied": true, "extra": 0.5, "rest": 0.5, "after": 0.5})",
          "c"));
  EXPECT_EQ(config.integer("width"), 64);
  EXPECT_EQ(config.integer("other"), 64);
  EXPECT_FALSE(config.has("extra"));
  EXPECT_THROW(peer_config(space, Json{{"mixer", "z"}}), Error);
  EXPECT_THROW(peer_config(space, Json::array()), Error);
  const auto ranges = space::Space::Builder().real("x", 0.0, 1.0).integer("n", 1, 8).build();
  EXPECT_EQ(peer_config(ranges, Json{{"x", 1.0 + 1e-9}, {"n", 8.0}}).real("x"), 1.0) << "rounding";
  EXPECT_THROW(peer_config(ranges, Json{{"x", 50.0}, {"n", 8}}), Error);
  EXPECT_THROW(peer_config(ranges, Json{{"x", 0.5}, {"n", 9}}), Error);
  EXPECT_THROW(peer_config(ranges, Json{{"x", std::nan("")}, {"n", 2}}), Error);
}

}  // namespace
}  // namespace hone::run
