// What a study's trials and their further evaluations come to: outcomes, and points on the front.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "hone/study/study.h"
#include "hone/study/trial_changes.h"

namespace hone::study {

std::vector<std::int64_t> Study::evaluated_with(std::int64_t id) const {
  std::vector<std::int64_t> trials{id};
  for (std::int64_t twin = at(id).same_as; twin >= 0; twin = at(twin).same_as) {
    if (at(twin).state == TrialState::deleted ||
        std::find(trials.begin(), trials.end(), twin) != trials.end())
      break;
    trials.push_back(twin);
  }
  return trials;
}

std::vector<std::int64_t> Study::joined_with(std::int64_t id) const {
  const auto own = evaluated_with(id);
  const Trial& first = at(own.back());
  const std::int64_t root = first.joins >= 0 ? first.joins : first.id;
  std::vector<std::int64_t> trials;
  const auto add = [&](std::int64_t other) {
    if (std::find(own.begin(), own.end(), other) != own.end()) return;
    const Trial& trial = at(other);
    if (trial.same_as < 0 && trial.state != TrialState::deleted && trial.state != TrialState::failed)
      trials.push_back(other);
  };
  const auto found = joined_.find(root);
  if (root != first.id) add(root);
  if (found != joined_.end())
    for (const std::int64_t other : found->second) add(other);
  return trials;
}

/// Whether there may be more evaluations of a trial than its own result.
bool Study::repeated(std::int64_t id) const {
  const Trial& trial = at(id);
  const auto further = [&](std::int64_t one) {
    return !replicates(one).empty() || at(one).joins >= 0 || joined_.contains(one);
  };
  if (trial.same_as < 0) return further(id);
  const auto trials = evaluated_with(id);
  return std::any_of(trials.begin(), trials.end(), further);
}

std::vector<Measures> Study::evaluations(std::int64_t id, std::int64_t fidelity) const {
  const bool final = fidelity >= header_.horizon;
  const auto result_of = [&](const Trial& trial) {
    return final ? final_result(trial, header_.horizon) : trial.at(fidelity);
  };
  std::vector<Measures> all;
  const Trial& trial = at(id);
  if (const Result* result = result_of(trial)) all.push_back(result->measures);
  const auto add_replicates = [&](std::int64_t first) {
    for (const std::int64_t replicate : replicates(first)) {
      const Trial& further = at(replicate);
      if (replicate == id || further.state == TrialState::deleted) continue;
      if (const Result* result = result_of(further))
        all.push_back(first == id ? result->measures : mirrored(*result, at(first), trial).measures);
    }
  };
  for (const std::int64_t first : evaluated_with(id)) add_replicates(first);
  for (const std::int64_t other : joined_with(id)) {
    if (const Result* result = result_of(at(other)))
      all.push_back(mirrored(*result, at(other), trial).measures);
    add_replicates(other);
  }
  return all;
}

namespace {

std::vector<const Measures*> pointers(const std::vector<Measures>& all) {
  std::vector<const Measures*> each;
  for (const Measures& one : all) each.push_back(&one);
  return each;
}

}  // namespace

Measures Study::outcome(std::int64_t id, std::int64_t fidelity) const {
  const auto all = evaluations(id, fidelity);
  if (all.empty()) return {};
  if (all.size() == 1) return all.front();
  Measures together = aggregated(header_.aggregate, pointers(all), header_.objectives);
  together.merge(at(id).costs);  // the same in all, but for the last digit of a mean
  return together;
}

Study::Spread Study::spread(std::int64_t id) const {
  const auto all = evaluations(id, header_.horizon);
  Spread spread{static_cast<std::int64_t>(all.size()), {}};
  if (all.size() < 2) return spread;
  const Measures mean = aggregated(Aggregate::mean, pointers(all), header_.objectives);
  for (const auto& [name, middle] : mean.entries()) {
    double sum = 0.0;
    for (const Measures& one : all) sum += std::pow(*one.find(name) - middle, 2);
    spread.deviation.set(name, std::sqrt(sum / static_cast<double>(all.size() - 1)));
  }
  return spread;
}

bool Study::eligible(const Trial& trial) const {
  if (trial.of >= 0 || trial.last() == nullptr) return false;
  switch (trial.state) {
    case TrialState::pruned:
    case TrialState::failed:
    case TrialState::deleted:
      return false;
    case TrialState::infeasible:
      // What its evaluations make together may keep the limits.
      return trial.cause == "limit" && final_result(trial, header_.horizon) != nullptr;
    default:
      return true;
  }
}

/// What a trial and its further evaluations put on the front.
Point Study::point(std::int64_t id) const { return eligible(at(id)) ? point_if_eligible(id) : std::nullopt; }

Point Study::point_if_eligible(std::int64_t id) const {
  const Trial& trial = at(id);
  const bool alone = !repeated(id);
  const Result* own = alone ? final_result(trial, header_.horizon) : nullptr;
  if (alone && own == nullptr) return std::nullopt;
  const Measures together = alone ? Measures{} : outcome(id);
  const Measures& measures = alone ? own->measures : together;
  if (measures.empty()) return std::nullopt;
  for (const Limit& limit : header_.limits)
    if (!limit.violation(measures).empty()) return std::nullopt;
  std::vector<double> values = oriented(header_.objectives, measures);
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    return std::nullopt;
  return values;
}

/// The trials whose outcomes hang on these: themselves, those that they repeat, those that were evaluated for
/// the same function, and those that take their results.
std::vector<std::int64_t> Study::around(std::vector<std::int64_t> ids) const {
  // Most hang together with nobody.
  if (ids.size() == 1 && at(ids[0]).of < 0 && at(ids[0]).joins < 0 && followers(ids[0]).empty() &&
      !joined_.contains(ids[0]))
    return ids;
  std::unordered_set<std::int64_t> known(ids.begin(), ids.end());
  const auto add = [&](std::int64_t id) {
    if (known.insert(id).second) ids.push_back(id);
  };
  const auto add_joined = [&](std::int64_t root) {
    if (const auto found = joined_.find(root); found != joined_.end())
      for (const std::int64_t id : found->second) add(id);
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::int64_t id = ids[i];
    const Trial& trial = at(id);
    if (trial.of >= 0) add(trial.of);
    if (trial.joins >= 0) {
      add(trial.joins);
      add_joined(trial.joins);
    }
    add_joined(id);
    for (const std::int64_t follower : followers(id)) add(follower);
  }
  return ids;
}

Study::Points Study::points_of(const std::vector<std::int64_t>& ids) const {
  Points points;
  points.reserve(ids.size());
  for (const std::int64_t id : ids) points.emplace_back(id, point(id));
  return points;
}

void Study::move_points(const Points& before) {
  for (const auto& [id, point_before] : before)
    if (!points_.move(id, point_before, point(id))) throw NeedsAll{};
}

std::vector<double> Study::reference() const {
  const std::vector<double>& worst = points_.worst();
  const std::vector<double>& best = points_.best();
  std::vector<double> point;
  for (std::size_t i = 0; i < worst.size(); ++i) {
    if (!(worst[i] >= best[i])) return {};
    const double range = worst[i] - best[i];
    point.push_back(worst[i] + (range > 0.0 ? 0.1 * range : std::max(0.1 * std::abs(worst[i]), 1e-12)));
  }
  return point;
}

}  // namespace hone::study
