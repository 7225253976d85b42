// Analytic test functions of optimisation (functions/function.h): no training, results in microseconds. For
// trying searchers and schedulers, and for tests of the engine itself.
//
// A function brings its space. branin, hartmann6 and zdt1 also take any space with enough real parameters:
// they are read in order, each clamped to 0..1. With a horizon above 1 a function without fidelities of its
// own gets some: at a share z of the horizon its objectives are raised by (1 - z) times a bump that depends
// on the point, so that low fidelities mislead a little, as training curves do.
#include "hone/task/functions/function.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>

#include "hone/task/task.h"

namespace hone::task {
namespace {

class FunctionTask final : public Task {
 public:
  explicit FunctionTask(const Options& options)
      : name_(options.text("function")), info_(&test_function(name_, options.place("function"))) {
    try {
      benchmark_ = make_function(name_, options.integer("dimension"),
                                 static_cast<std::uint64_t>(options.integer("instance")));
    } catch (const Error& error) {
      throw Error(error.message(), options.place("dimension"), error.hint());
    }
  }

  std::vector<MeasureInfo> measures() const override {
    std::vector<MeasureInfo> infos;
    for (const auto& objective : benchmark_->objectives())
      infos.push_back({objective.name, "the function's value", objective.minimize});
    for (const auto& limit : benchmark_->limits())
      infos.push_back({limit.name, "must not be above 0: give it a limit of { max = 0 }"});
    return infos;
  }
  std::string fidelity_unit() const override { return "steps"; }
  bool whole_at_one() const override { return true; }
  bool reports() const override { return false; }
  std::optional<space::Space> default_space() const override { return benchmark_->space(); }

  void check(const space::Space& space) const override {
    if (!any_space()) {
      check_own(space);
      return;
    }
    const std::size_t need = name_ == "hartmann6" ? 6 : 2;
    std::size_t reals = 0;
    for (const auto& parameter : space.parameters())
      if (parameter.kind == space::ParameterKind::real) ++reals;
    if (reals < need)
      throw Error(fmt::format("{} needs {} real parameters in the space, found {}", name_, need, reals),
                  Place{"", 0, "space"}, "each is read on its own range, scaled to 0..1");
  }
  void check_rungs(const std::vector<std::int64_t>& rungs) const override {
    if (benchmark_->horizon() > 1 && rungs.back() > benchmark_->horizon())
      throw Error(fmt::format("{} has fidelities 1 to {}, and {} is asked for", name_, benchmark_->horizon(),
                              rungs.back()));
  }
  std::string prepare() const override {
    const auto best = benchmark_->optimum();
    return best ? fmt::format("{}; optimum {:.7g}", benchmark_->title(), *best) : benchmark_->title();
  }

  /// Whether any real parameters will do.
  bool any_space() const { return name_ == "branin" || name_ == "hartmann6" || name_ == "zdt1"; }
  const Benchmark& benchmark() const { return *benchmark_; }
  std::shared_ptr<const Benchmark> benchmark(std::size_t n_reals) const {
    return info_->dimension > 0 ? benchmark_ : make_function(name_, static_cast<std::int64_t>(n_reals));
  }
  /// Its number of parameters; 0: any.
  std::size_t dimension() const { return static_cast<std::size_t>(info_->dimension); }

 private:
  /// A space of the user's must hold the function's parameters, restricted as it pleases, but with the
  /// function's conditions, and so with all values that these name.
  void check_own(const space::Space& space) const {
    const space::Space& own = benchmark_->space();
    for (const auto& parameter : space.parameters()) {
      const auto index = own.index(parameter.name);
      if (!index)
        throw Error(fmt::format("{} has no parameter '{}'", name_, parameter.name), parameter.place,
                    suggest(parameter.name, own.names()));
      const auto& mine = own.parameter(*index);
      if (parameter.when && !mine.when)
        throw Error(fmt::format("'{}' must always be active", parameter.name), parameter.place);
      if (mine.when && (!parameter.when || parameter.when.canonical() != mine.when.canonical()))
        throw Error(fmt::format("'{}' must have the function's condition", parameter.name), parameter.place,
                    fmt::format("when = \"{}\"", mine.when.canonical()));
      if ((parameter.kind == space::ParameterKind::flag) != (mine.kind == space::ParameterKind::flag))
        throw Error(fmt::format("'{}' must be: {}", parameter.name, mine.shown()), parameter.place);
      if (mine.choices.empty() && mine.kind != space::ParameterKind::flag) {
        const bool number =
            parameter.kind == space::ParameterKind::integer ||
            (parameter.kind == space::ParameterKind::real && mine.kind == space::ParameterKind::real);
        if (!number || parameter.low < mine.low || parameter.high > mine.high)
          throw Error(fmt::format("'{}' must stay within: {}", parameter.name, mine.shown()),
                      parameter.place);
      }
      for (const Value& value : parameter.choices)
        if (std::find(mine.choices.begin(), mine.choices.end(), value) == mine.choices.end())
          throw Error(fmt::format("{} is no value of '{}'", value_quoted(value), parameter.name),
                      parameter.place, mine.shown());
    }
    for (const auto& parameter : own.parameters())
      if (!space.index(parameter.name))
        throw Error(fmt::format("the space lacks '{}' of {}", parameter.name, name_), Place{"", 0, "space"},
                    "leave [space] out to search all of it");
  }

  std::string name_;
  const FunctionInfo* info_;
  std::shared_ptr<const Benchmark> benchmark_;
};

class FunctionEvaluator final : public Evaluator {
 public:
  FunctionEvaluator(std::shared_ptr<const Task> task, double seconds)
      : task_(std::dynamic_pointer_cast<const FunctionTask>(std::move(task))), seconds_(seconds) {
    if (!task_) throw internal_error("the evaluator of functions was given another task");
  }

  Outcome run(const Assignment& assignment, Reporter& reporter) override {
    for (std::int64_t step = assignment.from; step < assignment.to; ++step) {
      if (reporter.interrupted()) return {Ending::interrupted, "", step, {}, {}};
      if (seconds_ > 0.0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    }
    Outcome outcome;
    outcome.fidelity = assignment.to;
    const std::int64_t own = task_->benchmark().horizon();
    const std::int64_t fidelity = own > 1 ? assignment.to : 1;
    if (task_->any_space()) {
      outcome.measures = in_any_space(assignment.trial.config);
    } else {
      Evaluation evaluation =
          task_->benchmark().evaluate(assignment.trial.config, assignment.trial.seed, fidelity);
      if (!evaluation.failure.empty()) return {Ending::failed, evaluation.failure, assignment.to, {}, {}};
      outcome.measures = std::move(evaluation.measures);
    }
    if (own == 1) raise(assignment, outcome.measures);
    return outcome;
  }

 private:
  static std::vector<double> reals(const space::Config& config) {
    std::vector<double> x;
    for (const auto& [name, value] : config.entries())
      if (const auto* real = std::get_if<double>(&value)) x.push_back(std::clamp(*real, 0.0, 1.0));
    return x;
  }

  study::Measures in_any_space(const space::Config& config) {
    auto x = reals(config);
    // Under other names than its own, what a space lacks of six real parameters is taken to be 0.5.
    if (config.entries().empty() || config.entries().front().first != "x1")
      x.resize(std::max<std::size_t>(x.size(), 6), 0.5);
    x.resize(std::max(x.size(), std::max<std::size_t>(2, task_->dimension())), 0.5);
    if (!unit_ || n_reals_ != x.size()) {
      unit_ = task_->benchmark(x.size());
      n_reals_ = x.size();
    }
    std::vector<space::Config::Entry> entries;
    for (std::size_t i = 0; i < unit_->space().size(); ++i)
      entries.emplace_back(unit_->space().parameter(i).name, x[i]);
    return unit_->evaluate(space::Config(std::move(entries)), 0, 1).measures;
  }

  void raise(const Assignment& assignment, study::Measures& measures) const {
    const double z = static_cast<double>(assignment.to) /
                     static_cast<double>(std::max<std::int64_t>(1, assignment.horizon));
    if (z >= 1.0) return;
    auto x = reals(assignment.trial.config);
    x.resize(std::max<std::size_t>(x.size(), 2), 0.5);
    const double bump = (1.0 - z) * 0.1 * (1.0 + std::sin(7.0 * x[0] + 3.0 * x[1]));
    for (const auto& objective : task_->benchmark().objectives())
      measures.set(objective.name, *measures.find(objective.name) + (objective.minimize ? bump : -bump));
  }

  std::shared_ptr<const FunctionTask> task_;
  double seconds_;
  std::shared_ptr<const Benchmark> unit_;
  std::size_t n_reals_ = 0;
};

std::vector<OptionSpec> function_options() {
  return {
      {.name = "function",
       .type = OptionSpec::Type::text,
       .fallback = "branin",
       .summary = "which function: branin, hartmann6, zdt1, bbob_f15, ...; docs/study-file.md lists them"},
      {.name = "dimension",
       .type = OptionSpec::Type::integer,
       .fallback = 0,
       .summary = "parameters of its own space, where the function exists in any number; 0: 5",
       .low = 0,
       .high = 1000},
      {.name = "instance",
       .type = OptionSpec::Type::integer,
       .fallback = 1,
       .summary = "bbob and mixint functions: how the function is moved and turned",
       .low = 1,
       .high = 100000},
      {.name = "step_s",
       .type = OptionSpec::Type::duration,
       .fallback = 0.0,
       .summary = "time that one step of fidelity takes, slept",
       .low = 0.0}};
}

}  // namespace
}  // namespace hone::task

HONE_REGISTER(task, function) {
  using namespace hone;
  registry.add(
      "task",
      {.name = "function",
       .summary = "analytic test functions with known optima, to try searchers and schedulers",
       .paper = "",
       .options = task::function_options(),
       .traits = "brings its space"},
      task::MakeTask([](const Options& options, const std::string&) -> std::shared_ptr<const task::Task> {
        return std::make_shared<task::FunctionTask>(options);
      }));
}

HONE_REGISTER(evaluator, function) {
  using namespace hone;
  registry.add("evaluator",
               {.name = "function", .summary = "evaluates the function in the worker", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> task, const Options& options,
                                      const std::string&) -> std::unique_ptr<task::Evaluator> {
                 return std::make_unique<task::FunctionEvaluator>(std::move(task), options.real("step_s"));
               }));
}
