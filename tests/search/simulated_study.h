#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace hone::search
