#include "hone/run/identity_study.h"

#include <cmath>

#include <gtest/gtest.h>

#include "../program.h"
#include "../task/made_table.h"
#include "hone/base/error.h"
#include "hone/run/simulator.h"

namespace hone::run {
namespace {

/// 729 cells of three operations, two of which do nothing or next to it: few functions.
std::shared_ptr<const task::Recorded> cells() {
  const auto made = test::made_cells({"none", "skip_connect", "nor_conv_3x3"}).first;
  auto table = std::make_shared<const task::Table>(task::Table::parse(made.description, made.rows, "cells"));
  return std::make_shared<const task::Recorded>("cells", std::vector{table}, task::RecordedUse{});
}

std::shared_ptr<const task::Recorded> grid() {
  const auto made = test::made_grid();
  auto table = std::make_shared<const task::Table>(task::Table::parse(made.description, made.rows, "grid"));
  return std::make_shared<const task::Recorded>("grid", std::vector{table}, task::RecordedUse{});
}

Replay small(const std::string& policy) {
  Replay replay;
  replay.published = true;
  replay.searcher_options = {{"population", 20}, {"sample", 5}};
  replay.policy = policy;
  replay.proposals = 300;
  return replay;
}

TEST(Landscape, FewerBitsAndFewerLossesMeanFewerClasses) {
  const Landscape landscape(cells());
  ASSERT_TRUE(landscape.computes());
  const std::size_t functions = class_count(landscape.functions());
  EXPECT_LT(functions, landscape.size() / 2);
  EXPECT_EQ(class_count(landscape.classes({10, 10, 3})), functions);
  EXPECT_LT(class_count(landscape.classes({1, 1, 1})), functions / 2);
  EXPECT_LE(class_count(landscape.string_classes(task::CellStrings::structural)),
            class_count(landscape.string_classes(task::CellStrings::published)));
  EXPECT_NEAR(landscape.seed_noise(), std::sqrt(0.5), 1e-9) << "two seeds, one apart";
  EXPECT_EQ(landscape.shown(landscape.best()), 70.5);
}

TEST(Landscape, OtherTablesKnowConfigsAlone) {
  const Landscape landscape(grid());
  EXPECT_FALSE(landscape.computes());
  EXPECT_EQ(class_count(landscape.functions()), landscape.size());
  EXPECT_TRUE(landscape.string_classes(task::CellStrings::published).empty());
}

TEST(ReplayedSearch, AKnownFunctionIsNotPaidAgain) {
  const Landscape landscape(cells());
  const Replayed off = replay(landscape, small("off")), reuse = replay(landscape, small("reuse"));
  EXPECT_EQ(off.evaluations, 300);
  EXPECT_EQ(off.hits, 0);
  EXPECT_EQ(reuse.evaluations + reuse.hits, 300);
  EXPECT_LT(reuse.evaluations, 100);
  EXPECT_EQ(reuse.collisions, 0);
  EXPECT_EQ(reuse.quality, landscape.best());
  EXPECT_LE(reuse.evaluations_to(landscape.best()), static_cast<double>(reuse.evaluations));
  EXPECT_EQ(replay(landscape, small("count")).evaluations, 300);
  const Replayed again = replay(landscape, small("reuse"));
  EXPECT_EQ(again.curve, reuse.curve);

  Replay forgetful = small("forget");
  forgetful.forget = 0.5;
  EXPECT_GT(replay(landscape, forgetful).evaluations, reuse.evaluations);
  Replay mean = small("average");
  mean.evaluations = 3;
  const Replayed averaged = replay(landscape, mean);
  EXPECT_GT(averaged.evaluations, reuse.evaluations);
  EXPECT_LT(averaged.evaluations, 300);
}

TEST(ReplayedSearch, CoarseKeysCollide) {
  const Landscape landscape(cells());
  Replay coarse = small("reuse");
  coarse.probe = {1, 1, 1};
  const Replayed replayed = replay(landscape, coarse);
  EXPECT_GT(replayed.collisions, replayed.hits / 4);
  EXPECT_LT(replayed.evaluations, 30);
}

TEST(ReplayedSearch, HonesEnginePassesNoConfigOnTwice) {
  const Landscape landscape(cells());
  Replay own = small("reuse");
  own.published = false;
  const Replayed replayed = replay(landscape, own);
  EXPECT_GT(replayed.hits, 60);
  EXPECT_EQ(replayed.evaluations + replayed.hits, replayed.proposals);
  // The last ones may be repeats, after which there is no trial.
  EXPECT_GT(replayed.proposals, 280);
  EXPECT_LE(replayed.proposals, 300);
  own.searcher = "random";
  own.searcher_options = Json::object();
  EXPECT_GT(replay(landscape, own).hits, 60);
  const Landscape plain(grid());
  own.proposals = 24;
  const Replayed alone = replay(plain, own);
  EXPECT_GT(alone.hits, 0) << "repeats of configs, by which alone these are known";
  EXPECT_EQ(alone.evaluations + alone.hits, alone.proposals);
  own.policy = "off";
  EXPECT_EQ(replay(plain, own).evaluations, alone.evaluations);
}

/// The study's cache stands before a problem without keys; a study has its own, over the journal.
TEST(ReplayedSearch, AgreesWithTheEnginesOwnCache) {
  const auto recorded = cells();
  const Landscape landscape(recorded);
  for (const std::string searcher : {"regularized_evolution", "random"}) {
    Replay own = small("reuse");
    own.published = false;
    own.searcher = searcher;
    if (searcher == "random") own.searcher_options = Json::object();
    Simulation simulation;
    simulation.searcher = searcher;
    simulation.searcher_options = own.searcher_options;
    simulation.proposals = own.proposals;
    simulation.identity = identity::Policy::reuse;
    const Simulated simulated = simulate(Problem(recorded), simulation);
    std::int64_t reused = simulated.saved.repeated_config;
    for (const Observation& seen : simulated.observations) reused += seen.reused;
    EXPECT_EQ(reused, replay(landscape, own).hits) << searcher;
  }
}

/// Against noise the mean of several evaluations says more than a lucky one, which reuse keeps for ever.
TEST(ReplayedSearch, MeansResistNoise) {
  const Landscape landscape(cells());
  double reuse = 0.0, average = 0.0;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (const std::string policy : {"reuse", "average"}) {
      Replay noisy = small(policy);
      noisy.noise = 10.0;
      noisy.evaluations = 10;
      noisy.seed = seed;
      (policy == "reuse" ? reuse : average) += landscape.shown(replay(landscape, noisy).quality);
    }
  EXPECT_GT(average, reuse);
}

TEST(IdentityStudy, CoversAFolderOfTables) {
  const test::Folder folder;
  std::filesystem::create_directories(folder.file("devices"));
  const auto [quality, latency] = test::made_cells({"none", "skip_connect", "nor_conv_3x3"});
  folder.write("cells.json", quality.description);
  folder.write("cells.csv", quality.rows);
  folder.write("devices/phone.json", latency.description);
  folder.write("devices/phone.csv", latency.rows);
  const auto made = test::made_grid();
  folder.write("grid.json", made.description);
  folder.write("grid.csv", made.rows);
  IdentityStudyOptions options;
  options.seeds = 1;
  options.proposals = 60;
  const IdentityStudy study = study_identity(folder.path(), options);
  ASSERT_EQ(study.tables.size(), 2u);
  EXPECT_TRUE(study.tables[0].computes);
  EXPECT_FALSE(study.tables[1].computes);
  ASSERT_EQ(study.gains.size(), 1u);
  EXPECT_EQ(study.gains[0].device, "phone");
  EXPECT_GE(study.gains[0].cheapest, study.gains[0].first);
  EXPECT_LT(study.gains[0].evaluations, study.gains[0].evaluations_all);
  const Json json = study.json();
  EXPECT_EQ(json["tables"][1]["known_by"], "config alone");
  for (const char* analysis : {"policies", "bits, 30 losses", "bits, 1 losses", "average", "noise",
                               "population", "sample", "changes"})
    EXPECT_TRUE(std::any_of(json["tables"][0]["searches"].begin(), json["tables"][0]["searches"].end(),
                            [&](const Json& row) { return row["analysis"] == analysis; }))
        << analysis;
  EXPECT_NE(study.text().find("phone"), std::string::npos);
  EXPECT_NE(identity_study_page(study, "made").find("</html>"), std::string::npos);
  EXPECT_THROW(study_identity(folder.file("devices"), options), Error);
  options.interrupted = [] { return true; };
  EXPECT_TRUE(study_identity(folder.path(), options).interrupted);
}

}  // namespace
}  // namespace hone::run
