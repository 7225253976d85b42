#include "hone/schedule/hyperband_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::schedule {
namespace {

/// More trials than this in one stage are none that anybody runs; it keeps powers of eta within 64 bits.
constexpr std::int64_t kMostTrials = std::int64_t{1} << 40;

std::int64_t power(std::int64_t eta, std::int64_t exponent) {
  std::int64_t value = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (value > kMostTrials / eta) return kMostTrials;
    value *= eta;
  }
  return value;
}

}  // namespace

std::vector<OptionSpec> rung_options(std::int64_t eta) {
  return {{.name = "steps",
           .type = OptionSpec::Type::integers,
           .fallback = nullptr,
           .summary = "smallest and largest fidelity, between them rungs a factor eta apart; more than two "
                      "values: the rungs themselves, ascending",
           .low = 1},
          {.name = "eta",
           .type = OptionSpec::Type::integer,
           .fallback = eta,
           .summary = "of eta trials one goes on",
           .low = 2,
           .high = 1000}};
}

std::vector<OptionSpec> beyond_options() {
  return {
      {.name = "eager",
       .type = OptionSpec::Type::flag,
       .fallback = true,
       .summary = "where trials are promoted: the best trial of a rung goes on also while there are fewer "
                  "than eta"},
      {.name = "measured",
       .type = OptionSpec::Type::flag,
       .fallback = true,
       .summary = "a rung counts only while its order tells something of the next one's, which trials "
                  "that pass it unjudged show: trials begin above those that do not, or (of type "
                  "stopping) are not judged there"},
      {.name = "distinct",
       .type = OptionSpec::Type::flag,
       .fallback = true,
       .summary = "where trials are promoted: what gives exactly another trial's value is not promoted "
                  "beside it, once such twins were found to stay twins"}};
}

MethodInfo bracket_method(const std::string& name, const std::string& summary, const std::string& paper,
                          std::int64_t eta) {
  return {.name = name,
          .summary = summary,
          .paper = paper,
          .options = rung_options(eta),
          .abilities = {.objectives = "several",
                        .constraints = "avoided",
                        .batch = "the next bracket begins while one waits",
                        .fidelity = "rungs a factor eta apart, from the largest down",
                        .ask = "O(log n)",
                        .trials = "one bracket and more"}};
}

std::vector<std::int64_t> ascending_steps(const Options& options, const char* method) {
  auto steps = options.integers("steps");
  if (steps.size() < 2)
    throw Error(fmt::format("{} needs at least two fidelities in steps", method), options.place("steps"),
                "give [smallest, largest], or take scheduler 'fixed' for a single one");
  for (std::size_t i = 1; i < steps.size(); ++i)
    if (steps[i] <= steps[i - 1])
      throw Error(fmt::format("steps must ascend, but {} comes after {}", steps[i], steps[i - 1]),
                  options.place("steps"));
  return steps;
}

std::vector<std::int64_t> rungs_from_top(const Options& options, const char* method) {
  const auto steps = ascending_steps(options, method);
  const std::int64_t eta = options.integer("eta");
  if (steps.size() > 2) return steps;
  std::vector<std::int64_t> rungs{steps[1]};
  // Compared in integers: max / eta^s >= min just where max >= min * eta^s.
  for (std::int64_t divisor = eta; divisor <= steps[1] / steps[0];) {
    rungs.push_back((steps[1] + divisor / 2) / divisor);
    if (divisor > steps[1] / eta) break;
    divisor *= eta;
  }
  std::reverse(rungs.begin(), rungs.end());
  if (rungs.size() < 2)
    throw Error(fmt::format("between {} and {} there is no rung a factor {} apart", steps[0], steps[1], eta),
                options.place("steps"), "give a wider range, a smaller eta, or all rungs");
  return rungs;
}

std::vector<Brackets::Stage> halved(const std::vector<std::int64_t>& rungs, std::int64_t eta, std::int64_t s,
                                    std::int64_t n) {
  std::vector<Brackets::Stage> stages;
  for (std::int64_t i = 0; i <= s; ++i, n /= eta)
    stages.push_back(
        {std::max<std::int64_t>(1, n), rungs[rungs.size() - static_cast<std::size_t>(s + 1 - i)]});
  return stages;
}

std::vector<Brackets::Stage> hyperband_bracket(const std::vector<std::int64_t>& rungs, std::int64_t eta,
                                               std::int64_t s) {
  const auto brackets = static_cast<std::int64_t>(rungs.size());
  return halved(rungs, eta, s, (power(eta, s) * brackets + s) / (s + 1));
}

Brackets::Plan hyperband_plan(std::vector<std::int64_t> rungs, std::int64_t eta) {
  Brackets::Plan plan;
  plan.rungs = rungs;
  plan.eta = eta;
  plan.shape = [rungs = std::move(rungs), eta](std::int64_t index) {
    const auto brackets = static_cast<std::int64_t>(rungs.size());
    return Brackets::Shape{hyperband_bracket(rungs, eta, brackets - 1 - index % brackets)};
  };
  return plan;
}

}  // namespace hone::schedule
