#include "hone/identity/collisions.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

namespace hone::identity {
namespace {

constexpr double kDoubt = 0.05;
constexpr double kDeviations = 3.0;
constexpr std::size_t kExamples = 10;

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (modified Lentz).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  // The fraction converges fast on one side of the mean only.
  if (x > (a + 1.0) / (a + b + 2.0)) return 1.0 - incomplete_beta(b, a, 1.0 - x);
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), fraction = d;
  for (int m = 1; m <= 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1.0;
    for (const double term : {even, odd}) {
      d = 1.0 / away_from_zero(1.0 + term * d);
      c = away_from_zero(1.0 + term / c);
      change = d * c;
      fraction *= change;
    }
    if (std::abs(change - 1.0) < 1e-15) break;
  }
  const double front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(front) * fraction / a;
}

double beta_quantile(double p, double a, double b) {
  double low = 0.0, high = 1.0;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (incomplete_beta(a, b, middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// The objectives that say how good a candidate is.
std::vector<std::string> qualities(const study::StudyRecord& header) {
  const auto& costs = header.costs.empty() ? header.unshared : header.costs;
  std::vector<std::string> names;
  for (const auto& objective : header.objectives)
    if (std::find(costs.begin(), costs.end(), objective.name) == costs.end()) names.push_back(objective.name);
  return names;
}

/// The pooled standard deviation of a single evaluation; 0: there are no replicates.
double noise_of(const study::Study& study, const std::string& measure) {
  double squares = 0.0;
  std::int64_t degrees = 0;
  for (const study::Trial& trial : study.trials()) {
    if (trial.of >= 0 || trial.same_as >= 0 || study.replicates(trial.id).empty()) continue;
    const auto spread = study.spread(trial.id);
    const auto deviation = spread.deviation.find(measure);
    if (spread.n < 2 || !deviation || !std::isfinite(*deviation)) continue;
    squares += static_cast<double>(spread.n - 1) * *deviation * *deviation;
    degrees += spread.n - 1;
  }
  return degrees > 0 ? std::sqrt(squares / static_cast<double>(degrees)) : 0.0;
}

}  // namespace

std::pair<double, double> clopper_pearson(std::int64_t hits, std::int64_t n) {
  if (n <= 0) return {0.0, 1.0};
  const auto x = static_cast<double>(hits), all = static_cast<double>(n);
  return {hits <= 0 ? 0.0 : beta_quantile(0.5 * kDoubt, x, all - x + 1.0),
          hits >= n ? 1.0 : beta_quantile(1.0 - 0.5 * kDoubt, x + 1.0, all - x)};
}

Collisions collisions(const study::Study& study) {
  Collisions found;
  for (const std::string& name : qualities(study.header()))
    found.measures.push_back({name, noise_of(study, name), 0.0});
  if (found.measures.empty()) return found;
  std::unordered_map<Key, std::int64_t> first;
  for (const study::Trial& trial : study.trials()) {
    if (trial.keys.functional.none() || trial.of >= 0 || trial.same_as >= 0 || trial.results.empty() ||
        trial.state == study::TrialState::deleted)
      continue;
    const auto [place, alone] = first.emplace(trial.keys.functional, trial.id);
    if (alone) continue;
    const study::Trial& other = study.trial(place->second);
    const study::Result *mine = nullptr, *theirs = nullptr;
    for (auto result = trial.results.rbegin(); result != trial.results.rend() && mine == nullptr; ++result)
      if ((theirs = other.at(result->fidelity)) != nullptr) mine = &*result;
    if (mine == nullptr) continue;
    ++found.pairs;
    found.evaluation_s += trial.evaluation_s();
    bool differs = false, beyond = false;
    for (Collisions::Measure& measure : found.measures) {
      const auto a = mine->measures.find(measure.name), b = theirs->measures.find(measure.name);
      if (!a || !b || !std::isfinite(*a) || !std::isfinite(*b)) continue;
      const double difference = std::abs(*a - *b);
      measure.largest = std::max(measure.largest, difference);
      differs = differs || difference > 0.0;
      beyond = beyond || difference > kDeviations * std::sqrt(2.0) * measure.noise;
    }
    found.different += differs ? 1 : 0;
    if (!beyond) continue;
    ++found.collisions;
    if (found.examples.size() < kExamples) found.examples.emplace_back(other.id, trial.id);
  }
  std::tie(found.low, found.high) = clopper_pearson(found.collisions, found.pairs);
  return found;
}

}  // namespace hone::identity
