// What a study's trials and their further evaluations come to: outcomes, and points on the front.
#include <algorithm>
#include <cmath>

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

/// Whether there may be more evaluations of a trial than its own result.
bool Study::repeated(std::int64_t id) const {
  if (at(id).same_as < 0) return !replicates(id).empty();
  const auto trials = evaluated_with(id);
  return std::any_of(trials.begin(), trials.end(),
                     [&](std::int64_t trial) { return !replicates(trial).empty(); });
}

std::vector<Measures> Study::evaluations(std::int64_t id) const {
  std::vector<Measures> all;
  const Trial& trial = at(id);
  if (const Result* result = final_result(trial, header_.horizon)) all.push_back(result->measures);
  for (const std::int64_t first : evaluated_with(id))
    for (const std::int64_t replicate : replicates(first)) {
      const Trial& further = at(replicate);
      if (replicate == id || further.state == TrialState::deleted) continue;
      if (const Result* result = final_result(further, header_.horizon))
        all.push_back(first == id ? result->measures : mirrored(*result, at(first), trial).measures);
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

Measures Study::outcome(std::int64_t id) const {
  const auto all = evaluations(id);
  if (all.empty()) return {};
  return all.size() == 1 ? all.front() : aggregated(header_.aggregate, pointers(all), header_.objectives);
}

Study::Spread Study::spread(std::int64_t id) const {
  const auto all = evaluations(id);
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

/// What a trial and its further evaluations put on the front.
Point Study::point(std::int64_t id) const {
  const Trial& trial = at(id);
  if (trial.of >= 0 || trial.state == TrialState::deleted || trial.state == TrialState::failed)
    return std::nullopt;
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

/// The points that hang on a trial: its own, that of the trial that it repeats, and those of the trials that
/// take their results.
Study::Points Study::points_around(const Trial& trial) const {
  Points points{{trial.id, std::nullopt}};
  const auto add = [&](std::int64_t id) {
    if (std::none_of(points.begin(), points.end(), [&](const auto& known) { return known.first == id; }))
      points.emplace_back(id, std::nullopt);
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::int64_t id = points[i].first;
    if (const std::int64_t of = at(id).of; of >= 0) add(of);
    for (const std::int64_t follower : followers(id)) add(follower);
  }
  for (auto& [id, known] : points) known = point(id);
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
