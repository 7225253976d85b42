#include "hone/run/suite.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/predict/score.h"
#include "hone/study/front.h"

namespace hone::run {
namespace {

constexpr std::uint64_t kReferenceDraws = 10000;
constexpr std::uint64_t kSeed = 20221;
constexpr std::size_t kEnoughFeasible = 10;

}  // namespace

struct Problem::Known {
  std::once_flag median_once, reference_once;
  double median = kInfinity;
  std::vector<double> reference;
  std::optional<double> hypervolume;
};

Problem::Problem(std::shared_ptr<const task::Benchmark> benchmark, std::string suite)
    : benchmark_(std::move(benchmark)),
      suite_(std::move(suite)),
      name_(benchmark_->name()),
      known_(std::make_shared<Known>()) {}

Problem Problem::renamed(std::string name) const {
  Problem problem = *this;
  problem.name_ = std::move(name);
  return problem;
}

bool Problem::is_called(const std::string& name) const {
  return name == name_ || name == benchmark_->name() || name == suite_ + "/" + benchmark_->name();
}

double Problem::median() const {
  std::call_once(known_->median_once, [this] {
    if (const auto known = benchmark_->median()) {
      known_->median = *known;
      return;
    }
    const study::Objective& objective = objectives().front();
    std::vector<double> within, all;
    for (std::uint64_t i = 0; i < kReferenceDraws; ++i) {
      Rng rng(kSeed, "median", i);
      const auto evaluation = evaluate(space().sample(rng), i, horizon());
      const auto value = evaluation.measures.find(objective.name);
      const double oriented = !value || !std::isfinite(*value) ? kInfinity
                              : objective.minimize             ? *value
                                                               : -*value;
      all.push_back(oriented);
      if (std::all_of(limits().begin(), limits().end(), [&](const study::Limit& limit) {
            return limit.violation(evaluation.measures).empty();
          }))
        within.push_back(oriented);
    }
    auto& values = within.size() < kEnoughFeasible ? all : within;
    // Next to nothing is within the limits: typical is then how far values are from the optimum, as most may
    // be better than it.
    if (const auto best = optimum(); best && within.size() < kEnoughFeasible) {
      const double oriented = objective.minimize ? *best : -*best;
      for (double& value : values) value = oriented + std::abs(value - oriented);
    }
    double middle = predict::upper_median(values);
    if (!std::isfinite(middle) && std::erase(values, kInfinity) > 0 && !values.empty())
      middle = predict::upper_median(std::move(values));
    known_->median = objective.minimize ? middle : -middle;
  });
  return known_->median;
}

double Problem::normalised_regret(double value) const {
  const auto best = optimum();
  if (!best) return kNaN;
  if (std::isnan(value)) return kInfinity;
  const double range = median() - *best;
  // Half of the space is optimal: there is nothing to be gained.
  if (range == 0.0) return value == *best ? 0.0 : kInfinity;
  return (value - *best) / range + 0.0;  // no -0.0
}

const std::vector<double>& Problem::reference() const {
  std::call_once(known_->reference_once, [this] {
    known_->reference = benchmark_->reference();
    if (known_->reference.empty()) {
      std::vector<std::vector<double>> points;
      for (std::uint64_t i = 0; i < kReferenceDraws; ++i) {
        Rng rng(kSeed, "reference", i);
        const auto evaluation = evaluate(space().sample(rng), i, horizon());
        auto point = study::oriented(objectives(), evaluation.measures);
        if (std::all_of(point.begin(), point.end(), [](double x) { return std::isfinite(x); }))
          points.push_back(std::move(point));
      }
      if (!points.empty()) known_->reference = study::reference_point(points);
    }
    if (known_->reference.empty()) known_->reference.assign(objectives().size(), kInfinity);
    if (auto front = benchmark_->front(); !front.empty())
      known_->hypervolume = study::hypervolume(std::move(front), known_->reference);
  });
  return known_->reference;
}

std::optional<double> Problem::best_hypervolume() const {
  reference();
  return known_->hypervolume;
}

void name_apart(std::vector<Suite>& suites) {
  std::map<std::string, int> times;
  for (const Suite& suite : suites)
    for (const Problem& problem : suite.problems) ++times[problem.name()];
  std::set<std::string> taken;
  for (Suite& suite : suites)
    for (Problem& problem : suite.problems) {
      std::string name = times.at(problem.name()) > 1 ? suite.name + "/" + problem.name() : problem.name();
      // A folder may be called like a suite.
      while (!taken.insert(name).second) name += "'";
      if (name != problem.name()) problem = problem.renamed(std::move(name));
    }
}

const Problem& find_problem(const std::vector<Suite>& suites, const std::string& name) {
  std::vector<std::string> names;
  for (const Suite& suite : suites)
    for (const Problem& problem : suite.problems) {
      if (problem.is_called(name)) return problem;
      names.push_back(problem.name());
    }
  const std::string near = nearest(name, names);
  throw Error(fmt::format("there is no problem '{}'", name), {},
              near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

}  // namespace hone::run
