#include "hone/search/novelty.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using Kind = study::Change::Kind;

/// `f` alone decides what is computed; `idle` says how it is written.
Problem novelty_problem() {
  Problem problem{space::Space::Builder().integer("f", 0, 39).integer("idle", 0, 99).build(), {{"loss"}}, 5};
  problem.signature = [](const space::Config& config) -> std::optional<Key> {
    return Key{7, static_cast<std::uint64_t>(config.integer("f"))};
  };
  return problem;
}

double loss(const space::Config& config) { return std::abs(static_cast<double>(config.integer("f")) - 13.0); }

/// Runs so many trials, told their keys as an engine does; returns how many computed what was known.
std::int64_t repeats(const std::string& searcher, const Json& options, std::size_t n) {
  SimulatedStudy study(searcher, novelty_problem(), options);
  std::set<std::int64_t> seen;
  std::int64_t known = 0;
  while (study.trials.size() < n) {
    study::Trial& trial = study.create(study.ask());
    trial.keys.functional = *study.problem.signature(trial.config);
    study.tell(Kind::keys, trial);
    known += seen.insert(trial.config.integer("f")).second ? 0 : 1;
    study.finish(trial, {loss(trial.config)});
  }
  return known;
}

TEST(Novelty, TabuProposesWhatIsNew) {
  for (const char* searcher : {"regularized_evolution", "genetic", "nsga2", "differential_evolution"}) {
    const Json plain{{"population", 6}}, tabu{{"population", 6}, {"tabu", true}};
    const std::int64_t without = repeats(searcher, plain, 30), with = repeats(searcher, tabu, 30);
    EXPECT_GT(without, 4) << searcher;
    EXPECT_LE(with, 3) << searcher;
  }
}

TEST(Novelty, TabuGoesOnWhereEverythingIsKnown) {
  for (const char* searcher : {"regularized_evolution", "genetic", "nsga2", "differential_evolution"})
    EXPECT_GE(repeats(searcher, {{"population", 6}, {"tabu", true}}, 80), 40) << searcher;
}

TEST(Novelty, AFunctionalChangeMutationComputesSomethingElseThanItsParent) {
  const Problem given = novelty_problem();
  const Moves moves(given.space);
  Novelty change(given, moves, true, false), plain(given, moves, false, false);
  int same = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Rng rng(1, "parent", i);
    const space::Point parent = moves.filled(given.space.sample(rng), rng);
    const space::Config origin = *moves.config(parent);
    space::Point child = parent;
    moves.step(child, 1, 0.2, rng);  // idle
    const space::Config mutated = *moves.config(child);
    ASSERT_EQ(*given.signature(mutated), *given.signature(origin));
    EXPECT_EQ(plain.insist(mutated, parent, rng), mutated);
    const space::Config other = change.insist(mutated, parent, rng);
    same += *given.signature(other) == *given.signature(origin) ? 1 : 0;
  }
  // Half of 16 further mutations change f: one in 65,536 does not.
  EXPECT_EQ(same, 0);
}

TEST(Novelty, WithoutSignaturesConfigsAreKnownByThemselves) {
  Problem given = novelty_problem();
  given.signature = {};
  const Moves moves(given.space);
  Novelty novelty(given, moves, false, true);
  Rng rng(1, "config");
  study::Trial trial;
  trial.config = given.space.sample(rng);
  trial.key = trial.config.key();
  const space::Point point = moves.filled(trial.config, rng);
  EXPECT_EQ(novelty.insist(trial.config, point, rng), trial.config);
  novelty.update({Kind::created, &trial, nullptr});
  EXPECT_NE(novelty.insist(trial.config, point, rng), trial.config);
  trial.state = study::TrialState::deleted;
  novelty.update({Kind::deleted, &trial, nullptr});
  EXPECT_EQ(novelty.insist(trial.config, point, rng), trial.config) << "it counts no longer";
}

TEST(Novelty, AsksAreAFunctionOfTheJournal) {
  for (const char* searcher : {"regularized_evolution", "genetic", "nsga2", "differential_evolution"}) {
    const Json options{{"population", 6}, {"tabu", true}, {"functional_change", true}};
    SimulatedStudy study(searcher, novelty_problem(), options);
    for (int i = 0; i < 25; ++i) {
      study::Trial& trial = study.create(study.ask());
      trial.keys.functional = *study.problem.signature(trial.config);
      study.tell(Kind::keys, trial);
      study.finish(trial, {loss(trial.config)});
    }
    const auto other = make_searcher(searcher, study.problem, options);
    study.replay(*other);
    EXPECT_EQ(other->ask(25, 0), study.ask()) << searcher;
  }
}

}  // namespace
}  // namespace hone::search
