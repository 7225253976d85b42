#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/task/functions/function.h"

namespace hone::task {
namespace {

class FunctionBenchmark final : public Benchmark {
 public:
  FunctionBenchmark(const FunctionInfo& info, std::int64_t dimension, std::uint64_t instance)
      : name_(info.name), title_(fmt::format("{} ({})", info.summary, info.source)) {
    function_ = info.make(dimension, instance);
  }

  const std::string& name() const override { return name_; }
  const std::string& title() const override { return title_; }
  const space::Space& space() const override { return function_.space; }
  const std::vector<study::Objective>& objectives() const override { return function_.objectives; }
  const std::vector<study::Limit>& limits() const override { return function_.limits; }
  std::int64_t horizon() const override { return function_.horizon; }
  std::optional<double> optimum() const override { return function_.optimum; }
  std::vector<std::vector<double>> front() const override {
    return function_.front ? function_.front() : std::vector<std::vector<double>>{};
  }
  std::vector<double> reference() const override { return function_.reference; }

  Evaluation evaluate(const space::Config& config, std::uint64_t, std::int64_t fidelity) const override {
    if (fidelity < 1 || fidelity > horizon())
      throw Error(fmt::format("{} has fidelities 1 to {}, not {}", name_, horizon(), fidelity));
    const auto& parameters = function_.space.parameters();
    const auto& entries = config.entries();
    std::vector<double> x(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Value* value = i < entries.size() && entries[i].first == parameters[i].name
                               ? &entries[i].second
                               : config.find(parameters[i].name);
      if (!value && !parameters[i].when) config.at(parameters[i].name);  // says what is missing
      x[i] = value ? number(parameters[i], *value) : kNaN;
    }
    const double z = static_cast<double>(fidelity) / static_cast<double>(horizon());
    const auto values = function_.evaluate(x, z);
    Evaluation evaluation;
    evaluation.cost_s = function_.cost ? function_.cost(z) : z;
    if (std::isnan(values.at(0))) {
      evaluation.failure = "the function fails there";
      return evaluation;
    }
    std::size_t k = 0;
    for (const auto& objective : function_.objectives)
      evaluation.measures.add(objective.name, values.at(k++));
    for (const auto& limit : function_.limits) evaluation.measures.add(limit.name, values.at(k++));
    return evaluation;
  }

 private:
  double number(const space::Parameter& parameter, const Value& value) const {
    if (!std::holds_alternative<std::string>(value)) return value_real(value);
    const auto at = std::find(parameter.choices.begin(), parameter.choices.end(), value);
    if (at == parameter.choices.end())
      throw Error(fmt::format("{} is no value of {}", value_quoted(value), parameter.name));
    return static_cast<double>(at - parameter.choices.begin());
  }

  std::string name_, title_;
  Function function_;
};

}  // namespace

const std::vector<FunctionInfo>& test_functions() {
  static const std::vector<FunctionInfo> list = [] {
    std::vector<FunctionInfo> all;
    add_classic_functions(all);
    add_failing_functions(all);
    add_bbob_functions(all);
    add_mixed_functions(all);
    add_conditional_functions(all);
    add_constrained_functions(all);
    add_engineering_functions(all);
    add_zdt_functions(all);
    add_dtlz_functions(all);
    add_wfg_functions(all);
    add_fidelity_functions(all);
    return all;
  }();
  return list;
}

const FunctionInfo& test_function(const std::string& name, const Place& place) {
  std::vector<std::string> names;
  for (const FunctionInfo& info : test_functions()) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  const std::string near = nearest(name, names);
  throw Error(fmt::format("unknown function '{}'", name), place,
              near.empty() ? "docs/study-file.md lists them" : fmt::format("did you mean '{}'?", near));
}

std::shared_ptr<const Benchmark> make_function(const std::string& name, std::int64_t dimension,
                                               std::uint64_t instance) {
  const FunctionInfo& info = test_function(name);
  if (dimension == 0) dimension = info.dimension > 0 ? info.dimension : std::max<std::int64_t>(5, info.least);
  if (info.dimension > 0 && dimension != info.dimension)
    throw Error(fmt::format("{} has {} parameters, not {}", name, info.dimension, dimension));
  if (dimension < info.least || dimension > 1000)
    throw Error(fmt::format("{} has {} to 1000 parameters, not {}", name, info.least, dimension));
  return std::make_shared<FunctionBenchmark>(info, dimension, instance);
}

space::Space cube(std::int64_t dimension, double low, double high) {
  return box(std::vector<std::pair<double, double>>(static_cast<std::size_t>(dimension), {low, high}));
}

space::Space box(const std::vector<std::pair<double, double>>& ranges) {
  space::Space::Builder builder;
  for (std::size_t i = 0; i < ranges.size(); ++i)
    builder.real(fmt::format("x{}", i + 1), ranges[i].first, ranges[i].second);
  return builder.build();
}

Function function_on(const space::Space& space, std::size_t n_limits, double optimum,
                     std::vector<double> (*values)(std::span<const double>)) {
  Function function;
  function.space = space;
  for (std::size_t i = 1; i <= n_limits; ++i) function.limits.push_back({fmt::format("c{}", i), 0.0, {}});
  function.optimum = optimum;
  function.evaluate = [values](std::span<const double> x, double) { return values(x); };
  return function;
}

void add_function(std::vector<FunctionInfo>& list, const std::string& suite, const std::string& name,
                  const std::string& summary, const std::string& source, const Function& function) {
  list.push_back({name, suite, summary, source, static_cast<std::int64_t>(function.space.size()), 1,
                  [function](std::int64_t, std::uint64_t) { return function; }});
}

void add_limited_function(std::vector<FunctionInfo>& list, const std::string& name,
                          const std::string& summary, const std::string& source, const space::Space& space,
                          std::size_t n_limits, double optimum,
                          std::vector<double> (*values)(std::span<const double>)) {
  add_function(list, "constrained", name, summary, source, function_on(space, n_limits, optimum, values));
}

std::vector<std::vector<double>> curve_front(const std::function<std::vector<double>(double)>& curve) {
  constexpr int kSteps = 20000;
  std::vector<std::vector<double>> points;
  for (int i = 0; i <= kSteps; ++i) points.push_back(curve(static_cast<double>(i) / kSteps));
  std::sort(points.begin(), points.end());
  std::vector<std::vector<double>> front;
  for (auto& point : points)
    if (front.empty() || point[1] < front.back()[1]) front.push_back(std::move(point));
  return front;
}

}  // namespace hone::task
