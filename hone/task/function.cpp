// Analytic test functions of optimisation: no training, results in microseconds. For trying searchers and
// schedulers, and for tests of the engine itself.
//
// Branin and Hartmann-6: Dixon and Szegö, "Towards Global Optimization 2", 1978. ZDT1: Zitzler, Deb and
// Thiele, "Comparison of Multiobjective Evolutionary Algorithms: Empirical Results", 2000. With a fidelity z
// in (0, 1] the value is raised by (1 - z) times a bump that depends on the point, so that low fidelities
// mislead a little, as training curves do.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <thread>

#include <fmt/format.h>

#include "hone/task/task.h"

namespace hone::task {
namespace {

constexpr double kPi = std::numbers::pi;

double branin(const std::vector<double>& x) {
  const double a = 15.0 * x[0] - 5.0, b = 15.0 * x[1];
  const double inner = b - 5.1 / (4 * kPi * kPi) * a * a + 5.0 / kPi * a - 6.0;
  return inner * inner + 10.0 * (1.0 - 1.0 / (8.0 * kPi)) * std::cos(a) + 10.0;
}

double hartmann6(const std::vector<double>& x) {
  constexpr std::array<double, 4> alpha{1.0, 1.2, 3.0, 3.2};
  constexpr double scale[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                  {0.05, 10, 17, 0.1, 8, 14},
                                  {3, 3.5, 1.7, 10, 17, 8},
                                  {17, 8, 0.05, 10, 0.1, 14}};
  constexpr double centre[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                   {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                   {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                   {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double value = 0.0;
  for (int i = 0; i < 4; ++i) {
    double sum = 0.0;
    for (int j = 0; j < 6; ++j) sum += scale[i][j] * (x[j] - centre[i][j]) * (x[j] - centre[i][j]);
    value -= alpha[i] * std::exp(-sum);
  }
  return value;
}

double zdt1_g(const std::vector<double>& x) {
  double sum = 0.0;
  for (std::size_t i = 1; i < x.size(); ++i) sum += x[i];
  return 1.0 + 9.0 * sum / static_cast<double>(std::max<std::size_t>(1, x.size() - 1));
}

class FunctionTask final : public Task {
 public:
  explicit FunctionTask(const Options& options) : function_(options.text("function")) {}

  std::vector<MeasureInfo> measures() const override {
    if (function_ == "zdt1") return {{"f1", "first objective"}, {"f2", "second objective"}};
    return {{"value", "the function's value"}};
  }
  std::string fidelity_unit() const override { return "steps"; }
  bool whole_at_one() const override { return true; }

  void check(const space::Space& space) const override {
    const std::size_t need = function_ == "branin" ? 2 : function_ == "hartmann6" ? 6 : 2;
    std::size_t reals = 0;
    for (const auto& parameter : space.parameters())
      if (parameter.kind == space::ParameterKind::real) ++reals;
    if (reals < need)
      throw Error(fmt::format("{} needs {} real parameters in the space, found {}", function_, need, reals),
                  Place{"", 0, "space"}, "each is read on its own range, scaled to 0..1");
  }

  const std::string& function() const { return function_; }

 private:
  std::string function_;
};

class FunctionEvaluator final : public Evaluator {
 public:
  FunctionEvaluator(std::string function, double seconds)
      : function_(std::move(function)), seconds_(seconds) {}

  Outcome run(const Assignment& assignment, Reporter& reporter) override {
    std::vector<double> x;
    for (const auto& [name, value] : assignment.trial.config.entries())
      if (const auto* real = std::get_if<double>(&value)) x.push_back(std::clamp(*real, 0.0, 1.0));
    x.resize(std::max<std::size_t>(x.size(), 6), 0.5);
    Outcome outcome;
    for (std::int64_t step = assignment.from; step < assignment.to; ++step) {
      if (reporter.interrupted()) return {Ending::interrupted, "", step, {}, {}};
      if (seconds_ > 0.0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    }
    const double z = static_cast<double>(assignment.to) /
                     static_cast<double>(std::max<std::int64_t>(1, assignment.horizon));
    const double bump = (1.0 - z) * 0.1 * (1.0 + std::sin(7.0 * x[0] + 3.0 * x[1]));
    if (function_ == "zdt1") {
      const double g = zdt1_g(x);
      outcome.measures = {{"f1", x[0] + bump}, {"f2", g * (1.0 - std::sqrt(x[0] / g)) + bump}};
    } else {
      outcome.measures = {{"value", (function_ == "branin" ? branin(x) : hartmann6(x)) + bump}};
    }
    outcome.fidelity = assignment.to;
    return outcome;
  }

 private:
  std::string function_;
  double seconds_;
};

std::vector<OptionSpec> function_options() {
  return {{.name = "function",
           .type = OptionSpec::Type::text,
           .fallback = "branin",
           .summary = "which function",
           .allowed = {"branin", "hartmann6", "zdt1"}},
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
       .summary = "analytic test functions (branin, hartmann6, zdt1), to try searchers and schedulers",
       .paper = "",
       .options = task::function_options(),
       .traits = ""},
      task::MakeTask([](const Options& options, const std::string&) -> std::shared_ptr<const task::Task> {
        return std::make_shared<task::FunctionTask>(options);
      }));
}

HONE_REGISTER(evaluator, function) {
  using namespace hone;
  registry.add(
      "evaluator", {.name = "function", .summary = "evaluates the function in the worker", .paper = ""},
      task::MakeEvaluator([](std::shared_ptr<const task::Task>, const Options& options,
                             const std::string&) -> std::unique_ptr<task::Evaluator> {
        return std::make_unique<task::FunctionEvaluator>(options.text("function"), options.real("step_s"));
      }));
}
