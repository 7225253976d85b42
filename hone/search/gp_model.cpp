#include "hone/search/gp_model.h"

#include <algorithm>
#include <cmath>

namespace hone::search {

using study::TrialState;
using Transform = predict::OutputTransform;

namespace {

SurrogateOptions options_of(const GpModelOptions& options, Transform::Kind transform, std::uint64_t seed,
                            bool curve = false) {
  return {.transform = transform,
          .max_observations = options.max_observations,
          .curve = curve,
          .warp = options.warp,
          .quiet = options.quiet,
          .mixed_until = options.mixed_until,
          .seed = seed};
}

/// A success or a failure says less of its neighbours than a value does: what failed may have done so by
/// chance, and one such failure must not put a whole category off.
SurrogateOptions options_of_success(const GpModelOptions& options, std::uint64_t seed) {
  SurrogateOptions own = options_of(options, Transform::Kind::standard, seed);
  own.noise_floor = 0.1;
  own.quiet = false;
  return own;
}

}  // namespace

GpModel::GpModel(const Problem& problem, const GpModelOptions& options)
    : problem_(problem),
      options_(options),
      moves_(problem.space),
      coding_(moves_),
      success_(coding_.inputs(), options_of_success(options, problem.seed)),
      cost_(coding_.inputs(), options_of(options, Transform::Kind::standard, problem.seed)),
      earlier_(problem, moves_, coding_, options.transform) {
  if (options_.prior_beta == 0.0)
    options_.prior_beta =
        problem.max_trials ? std::max(1.0, static_cast<double>(*problem.max_trials) / 10.0) : 10.0;
}

std::size_t GpModel::row_of(const study::Trial& trial) {
  const auto [found, is_new] = row_by_trial_.try_emplace(trial.id, rows_.size());
  if (!is_new) return found->second;
  // What is inactive is filled in, and always alike.
  Rng rng(problem_.seed, "gp fill", static_cast<std::uint64_t>(trial.id));
  rows_.push_back({.point = moves_.filled(trial.config, rng)});
  known_.insert(trial.config.key());
  return found->second;
}

GpModel::Level& GpModel::level_at(std::int64_t fidelity) {
  const auto [found, is_new] = levels_.try_emplace(options_.joint ? 0 : fidelity);
  Level& level = found->second;
  if (is_new) {
    const std::size_t m = problem_.objectives.size();
    for (std::size_t j = 0; j < m; ++j)
      level.objectives.emplace_back(coding_.inputs(),
                                    options_of(options_, options_.transform, problem_.seed, options_.joint));
    for (std::size_t j = 0; j < problem_.limits.size(); ++j)
      level.limits.emplace_back(coding_.inputs(),
                                options_of(options_, Transform::Kind::limit, problem_.seed, options_.joint));
  }
  return level;
}

std::int64_t GpModel::key(std::size_t row, std::int64_t fidelity) {
  if (!options_.joint) return static_cast<std::int64_t>(row);
  auto place = std::find(fidelities_.begin(), fidelities_.end(), fidelity) - fidelities_.begin();
  if (place == static_cast<std::ptrdiff_t>(fidelities_.size())) fidelities_.push_back(fidelity);
  return static_cast<std::int64_t>(row) * kFidelities + std::min<std::int64_t>(place, kFidelities - 1);
}

double GpModel::resource(std::int64_t fidelity) const {
  const double horizon = static_cast<double>(std::max<std::int64_t>(problem_.horizon, 1));
  return std::clamp(static_cast<double>(fidelity) / horizon, 1e-9, 1.0);
}

std::vector<double> GpModel::coded(std::size_t row, std::int64_t fidelity) const {
  std::vector<double> result = coding_.row(rows_[row].point);
  if (options_.joint) result.push_back(resource(fidelity));
  return result;
}

void GpModel::update(const study::Change& change) {
  const study::Trial& trial = *change.trial;
  const std::size_t row = row_of(trial);
  Row& it = rows_[row];
  if (change.kind == study::Change::Kind::deleted || trial.state == TrialState::deleted) {
    running_.erase(row);
    forget(row, true);
    success_.forget(static_cast<std::int64_t>(row));
    cost_.forget(static_cast<std::int64_t>(row));
    n_failed_ -= it.failed ? 1 : 0;
    n_told_ -= it.is_told ? 1 : 0;
    it.failed = it.is_told = false;
    known_.erase(trial.config.key());
    return;
  }
  if (!trial.done() && trial.state != TrialState::paused)
    running_.insert(row);
  else
    running_.erase(row);
  it.infeasible = trial.state == TrialState::infeasible;
  if (change.kind == study::Change::Kind::result && counts(change.result->fidelity))
    told(row, *change.result);
  if (trial.state == TrialState::failed) {
    set_outcome(row, false);
    forget(row, false);
  }
  if (it.infeasible) {
    // What is known before training: the costs.
    const auto broken = violations(problem_, trial.costs);
    const bool any = std::any_of(broken.begin(), broken.end(), [](double v) { return std::isfinite(v); });
    if (any && trial.results.empty())
      count_limits(row, std::max<std::int64_t>(problem_.horizon, 1), trial.costs);
    const study::Result* last = trial.last();
    set_outcome(row, last != nullptr ? !lacks_limit(problem_, last->measures) : any);
  }
  if (trial.state == TrialState::pruned && change.kind == study::Change::Kind::state)
    count_poor(row, trial.last() != nullptr ? trial.last()->fidelity : 0);
  if (options_.cost_exponent > 0.0)
    if (const double cost = cost_of(problem_, trial); std::isfinite(cost) && cost > 0.0)
      cost_.observe(static_cast<std::int64_t>(row), coding_.row(it.point), std::log(cost));
}

/// Over fidelities the rungs alone, where there are any: reports in between are as many as there are steps,
/// most of the few trials that went furthest, and would crowd the others out.
bool GpModel::counts(std::int64_t fidelity) const {
  const std::vector<std::int64_t>& rungs = problem_.rungs;
  return !options_.joint || rungs.empty() || fidelity == problem_.horizon ||
         std::find(rungs.begin(), rungs.end(), fidelity) != rungs.end();
}

void GpModel::set_outcome(std::size_t row, bool success) {
  Row& it = rows_[row];
  if (it.is_told && it.failed == !success) return;
  n_told_ += it.is_told ? 0 : 1;
  n_failed_ += success ? 0 : 1;
  n_failed_ -= it.failed ? 1 : 0;
  it.is_told = true;
  it.failed = !success;
  success_.observe(static_cast<std::int64_t>(row), coding_.row(it.point), success ? 0.0 : 1.0);
}

void GpModel::told(std::size_t row, const study::Result& result) {
  const auto values = study::oriented(problem_.objectives, result.measures);
  const bool finite = !values.empty() &&
                      std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }) &&
                      !lacks_limit(problem_, result.measures);
  const std::int64_t key = this->key(row, result.fidelity);
  Level& level = level_at(result.fidelity);
  for (std::size_t j = 0; j < level.objectives.size(); ++j) {
    if (finite)
      level.objectives[j].observe(key, coded(row, result.fidelity), values[j]);
    else
      level.objectives[j].forget(key);
  }
  count_limits(row, result.fidelity, result.measures);
  set_outcome(row, finite);
}

void GpModel::count_limits(std::size_t row, std::int64_t fidelity, const study::Measures& measures) {
  if (problem_.limits.empty()) return;
  Level& level = level_at(fidelity);
  const std::int64_t key = this->key(row, fidelity);
  const auto broken = violations(problem_, measures);
  level.broken.erase(key);
  for (std::size_t j = 0; j < broken.size(); ++j) {
    if (broken[j] > 0.0) level.broken.insert(key);
    if (std::isfinite(broken[j])) level.limits[j].observe(key, coded(row, fidelity), broken[j]);
  }
}

void GpModel::count_poor(std::size_t row, std::int64_t reached) {
  if (options_.joint) return;
  for (auto& [fidelity, level] : levels_) {
    if (fidelity <= reached) continue;
    for (Surrogate& surrogate : level.objectives)
      if (surrogate.size() >= 4)
        surrogate.observe(static_cast<std::int64_t>(row), coding_.row(rows_[row].point),
                          surrogate.upper_quartile());
  }
}

void GpModel::forget(std::size_t row, bool with_limits) {
  std::vector<std::int64_t> keys;
  if (!options_.joint) keys.push_back(static_cast<std::int64_t>(row));
  for (std::size_t place = 0; options_.joint && place < fidelities_.size(); ++place)
    keys.push_back(static_cast<std::int64_t>(row) * kFidelities + static_cast<std::int64_t>(place));
  for (auto& [fidelity, level] : levels_)
    for (const std::int64_t key : keys) {
      for (Surrogate& it : level.objectives) it.forget(key);
      if (!with_limits) continue;
      for (Surrogate& it : level.limits) it.forget(key);
      level.broken.erase(key);
    }
}

bool GpModel::is_ready() const {
  if (n_told_ < options_.n_startup) return false;
  return std::any_of(levels_.begin(), levels_.end(),
                     [](const auto& it) { return it.second.objectives.front().size() >= 2; });
}

}  // namespace hone::search
