#include "hone/search/gp_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "hone/study/front.h"

namespace hone::search {

using study::TrialState;
using Transform = predict::OutputTransform;

namespace {

constexpr std::int64_t kFidelities = 1 << 16;  // joint keys are row * kFidelities + place of the fidelity
constexpr std::size_t kMaxPending = 100;
constexpr std::size_t kMaxFront = 50;
constexpr std::size_t kSeeds = 6;

SurrogateOptions options_of(const GpModelOptions& options, Transform::Kind transform, bool curve) {
  return {.transform = transform, .max_observations = options.max_observations, .curve = curve};
}

}  // namespace

GpModel::GpModel(const Problem& problem, const GpModelOptions& options)
    : problem_(problem),
      options_(options),
      moves_(problem.space),
      coding_(moves_),
      success_(coding_.inputs(), options_of(options, Transform::Kind::standard, false)),
      cost_(coding_.inputs(), options_of(options, Transform::Kind::standard, false)) {}

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
    // Hypervolumes want distances kept.
    const auto kind = m == 1 ? options_.transform : Transform::Kind::standard;
    for (std::size_t j = 0; j < m; ++j)
      level.objectives.emplace_back(coding_.inputs(), options_of(options_, kind, options_.joint));
    for (std::size_t j = 0; j < problem_.limits.size(); ++j)
      level.limits.emplace_back(coding_.inputs(),
                                options_of(options_, Transform::Kind::standard, options_.joint));
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
  if (change.kind == study::Change::Kind::result) told(row, *change.result);
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
    set_outcome(row, any || !trial.results.empty());
  }
  if (trial.state == TrialState::pruned && change.kind == study::Change::Kind::state)
    count_pruned(row, trial.last() != nullptr ? trial.last()->fidelity : 0);
  if (options_.cost_exponent > 0.0)
    if (const double cost = cost_of(problem_, trial); std::isfinite(cost) && cost > 0.0)
      cost_.observe(static_cast<std::int64_t>(row), coding_.row(it.point), std::log(cost));
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
  const bool finite =
      !values.empty() && std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
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

void GpModel::count_pruned(std::size_t row, std::int64_t reached) {
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

/// As in BOHB: the highest fidelity with enough results, else that with most.
void GpModel::choose_level() {
  const std::size_t enough = std::max(options_.n_startup, moves_.free().size() + 2);
  level_ = nullptr;
  std::size_t most = 0;
  for (auto& [fidelity, level] : levels_) {
    const std::size_t n = level.objectives.front().size();
    if (n < 2 || (n < enough && n < most)) continue;
    level_ = &level;
    fidelity_ = fidelity;
    most = n;
  }
  if (!options_.joint) return;
  most = 0;
  std::vector<std::size_t> counts(fidelities_.size());
  for (const std::int64_t key : level_->objectives.front().keys())
    ++counts[static_cast<std::size_t>(key % kFidelities)];
  std::vector<std::pair<std::int64_t, std::size_t>> by_fidelity;
  for (std::size_t k = 0; k < counts.size(); ++k) by_fidelity.push_back({fidelities_[k], counts[k]});
  std::sort(by_fidelity.begin(), by_fidelity.end());
  for (const auto& [fidelity, count] : by_fidelity) {
    if (count == 0 || (count < enough && count < most)) continue;
    fidelity_ = fidelity;
    most = count;
  }
}

GpAcquisition GpModel::acquisition() {
  for (auto& [fidelity, level] : levels_)
    if (options_.joint && level.objectives.front().size() > 0) level.objectives.front().refresh();
  choose_level();
  GpAcquisition result;
  result.coding = &coding_;
  for (Surrogate& it : level_->objectives) {
    it.refresh();
    result.objectives.push_back(&it.process());
  }
  model_size_ = level_->objectives.front().keys().size();
  choose_best(result);
  for (Surrogate& it : level_->limits) {
    if (it.size() == 0) continue;
    it.refresh();
    result.limits.push_back({&it.process(), it.transformed(0.0)});
  }
  if (n_failed_ > 0 && success_.size() > 1) {
    success_.refresh();
    result.success = GpAcquisition::Bound{&success_.process(), success_.transformed(0.5)};
  }
  if (options_.cost_exponent > 0.0 && cost_.size() > 1) {
    cost_.refresh();
    result.cost = &cost_.process();
    result.cost_weight = options_.cost_exponent / cost_.unit();
  }
  if (options_.joint) result.resource = resource(fidelity_);

  std::vector<std::vector<double>> pending, plain;
  for (auto it = running_.rbegin(); it != running_.rend() && pending.size() < kMaxPending; ++it) {
    if (level_->objectives.front().holds(key(*it, fidelity_))) continue;
    pending.push_back(coded(*it, fidelity_));
    plain.push_back(coding_.row(rows_[*it].point));
  }
  for (Surrogate& it : level_->objectives) it.imagine(pending);
  for (Surrogate& it : level_->limits)
    if (it.size() > 0) it.imagine(pending);
  if (result.success) success_.imagine(plain);
  return result;
}

void GpModel::choose_best(GpAcquisition& acquisition) {
  const std::vector<std::int64_t>& keys = level_->objectives.front().keys();
  const std::size_t m = level_->objectives.size();
  const auto row_of_key = [&](std::int64_t key) {
    return static_cast<std::size_t>(options_.joint ? key / kFidelities : key);
  };
  std::vector<std::size_t> held, feasible;
  std::vector<std::vector<double>> values(keys.size(), std::vector<double>(m));
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (std::size_t j = 0; j < m; ++j)
      values[k][j] = level_->objectives[j].fitted()[static_cast<Eigen::Index>(k)];
    if (options_.joint && fidelities_[static_cast<std::size_t>(keys[k] % kFidelities)] != fidelity_) continue;
    held.push_back(k);
    const Row& row = rows_[row_of_key(keys[k])];
    if (!row.infeasible && !row.failed && !level_->broken.contains(keys[k])) feasible.push_back(k);
  }
  const std::vector<std::size_t>& from = feasible.empty() ? held : feasible;
  std::vector<std::size_t> chosen = from;
  if (m == 1) {
    std::stable_sort(chosen.begin(), chosen.end(),
                     [&](std::size_t a, std::size_t b) { return values[a][0] < values[b][0]; });
  } else {
    study::Front front;
    for (const std::size_t k : from) front.insert(static_cast<std::int64_t>(k), values[k]);
    chosen.clear();
    std::vector<std::vector<double>> members;
    for (const auto& member : front.members()) members.push_back(member.values);
    for (const std::size_t k : study::hypervolume_subset(members, study::reference_point(members), kMaxFront))
      chosen.push_back(static_cast<std::size_t>(front.members()[k].trial));
  }
  if (!feasible.empty()) {
    std::vector<std::vector<double>> front;
    for (std::size_t k = 0; k < chosen.size() && (m > 1 || k < 1); ++k) front.push_back(values[chosen[k]]);
    const std::vector<double> reference =
        m == 1 ? std::vector<double>{std::numeric_limits<double>::infinity()} : study::reference_point(front);
    acquisition.boxes = improvement_boxes(front, reference);
  }
  best_.clear();
  for (std::size_t k = 0; k < chosen.size() && best_.size() < kSeeds; ++k)
    best_.push_back(rows_[row_of_key(keys[chosen[k]])].point);
}

}  // namespace hone::search
