#pragma once

#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hone/search/searcher.h"

namespace hone::search {

/// A study in miniature for the tests of searchers: tells changes as an engine does, and keeps them, so that
/// another searcher can be told the same journal.
class SimulatedStudy {
 public:
  SimulatedStudy(const std::string& searcher, Problem given, const Json& options = Json::object())
      : problem(std::move(given)), searcher(make_searcher(searcher, problem, options)) {}

  study::Trial& create(space::Config config, std::int64_t of = -1) {
    study::Trial& trial = trials.emplace_back();
    trial.id = static_cast<std::int64_t>(trials.size()) - 1;
    trial.key = config.key();
    trial.of = of;
    trial.config = std::move(config);
    tell(study::Change::Kind::created, trial);
    return trial;
  }
  void tell(study::Change::Kind kind, const study::Trial& trial) { record({kind, &trial, nullptr}); }
  void set_state(study::Trial& trial, study::TrialState state) {
    trial.state = state;
    tell(study::Change::Kind::state, trial);
  }
  void result(study::Trial& trial, const std::vector<double>& values, std::int64_t fidelity = 1) {
    study::Result result{fidelity, {}};
    for (std::size_t i = 0; i < values.size(); ++i)
      result.measures.set(problem.objectives[i].name, values[i]);
    trial.results.push_back(result);
    report(trial);
  }
  /// Tells a trial's last result, as it lies there.
  void report(const study::Trial& trial) {
    record({study::Change::Kind::result, &trial, &trial.results.back()});
  }
  void finish(study::Trial& trial, const std::vector<double>& values, std::int64_t fidelity = 1) {
    result(trial, values, fidelity);
    set_state(trial, study::TrialState::completed);
  }
  space::Config ask(int attempt = 0) {
    return searcher->ask(static_cast<std::int64_t>(trials.size()), attempt).value();
  }
  /// Asks, evaluates and tells until there are n trials.
  void run(std::size_t n, const std::function<std::vector<double>(const space::Config&)>& evaluate) {
    while (trials.size() < n) {
      study::Trial& trial = create(ask());
      finish(trial, evaluate(trial.config));
    }
  }
  /// Tells another searcher all that happened so far.
  void replay(Searcher& other) const {
    for (const auto& [kind, trial, result] : journal) {
      study::Change change{kind, &trial, nullptr};
      if (kind == study::Change::Kind::result) change.result = &trial.results[result];
      other.update(change);
    }
  }

  Problem problem;
  std::unique_ptr<Searcher> searcher;
  std::deque<study::Trial> trials;

 private:
  struct Record {
    study::Change::Kind kind;
    study::Trial trial;  // as it was
    std::size_t result;
  };

  void record(const study::Change& change) {
    journal.push_back({change.kind, *change.trial, change.trial->results.size() - 1});
    searcher->update(change);
  }

  std::vector<Record> journal;
};

inline Problem problem_of(space::Space space, std::size_t objectives = 1, std::uint64_t seed = 1) {
  Problem problem{std::move(space), {}, seed};
  for (std::size_t i = 0; i < objectives; ++i)
    problem.objectives.push_back({std::string(1, static_cast<char>('a' + i)), true});
  return problem;
}

/// A space with every kind of parameter, conditions and a constraint.
inline space::Space mixed_space() {
  return space::Space::Builder()
      .real("lr", 1e-4, 1e-1, {.log = true})
      .integer("layers", 1, 6)
      .integer("width", 16, 512, {.log = true})
      .choice("mixer", {std::string("attention"), std::string("pattention"), std::string("conv")})
      .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
      .real("decay", 0.0, 1.0, {.when = "mixer == 'conv'"})
      .flag("tied")
      .where("layers * width <= 2048")
      .build();
}

/// Zero at lr 0.003, 4 layers of width 128, mixer pattention with 256 tokens, untied: of mixed_space().
inline double mixed_loss(const space::Config& config) {
  double value = std::pow(std::log10(config.real("lr")) + 2.5, 2) +
                 0.1 * std::abs(static_cast<double>(config.integer("layers")) - 4) +
                 0.1 * std::pow(std::log2(config.real("width")) - 7, 2) + (config.flag("tied") ? 0.1 : 0.0);
  if (config.text("mixer") == "attention") return value + 0.5;
  if (config.text("mixer") == "conv") return value + 0.2 + 2 * std::pow(config.real("decay") - 0.8, 2);
  return value + 0.1 * std::pow(std::log2(config.real("tokens")) - 8, 2);
}

/// A hundred trials that fail but where x0 is 0.9 or more, the best of it 0.95. Returns how many did not.
inline int live_beside_a_strip(SimulatedStudy& study) {
  int works = 0;
  while (study.trials.size() < 100) {
    study::Trial& trial = study.create(study.ask());
    const double x = trial.config.real("x0");
    if (x < 0.9) {
      study.set_state(trial, study::TrialState::failed);
    } else {
      study.finish(trial, {std::abs(x - 0.95)});
      ++works;
    }
  }
  return works;
}

/// Reals x0, x1, ... from 0 to 1.
inline space::Space cube(int n) {
  space::Space::Builder builder;
  for (int i = 0; i < n; ++i) builder.real("x" + std::to_string(i), 0.0, 1.0);
  return builder.build();
}

/// ZDT1 (Zitzler et al., 2000) of a cube: the front is x1 = ... = 0, f2 = 1 - sqrt(f1).
inline std::vector<double> zdt1(const space::Config& config) {
  const std::size_t n = config.entries().size();
  double g = 1.0;
  for (std::size_t i = 1; i < n; ++i)
    g += 9.0 / static_cast<double>(n - 1) * config.real("x" + std::to_string(i));
  const double f = config.real("x0");
  return {f, g * (1.0 - std::sqrt(f / g))};
}

/// Up to four trials at a time on mixed_space(), two objectives, that end in every way a trial can.
inline void live_through_faults(SimulatedStudy& study, std::size_t n) {
  using study::TrialState;
  Rng rng(1, "faults");
  std::vector<study::Trial*> running;
  while (study.trials.size() < n) {
    study::Trial& trial = study.create(study.ask(static_cast<int>(rng.below(10) == 0)));
    ASSERT_TRUE(study.problem.space.feasible(trial.config));
    running.push_back(&trial);
    if (running.size() < 4) continue;
    const std::size_t k = rng.below(4);
    study::Trial& ends = *running[k];
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(k));
    const auto fate = rng.below(10);
    ends.spent_s = fate == 9 ? 0.0 : rng.uniform();
    if (fate == 1) {
      study.set_state(ends, TrialState::failed);
      continue;
    }
    const double value = fate == 2 ? std::numeric_limits<double>::quiet_NaN() : ends.config.real("layers");
    study.result(ends, {value, ends.config.real("width")}, fate == 3 ? 3 : 1);
    study.set_state(ends, fate == 4   ? TrialState::infeasible
                          : fate == 5 ? TrialState::paused
                          : fate == 6 ? TrialState::pruned
                                      : TrialState::completed);
    if (fate == 7) {
      ends.state = TrialState::deleted;
      study.tell(study::Change::Kind::deleted, ends);
    }
  }
}

}  // namespace hone::search
