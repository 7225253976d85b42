// How children are made of their parents: differential evolution, the genetic algorithm, NSGA-II.
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

constexpr int kGenes = 20;

double gene(const space::Config& config, int i) { return config.real(fmt::format("x{}", i)); }

/// Six equally good parents at random, of twenty numbers.
SimulatedStudy parents(const std::string& searcher, Json options) {
  options["population"] = 6;
  SimulatedStudy study(searcher, problem_of(cube(kGenes)), options);
  study.run(6, [](const space::Config&) { return std::vector<double>{1.0}; });
  return study;
}

struct ChildChange {
  double genes = 0.0;  // that differ from those of the nearest parent
  double by = 0.0;     // how far each of them is from it
};

/// The mean over a hundred children.
ChildChange mean_change(const SimulatedStudy& study) {
  ChildChange mean;
  for (int number = 1000; number < 1100; ++number) {
    const auto child = *study.searcher->ask(number, 0);
    ChildChange least{kGenes + 1.0, 0.0};
    for (const study::Trial& parent : study.trials) {
      ChildChange change;
      for (int i = 0; i < kGenes; ++i) {
        const double by = std::abs(gene(child, i) - gene(parent.config, i));
        change.genes += by > 0.0 ? 1.0 : 0.0;
        change.by += by;
      }
      if (change.genes < least.genes) least = change;
    }
    mean.genes += least.genes / 100.0;
    mean.by += least.by / least.genes / 100.0;
  }
  return mean;
}

TEST(DifferentialEvolution, AParameterComesFromTheMutantWithProbabilityCR) {
  for (const double CR : {0.0, 0.3, 1.0})
    EXPECT_NEAR(mean_change(parents("differential_evolution", {{"CR", CR}})).genes, 1.0 + 19.0 * CR, 0.8)
        << CR << ", and one surely";
}

TEST(Genetic, AChildHasTwoParentsWithTheProbabilityOfCrossover) {
  const auto genes = [](double crossover) {
    const Json options{{"tournament", 1}, {"mutation", 1e-9}, {"crossover", crossover}};
    return mean_change(parents("genetic", options)).genes;
  };
  EXPECT_NEAR(genes(0.0), 1.0, 1e-9) << "what equals its parent is mutated once";
  const double always = genes(1.0);
  EXPECT_GT(always, 5.0) << "about half of the genes are the other parent's, where it is another";
  EXPECT_NEAR(genes(0.5), 0.5 * (1.0 + always), 1.5);
}

TEST(Genetic, TheEliteLivesOn) {
  // Far from the optimum, and by noise better than all that will ever be.
  const auto near_the_lucky = [](int elite) {
    SimulatedStudy study("genetic", problem_of(cube(4)),
                         Json{{"population", 20}, {"tournament", 20}, {"elite", elite}});
    const space::Config lucky({{"x0", 0.97}, {"x1", 0.96}, {"x2", 0.95}, {"x3", 0.94}});
    study.finish(study.create(lucky), {-100.0});
    study.run(250, [](const space::Config& config) {
      double loss = 0.0;
      for (int i = 0; i < 4; ++i) loss += std::abs(gene(config, i) - 0.25);
      return std::vector<double>{loss};
    });
    int near = 0;
    for (std::size_t k = 200; k < 250; ++k) {
      int shared = 0;
      for (int i = 0; i < 4; ++i) shared += gene(study.trials[k].config, i) == gene(lucky, i) ? 1 : 0;
      near += shared >= 2 ? 1 : 0;
    }
    return near;
  };
  EXPECT_GT(near_the_lucky(1), 15);
  EXPECT_LT(near_the_lucky(0), 5);
}

TEST(Nsga2, CrossoverAndMutationGoAsFarAsTheirOptionsSay) {
  const auto made = [](const Json& options) { return mean_change(parents("nsga2", options)); };
  EXPECT_LT(made({{"crossover", 0.0}}).genes, 2.0) << "one in twenty is mutated";
  EXPECT_GT(made({{"crossover", 1.0}}).genes, 5.0);
  EXPECT_GT(made({{"crossover", 0.0}, {"eta_mutation", 0.0}}).by, 0.15);
  EXPECT_LT(made({{"crossover", 0.0}, {"eta_mutation", 1000.0}}).by, 0.005);
  // Parents of 0.4 and of 0.6 in every gene: how many genes of their children are near neither?
  const auto far_ones = [](double eta) {
    SimulatedStudy study("nsga2", problem_of(cube(kGenes)),
                         Json{{"population", 6}, {"crossover", 1.0}, {"eta_crossover", eta}});
    for (int k = 0; k < 6; ++k) {
      std::vector<space::Config::Entry> entries;
      for (int i = 0; i < kGenes; ++i) entries.emplace_back(fmt::format("x{}", i), k % 2 == 0 ? 0.4 : 0.6);
      study.finish(study.create(space::Config(entries)), {1.0});
    }
    double far = 0.0;
    for (int number = 1000; number < 1100; ++number)
      for (int i = 0; i < kGenes; ++i)
        far += std::abs(std::abs(gene(*study.searcher->ask(number, 0), i) - 0.5) - 0.1) > 0.02 ? 0.01 : 0.0;
    return far;
  };
  EXPECT_LT(far_ones(1000.0), 2.0) << "those that are mutated";
  EXPECT_GT(far_ones(0.0), 3.0);
}

}  // namespace
}  // namespace hone::search
