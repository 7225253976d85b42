// What a searcher proposes in a study, without running the study.
#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/class_count.h"
#include "hone/run/simulator.h"
#include "hone/search/searcher.h"

namespace hone::run {
namespace {

/// Nobody listens to its reports.
class Deaf final : public task::Reporter {
 public:
  Verdict report(std::int64_t, const study::Measures&) override { return Verdict::go_on; }
  bool interrupted() override { return false; }
};

/// A study's task as a problem: evaluated at the study's horizon where its results come at once, else without
/// results worth learning from.
class StudyBenchmark final : public task::Benchmark {
 public:
  StudyBenchmark(const StudyFile& file, bool results) : file_(file) {
    if (results)
      evaluator_ = methods().maker<task::MakeEvaluator>("evaluator", file.task_kind)(
          file.task, file.task_options, file.folder);
  }

  const std::string& name() const override { return file_.name; }
  const std::string& title() const override { return file_.name; }
  const space::Space& space() const override { return file_.space; }
  const std::vector<study::Objective>& objectives() const override { return file_.objectives; }
  const std::vector<study::Limit>& limits() const override { return limits_; }
  std::int64_t horizon() const override { return file_.horizon(); }
  std::optional<double> optimum() const override { return std::nullopt; }

  task::Evaluation evaluate(const space::Config& config, std::uint64_t seed,
                            std::int64_t fidelity) const override {
    task::Evaluation evaluation;
    if (evaluator_ == nullptr) {
      for (const auto& objective : file_.objectives) evaluation.measures.set(objective.name, 0.0);
      return evaluation;
    }
    task::Assignment assignment;
    assignment.trial.config = config;
    assignment.trial.seed = seed;
    assignment.to = fidelity;
    assignment.horizon = file_.horizon();
    Deaf deaf;
    const task::Outcome outcome = evaluator_->run(assignment, deaf);
    if (outcome.ending == task::Ending::failed) {
      evaluation.failure = outcome.reason.empty() ? "failed" : outcome.reason;
      evaluation.failed_at = outcome.fidelity;
    } else {
      evaluation.measures = outcome.measures;
    }
    return evaluation;
  }

 private:
  const StudyFile& file_;
  std::unique_ptr<task::Evaluator> evaluator_;
  std::vector<study::Limit> limits_ = {};
};

/// Whether a result costs microseconds.
bool answers_at_once(const StudyFile& file) {
  return file.task_kind == "recorded" || file.task_kind == "function";
}

}  // namespace

std::vector<space::Config> proposals_of(const StudyFile& file, const std::string& searcher, std::int64_t n) {
  const bool results = answers_at_once(file);
  search::Problem problem{file.space, file.objectives, file.seed};
  const bool own = searcher == file.searcher;
  Simulation simulation;
  simulation.searcher = searcher;
  if (own) simulation.searcher_options = file.searcher_options.json();
  if (!results && search::make_searcher(searcher, problem, simulation.searcher_options)->learns())
    throw Error(fmt::format("searcher '{}' learns from results, and task '{}' has none before it runs",
                            searcher, file.task_kind),
                {}, "take random or sobol, or a recorded table of the same space");
  simulation.seed = file.seed;
  simulation.trials = n;
  return simulate(Problem(std::make_shared<StudyBenchmark>(file, results)), simulation).configs;
}

}  // namespace hone::run
