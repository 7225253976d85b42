// Limits foreseen while a recorded table is searched whole.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"
#include "hone/run/cost_bench.h"
#include "hone/run/foresight.h"
#include "hone/run/simulator.h"
#include "hone/study/front.h"
#include "hone/task/recorded.h"

namespace hone::run {
namespace {

/// A recorded table under a limit on one of its measures.
class Limited final : public task::Benchmark {
 public:
  Limited(std::shared_ptr<const task::Recorded> recorded, study::Limit limit)
      : recorded_(std::move(recorded)), limits_{std::move(limit)} {}
  const std::string& name() const override { return recorded_->name(); }
  const std::string& title() const override { return recorded_->title(); }
  const space::Space& space() const override { return recorded_->space(); }
  const std::vector<study::Objective>& objectives() const override { return recorded_->objectives(); }
  const std::vector<study::Limit>& limits() const override { return limits_; }
  std::int64_t horizon() const override { return recorded_->horizon(); }
  task::Evaluation evaluate(const space::Config& config, std::uint64_t seed,
                            std::int64_t fidelity) const override {
    return recorded_->evaluate(config, seed, fidelity);
  }
  std::optional<double> optimum() const override { return std::nullopt; }
  std::vector<double> probe(const space::Config& config) const override { return recorded_->probe(config); }
  study::Measures costs(const space::Config& config) const override { return recorded_->costs(config); }
  std::optional<graph::Graph> graph(const space::Config& config) const override {
    return recorded_->graph(config);
  }

 private:
  std::shared_ptr<const task::Recorded> recorded_;
  std::vector<study::Limit> limits_;
};

/// What all rows of a table come to, each measured.
struct Everything {
  double median = 0.0;  ///< of the cost
  double time_s = 0.0;
  std::int64_t rows = 0;
  study::Front front;  ///< within the limit
};

Everything measure_all(const task::Recorded& recorded, const std::string& cost) {
  Everything all;
  std::vector<double> costs;
  std::vector<study::Measures> rows;
  for (std::size_t row = 0; row < recorded.table().rows(); ++row) {
    const task::Evaluation evaluation = recorded.at_row(row, recorded.horizon());
    all.time_s += evaluation.cost_s;
    rows.push_back(evaluation.measures);
    if (const auto value = evaluation.measures.find(cost); value && std::isfinite(*value))
      costs.push_back(*value);
  }
  all.rows = static_cast<std::int64_t>(rows.size());
  all.median = predict::quantile(costs, 0.5);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto value = rows[row].find(cost);
    if (!value || !(*value <= all.median)) continue;
    auto values = oriented(recorded.objectives(), rows[row]);
    if (std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
      all.front.insert(static_cast<std::int64_t>(row), std::move(values));
  }
  return all;
}

/// The share of the front's points that a search has found.
double found(const study::Front& front, const Simulated& simulated,
             const std::vector<study::Objective>& objectives) {
  std::size_t count = 0;
  for (const auto& member : front.members())
    count += std::any_of(simulated.front.begin(), simulated.front.end(),
                         [&](const auto& one) { return oriented(objectives, one.second) == member.values; });
  return static_cast<double>(count) / static_cast<double>(std::max<std::size_t>(1, front.members().size()));
}

/// The hypervolume of what a search holds for its front, by what its configs truly come to, as a share of the
/// true front's.
double volume_of(const task::Recorded& recorded, const Everything& all, const std::string& cost,
                 const Simulated& simulated) {
  std::vector<std::vector<double>> best, points;
  for (const auto& member : all.front.members()) best.push_back(member.values);
  for (const auto& one : simulated.front) {
    const auto row = recorded.row_of(simulated.configs[static_cast<std::size_t>(one.first)]);
    if (!row) continue;
    const task::Evaluation truth = recorded.at_row(*row, recorded.horizon());
    if (truth.measures.find(cost).value_or(kNaN) <= all.median)
      points.push_back(oriented(recorded.objectives(), truth.measures));
  }
  const auto reference = study::reference_point(best);
  return points.empty() ? 0.0 : study::hypervolume(points, reference) / study::hypervolume(best, reference);
}

/// One table searched whole under a limit, once for each seed.
CostScore search_whole(const std::shared_ptr<const task::Recorded>& recorded, const std::string& cost,
                       const Everything& all, identity::Policy policy, const CostBenchOptions& options) {
  CostScore score;
  score.suite = "in the loop, limit at the median";
  score.target = recorded->name() == cost ? cost : fmt::format("{} {}", recorded->name(), cost);
  score.model = policy == identity::Policy::reuse ? "foreseen, known functions reused" : "foreseen";
  const auto limited =
      std::make_shared<const Limited>(recorded, study::Limit{cost, all.median, std::nullopt});
  const Problem problem(limited);
  std::vector<double> predicted, measured;
  double evaluated = 0.0, infeasible = 0.0, time_s = 0.0, share = 0.0, volume = 0.0, costs = 0.0, seeds = 0.0;
  for (std::int64_t seed = 0; seed < options.seeds; ++seed) {
    if (options.interrupted && options.interrupted()) break;
    if (options.progress)
      options.progress(
          fmt::format("{} whole, {}, seed {} of {}", score.target, score.model, seed + 1, options.seeds));
    Simulation simulation;
    simulation.searcher = "random";
    simulation.seed = static_cast<std::uint64_t>(seed);
    simulation.trials = all.rows;
    simulation.identity = policy;
    simulation.foresee = true;
    const Simulated simulated = simulate(problem, simulation);
    for (const Observation& seen : simulated.observations) {
      if (seen.reused || !seen.at_horizon) continue;
      ++evaluated;
      infeasible += seen.state == study::TrialState::infeasible;
    }
    for (const auto& [before, after] : simulated.foreseen) {
      predicted.push_back(before);
      measured.push_back(after);
    }
    time_s += simulated.time_s;
    costs += static_cast<double>(simulated.costs_measured);
    if (policy == identity::Policy::off) share += found(all.front, simulated, recorded->objectives());
    volume += volume_of(*recorded, all, cost, simulated);
    ++seeds;
  }
  score.accuracy = predict::accuracy(predicted, measured);
  if (seeds > 0.0)
    score.more = {{"evaluated_share", evaluated / seeds / static_cast<double>(all.rows)},
                  {"infeasible_share", infeasible / std::max(1.0, evaluated)},
                  {"time_share", time_s / seeds / all.time_s},
                  {"costs_measured_share", costs / seeds / static_cast<double>(all.rows)},
                  {"hypervolume_share", volume / seeds}};
  if (seeds > 0.0 && policy == identity::Policy::off) score.more.emplace_back("front_share", share / seeds);
  return score;
}

}  // namespace

std::vector<CostScore> loop_scores(const std::string& folder, const CostBenchOptions& options) {
  std::vector<CostScore> scores;
  std::vector<std::string> left_out;
  for (const Suite& suite : recorded_suites(folder, &left_out)) {
    if (suite.name == "curves") continue;
    for (const Problem& problem : suite.problems) {
      auto recorded = std::dynamic_pointer_cast<const task::Recorded>(problem.benchmark());
      std::string cost;
      if (suite.name == "devices") {
        cost = recorded->objectives().back().name;
      } else {
        // A table that says what training took.
        for (const auto& measure : recorded->measures())
          if (measure.unit == "s" && measure.name != recorded->objectives().front().name) cost = measure.name;
        if (cost.empty()) continue;
        task::RecordedUse use;
        use.objectives = {recorded->objectives().front().name, cost};
        recorded = std::make_shared<const task::Recorded>(recorded->name(),
                                                          std::vector{recorded->table_pointer()}, use);
      }
      const Everything all = measure_all(*recorded, cost);
      if (all.front.members().empty()) continue;  // nothing to be found within such a limit
      for (const auto policy : {identity::Policy::off, identity::Policy::reuse})
        if (policy == identity::Policy::off || recorded->has_cells())
          scores.push_back(search_whole(recorded, cost, all, policy, options));
    }
  }
  return scores;
}

}  // namespace hone::run
