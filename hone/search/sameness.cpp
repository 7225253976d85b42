#include "hone/search/sameness.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"

namespace hone::search {

template <typename Counts>
Sameness::Nearest Sameness::nearest(const std::vector<double>& entries, const Counts& counts) const {
  Nearest nearest;
  for (const Row& row : rows_) {
    if (!counts(row)) continue;
    double square = 0.0;
    for (std::size_t k = 0; k < entries.size() && square < nearest.square; ++k) {
      const double a = entries[k], b = row.entries[k];
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const bool apart = std::isnan(a) || std::isnan(b) || coding_.inputs()[k].categories > 0;
      square += apart ? 1.0 : (a - b) * (a - b);
    }
    if (square < nearest.square) nearest = {&row, square};
  }
  return nearest;
}

void Sameness::update(const Problem& problem, const study::Change& change) {
  using Kind = study::Change::Kind;
  if (problem.objectives.size() != 1) return;
  const study::Trial& trial = *change.trial;
  if (change.kind == Kind::created) {
    rows_.push_back({.trial = trial.id, .entries = coding_.row(problem.space.encode(trial.config))});
    if (rows_.size() > kRows) rows_.pop_front();
    return;
  }
  // Changes are mostly of trials that began lately.
  const auto row =
      std::find_if(rows_.rbegin(), rows_.rend(), [&](const Row& it) { return it.trial == trial.id; });
  if (row == rows_.rend()) return;
  if (change.kind == Kind::deleted) {
    rows_.erase(std::prev(row.base()));
    return;
  }
  row->runs = !trial.done() && trial.state != study::TrialState::paused;
  if (change.kind != Kind::result) return;
  // Reports between are many, and few trials have one at the same step.
  const std::int64_t fidelity = change.result->fidelity;
  if (fidelity != problem.horizon &&
      std::find(problem.rungs.begin(), problem.rungs.end(), fidelity) == problem.rungs.end())
    return;
  const auto values = study::oriented(problem.objectives, change.result->measures);
  if (!values.empty() && std::isfinite(values[0]) && !row->values.contains(fidelity))
    observe(*row, values[0], fidelity);
}

void Sameness::observe(Row& row, double value, std::int64_t fidelity) {
  const Nearest found =
      nearest(row.entries, [&](const Row& other) { return other.values.contains(fidelity); });
  if (found.row != nullptr) {
    const double there = found.row->values.at(fidelity);
    std::size_t better = 0, all = 0;
    for (const Row& other : rows_) {
      const auto it = other.values.find(fidelity);
      if (it == other.values.end()) continue;
      ++all;
      better += it->second < there ? 1 : 0;
    }
    if (2 * better <= all) {
      Outcomes& outcomes = outcomes_[fidelity];
      outcomes.emplace_back(found.square, value == there);
      if (outcomes.size() > kOutcomes) outcomes.pop_front();
      radius_.reset();
    }
  }
  row.values.emplace(fidelity, value);
}

double Sameness::radius() const {
  if (radius_) return *radius_;
  radius_ = 0.0;
  const auto enough = std::find_if(outcomes_.rbegin(), outcomes_.rend(),
                                   [](const auto& it) { return it.second.size() >= kEnough; });
  if (enough == outcomes_.rend()) return 0.0;
  const Outcomes& outcomes = enough->second;
  if (std::none_of(outcomes.begin(), outcomes.end(), [](const auto& it) { return it.second; })) return 0.0;
  const double widest = std::sqrt(static_cast<double>(coding_.inputs().size()));
  double most = -kInfinity;
  for (double radius = 0.005; radius < 2.0 * widest; radius *= 1.2) {
    double sum = 0.0;
    for (const auto& [square, same] : outcomes) {
      // Kept away from 0 and 1: neither a coincidence nor a fault of the form decides alone.
      const double p = std::clamp(std::exp(-square / (radius * radius)), 0.01, 0.99);
      sum += std::log(same ? p : 1.0 - p);
    }
    if (sum <= most) continue;
    most = sum;
    radius_ = radius;
  }
  return *radius_;
}

double Sameness::log_new(const space::Point& point, Eigen::VectorXd* gradient) const {
  if (!any()) return 0.0;
  const std::vector<double> entries = coding_.row(point);
  const Nearest found = nearest(entries, [](const Row& row) { return row.runs || !row.values.empty(); });
  if (found.row == nullptr) return 0.0;
  const double wide = radius() * radius(), exponent = found.square / wide;
  const double fresh = -std::expm1(-exponent);
  const double log = fresh > 0.0 ? std::log(fresh) : kFloor;
  if (log <= kFloor) return kFloor;
  if (gradient != nullptr) {
    // d log(1 - exp(-s)) / ds = 1 / (exp(s) - 1), s the exponent.
    const double by_square = 1.0 / (std::expm1(exponent) * wide);
    Eigen::VectorXd slope = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(entries.size()));
    Eigen::VectorXd of_point = Eigen::VectorXd::Zero(gradient->size());
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const double step = entries[k] - found.row->entries[k];
      if (std::isfinite(step) && std::isfinite(by_square) && coding_.inputs()[k].categories == 0)
        slope[static_cast<Eigen::Index>(k)] = 2.0 * by_square * step;
    }
    coding_.spread(slope, of_point);
    *gradient += of_point;
  }
  return log;
}

}  // namespace hone::search
