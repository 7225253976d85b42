#pragma once

#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/rng.h"
#include "hone/run/worker.h"

namespace hone::test {

/// A task whose candidates compute one of few functions, each built in several ways: `f` says what is
/// computed (and how good that is), `build` how, and so what it costs. Quality: 1 / (1 + f), and noise by the
/// trial's seed where there is any.
class TwinTask final : public task::Task {
 public:
  double noise = 0.0;
  bool timed_in_training = false;        ///< latency is only known from a run
  bool one_structure = false;            ///< every build has the same graph
  std::optional<std::string> seen = {};  ///< seen_by_probe()

  std::vector<task::MeasureInfo> measures() const override {
    std::vector<task::MeasureInfo> infos{{"loss", "what is minimised"}};
    infos.push_back({.name = "latency_s",
                     .summary = "by the build",
                     .before = !timed_in_training,
                     .unshared = timed_in_training});
    return infos;
  }
  std::string fidelity_unit() const override { return "steps"; }
  bool whole_at_one() const override { return true; }
  void check(const space::Space&) const override {}
  /// A chain of so many activations: another structure for every build.
  std::optional<graph::Graph> graph(const space::Config& config) const override {
    graph::Graph graph;
    int node = graph.input("x", {1, config.integer("f") + 1}, graph::DataType::float32);
    for (std::int64_t i = 0; i <= (one_structure ? 0 : config.integer("build")); ++i)
      node = graph.add("activation", {{"kind", "gelu"}}, {node}, fmt::format("gelu{}", i));
    for (std::int64_t i = 0; i <= config.integer("f"); ++i)
      node = graph.add("activation", {{"kind", "tanh"}}, {node}, fmt::format("tanh{}", i));
    graph.output(node);
    return graph;
  }
  static double latency_s(const space::Config& config) {
    return 1e-3 * static_cast<double>(10 - config.integer("build"));
  }
  std::optional<std::string> unseen_by_probe(const space::Config&) const override { return "twins"; }
  std::optional<std::string> seen_by_probe(const space::Config&) const override { return seen; }
  double loss(const space::Config& config, std::uint64_t seed, std::int64_t fidelity) const {
    double value = 1.0 / (1.0 + static_cast<double>(config.integer("f")));
    if (noise > 0.0) value += noise * Rng(seed, "noise", static_cast<std::uint64_t>(fidelity)).normal();
    return value;
  }
};

class TwinEvaluator final : public task::Evaluator {
 public:
  explicit TwinEvaluator(std::shared_ptr<const TwinTask> task) : task_(std::move(task)) {}

  study::Measures costs(const space::Config& config, const std::function<bool()>&) override {
    ++costed;
    if (task_->timed_in_training) return {};
    return {{"latency_s", TwinTask::latency_s(config)}};
  }
  std::vector<double> probe(const space::Config& config) override {
    ++probed;
    return {1.0 + static_cast<double>(config.integer("f")), 0.25};
  }
  task::Outcome run(const task::Assignment& assignment, task::Reporter&) override {
    runs.push_back(assignment.trial.id);
    if (during) during(assignment);
    task::Outcome outcome;
    outcome.fidelity = assignment.to;
    outcome.measures = {{"loss", task_->loss(assignment.trial.config, assignment.trial.seed, assignment.to)}};
    if (task_->timed_in_training)
      outcome.measures.set("latency_s", TwinTask::latency_s(assignment.trial.config));
    return outcome;
  }

  int costed = 0, probed = 0;
  std::vector<std::int64_t> runs;
  std::function<void(const task::Assignment&)> during;

 private:
  std::shared_ptr<const TwinTask> task_;
};

inline space::Config twin(std::int64_t f, std::int64_t build) {
  return space::Config({{"f", Value(f)}, {"build", Value(build)}});
}

/// A study of it, with `configs` tried first.
inline run::StudyFile twin_study(std::shared_ptr<const TwinTask> task, identity::Settings identity,
                                 std::vector<space::Config> configs, std::int64_t functions = 4) {
  run::StudyFile file;
  file.name = "twins";
  file.path = "/made/twins.toml";
  file.task = std::move(task);
  file.task_kind = "twins";
  file.objectives = {{"loss", true}, {"latency_s", true}};
  file.space = space::Space::Builder().integer("f", 0, functions - 1).integer("build", 0, 9).build();
  file.searcher = "random";
  file.searcher_options = Options(methods().need("searcher", "random").info.options);
  file.scheduler = "fixed";
  file.scheduler_options = Options(methods().need("scheduler", "fixed").info.options, Json{{"steps", 1}});
  file.identity = identity;
  file.first = std::move(configs);
  file.seed = 3;
  file.budget.trials = static_cast<std::int64_t>(file.first.size());
  return file;
}

}  // namespace hone::test
