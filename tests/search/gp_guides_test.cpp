#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/search/gp_acquisition.h"
#include "hone/search/rgpe.h"
#include "simulated_study.h"

namespace hone::search {
namespace {

// Gaussian-process searchers with what a user believes (pi-BO) and with earlier studies (RGPE).

space::Space guided_plane() {
  return space::Space::Builder().real("x", 0.0, 1.0).real("y", 0.0, 1.0).choice("c", {"a", "b", "d"}).build();
}

/// Least, 0, at (0.8 + shift, 0.3), c = b; with other hills.
double hilly(const space::Config& config, double shift = 0.0) {
  const double x = config.real("x") - 0.8 - shift, y = config.real("y") - 0.3;
  return 4.0 * x * x + 3.0 * y * y + 0.1 * (1.0 - std::cos(8.0 * x) * std::cos(8.0 * y)) +
         (config.text("c") == "b" ? 0.0 : 0.3);
}

double regret(const SimulatedStudy& study) {
  double best = 1e9;
  for (const auto& trial : study.trials) best = std::min(best, hilly(trial.config));
  return best;
}

Prior believed(const std::string& text, const space::Space& space) {
  return Prior::read(Node::parse_toml(text, "prior.toml"), space);
}

/// The mean of the least regret after n trials.
double mean_regret(Problem problem, std::size_t n, const std::string& name = "gp") {
  double mean = 0.0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    problem.seed = seed;
    SimulatedStudy study(name, problem);
    study.run(n, [](const space::Config& config) { return std::vector<double>{hilly(config)}; });
    mean += regret(study) / 3.0;
  }
  return mean;
}

study::WarmStudy earlier(const space::Space& space, double sign, double shift, std::size_t n = 60) {
  study::WarmStudy warm{"earlier"};
  Rng rng(5, "earlier");
  for (std::size_t i = 0; i < n; ++i) {
    auto config = space.sample(rng);
    const double value = 50.0 + 1000.0 * sign * hilly(config, shift);
    warm.results.emplace_back(std::move(config), std::vector<double>{value});
  }
  std::stable_sort(warm.results.begin(), warm.results.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  return warm;
}

TEST(Gp, SuggestionsAreGolden) {
  // Grids alone: the last digits of a number may differ between machines.
  const space::Space space = space::Space::Builder()
                                 .integer("layers", 1, 12)
                                 .ordinal("width", {16, 32, 64, 128, 256})
                                 .ordinal("lr", {0.0001, 0.001, 0.01, 0.1})
                                 .choice("mixer", {"attention", "conv", "none"})
                                 .flag("tied")
                                 .build();
  const std::string first_drawn = "layers=7 width=256 lr=0.0001 mixer=conv tied=true",
                    near = "layers=6 width=64 lr=0.1 mixer=attention tied=true";
  const std::vector<std::array<std::string, 3>> golden = {
      {"gp", first_drawn, near},
      {"ehvi", first_drawn, near},
      {"mobster", first_drawn, "layers=5 width=16 lr=0.01 mixer=conv tied=true"},
      {"turbo", "layers=8 width=128 lr=0.001 mixer=attention tied=true",
       "layers=5 width=16 lr=0.01 mixer=conv tied=false"}};
  for (const auto& [name, first, later] : golden) {
    SimulatedStudy study(name, problem_of(space));
    EXPECT_EQ(study.ask().shown(), first) << name;
    study.run(20, [](const space::Config& config) {
      return std::vector<double>{std::pow(static_cast<double>(config.integer("layers")) - 5.2, 2) +
                                 2.0 * std::abs(std::log10(config.real("lr")) + 2.0) +
                                 0.7 * std::abs(std::log2(config.real("width")) - 5.0) +
                                 (config.text("mixer") == "none" ? 1.3 : 0.0)};
    });
    EXPECT_EQ(study.ask().shown(), later) << name;
  }
}

TEST(GpPrior, AGoodOneHelpsAndAWrongOneIsOvercome) {
  Problem problem = problem_of(guided_plane());
  const double plain = mean_regret(problem, 12);
  problem.prior =
      believed("x = { at = 0.78, spread = 0.1 }\ny = { at = 0.33, spread = 0.1 }\nc = 'b'", problem.space);
  EXPECT_LT(mean_regret(problem, 12), 0.5 * plain);
  problem.prior =
      believed("x = { at = 0.05, spread = 0.1 }\ny = { at = 0.95, spread = 0.1 }\nc = 'a'", problem.space);
  EXPECT_LT(mean_regret(problem, 50), 0.02);
}

TEST(GpPrior, TheStartIsDrawnFromItTheModeFirst) {
  for (const char* name : {"gp", "mobster", "ehvi"}) {
    Problem problem = problem_of(guided_plane());
    problem.prior = believed("x = { at = 0.2, spread = 0.02 }\nc = { b = 9, a = 1, d = 1 }", problem.space);
    SimulatedStudy study(name, problem);
    study.run(4, [](const space::Config& config) { return std::vector<double>{hilly(config)}; });
    EXPECT_NEAR(study.trials[0].config.real("x"), 0.2, 0.01);
    EXPECT_EQ(study.trials[0].config.text("c"), "b");
    for (const auto& trial : study.trials) EXPECT_NEAR(trial.config.real("x"), 0.2, 0.1);
  }
}

TEST(GpPrior, OneOfWhichAllFailsIsLeft) {
  for (const char* name : {"gp", "mobster", "ehvi"}) {
    Problem problem = problem_of(guided_plane());
    problem.prior =
        believed("x = { at = 0.1, spread = 0.05 }\ny = { at = 0.1, spread = 0.05 }", problem.space);
    SimulatedStudy study(name, problem);
    int works = 0;
    while (study.trials.size() < 40) {
      study::Trial& trial = study.create(study.ask());
      if (trial.config.real("x") + trial.config.real("y") < 0.9) {
        study.set_state(trial, study::TrialState::failed);
      } else {
        study.finish(trial, {hilly(trial.config)});
        ++works;
      }
    }
    EXPECT_GT(works, 10) << name;
  }
}

TEST(GpPrior, TheScoresSlopeIsThatOfFiniteDifferences) {
  const Moves moves(mixed_space());
  const Coding coding(moves);
  const Prior prior =
      believed("lr = { at = 0.01, spread = 0.2 }\nwidth = 64\ndecay = 0.5\ntied = true", moves.space());
  predict::ProcessMixture own(coding.inputs()), other(coding.inputs());
  Rng rng(2, "test");
  for (int i = 0; i < 12; ++i) {
    own.append(coding.row(moves.draw(rng)), rng.normal());
    other.append(coding.row(moves.draw(rng)), rng.normal());
  }
  GpAcquisition acquisition;
  acquisition.coding = &coding;
  acquisition.objectives = {&own};
  acquisition.boxes = improvement_boxes({{-0.5}}, {-0.5});
  acquisition.ensembles = {{.own = 0.3, .others = {{&other, 0.7}}}};
  acquisition.prior = &prior;
  acquisition.prior_weight = 0.8;
  for (int i = 0; i < 10; ++i) {
    const space::Point point = moves.draw(rng);
    Eigen::VectorXd gradient;
    std::vector<double> scores;
    EXPECT_NEAR(acquisition.score(point, gradient), (acquisition.score({point}, scores), scores[0]), 1e-9);
    for (const std::size_t p : moves.free()) {
      if (moves.is_categorical(p)) continue;
      std::vector<space::Point> sides{point, point};
      sides[0][p] -= 1e-5;
      sides[1][p] += 1e-5;
      acquisition.score(sides, scores);
      EXPECT_NEAR(gradient[static_cast<Eigen::Index>(p)], (scores[1] - scores[0]) / 2e-5, 1e-4) << p;
    }
  }
}

TEST(Rgpe, TheBestRankingCountsMost) {
  Rng rng(1, "test");
  std::vector<double> values;
  Eigen::VectorXd related(20), noise(20), reversed(20), own(20);
  for (int k = 0; k < 20; ++k) {
    values.push_back(0.1 * k + 0.02 * rng.normal());
    related[k] = 100.0 + k;
    reversed[k] = -k;
    noise[k] = rng.normal();
    own[k] = 0.1 * k + 0.5 * rng.normal();
  }
  const auto weights = ranking_weights({noise, related, reversed, own}, values, 1.0, rng);
  EXPECT_GT(weights[1], 0.9);
  EXPECT_EQ(weights[2], 0.0);
  EXPECT_NEAR(weights[0] + weights[1] + weights[2] + weights[3], 1.0, 1e-9);
  EXPECT_EQ(ranking_weights({noise, reversed, related}, values, 1.0, rng).back(), 1.0);
  EXPECT_EQ(ranking_weights({related, own}, values, 0.0, rng).back(), 1.0);  // the budget is spent
}

TEST(Rgpe, ARelatedStudyHelpsAndAnAdverseOneIsGivenUp) {
  Problem problem = problem_of(guided_plane());
  const double plain = mean_regret(problem, 10);
  problem.warm = {earlier(problem.space, -1.0, 0.0), earlier(problem.space, 1.0, 0.03)};
  EXPECT_LT(mean_regret(problem, 10), 0.5 * plain);
  problem.warm = {earlier(problem.space, -1.0, 0.0)};
  EXPECT_LT(mean_regret(problem, 40), 0.02);
}

TEST(Rgpe, SeveralObjectivesFidelitiesAndRunningTrials) {
  for (const char* name : {"gp", "ehvi", "mobster"}) {
    Problem problem = problem_of(guided_plane(), 2);
    problem.horizon = 9;
    study::WarmStudy warm = earlier(problem.space, 1.0, 0.0);
    for (auto& [config, values] : warm.results) values.push_back(config.real("x"));
    problem.warm = {warm, {"empty"}};
    SimulatedStudy study(name, problem);
    for (int i = 0; i < 14; ++i) {
      study::Trial& trial = study.create(study.ask());
      if (i % 3 == 2) continue;
      study.finish(trial, {hilly(trial.config), trial.config.real("x")}, i % 2 == 0 ? 3 : 9);
    }
    std::set<Key> asked;
    for (const auto& trial : study.trials) asked.insert(trial.config.key());
    EXPECT_EQ(asked.size(), study.trials.size()) << name;
    const auto other = make_searcher(name, study.problem);
    study.replay(*other);
    EXPECT_EQ(other->ask(14, 0), study.ask()) << name;
  }
}

TEST(Rgpe, StudiesOfOtherSpacesAreLeftOut) {
  Problem problem = problem_of(guided_plane());
  const space::Space other = space::Space::Builder().real("z", 0.0, 1.0).build();
  Rng rng(1, "test");
  study::WarmStudy warm{"other"};
  for (int i = 0; i < 5; ++i) warm.results.emplace_back(other.sample(rng), std::vector<double>{1.0 * i});
  problem.warm = {warm};
  const Moves moves(problem.space);
  EXPECT_TRUE(Rgpe(problem, moves, Coding(moves), predict::OutputTransform::Kind::rank).empty());
  EXPECT_LT(mean_regret(problem, 15), 0.5);
}

}  // namespace
}  // namespace hone::search
