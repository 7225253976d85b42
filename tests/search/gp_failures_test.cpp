// What failures by chance do to Gaussian processes.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/search/simulated_study.h"

namespace hone::search {
namespace {

using study::TrialState;

/// Three reals and a choice, on which the best place of the reals depends.
space::Space mixed() {
  return space::Space::Builder()
      .real("x", 0, 1)
      .real("y", 0, 1)
      .real("z", 0, 1)
      .choice("kind", {"a", "b", "c", "d", "e"})
      .build();
}
double loss(const space::Config& config) {
  constexpr double kAside[] = {0.6, 0.0, 0.3, 0.9, 1.5};
  const int kind = config.text("kind")[0] - 'a';
  double sum = kAside[kind];
  for (const char* name : {"x", "y", "z"}) sum += 4.0 * std::pow(config.real(name) - 0.3 - 0.08 * kind, 2);
  return sum;
}

/// The best of 50 trials where `lost` says which are lost, mean logarithm over eight seeds.
template <typename Lost>
double found(const Lost& lost) {
  double mean = 0.0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SimulatedStudy study("gp", problem_of(mixed(), 1, seed));
    Rng rng(seed, "lost");
    double best = 1e9;
    while (study.trials.size() < 50) {
      study::Trial& trial = study.create(study.ask());
      if (lost(rng)) {
        study.set_state(trial, TrialState::failed);
        continue;
      }
      best = std::min(best, loss(trial.config));
      study.finish(trial, {loss(trial.config)});
    }
    mean += std::log10(std::max(best, 1e-9)) / 8.0;
  }
  return mean;
}

TEST(GpFailures, OfHalfOfTheTrialsAreBorne) {
  EXPECT_LT(found([](Rng& rng) { return rng.uniform() < 0.5; }), -1.0);
}

}  // namespace
}  // namespace hone::search
