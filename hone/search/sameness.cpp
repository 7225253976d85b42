#include "hone/search/sameness.h"

#include <algorithm>
#include <cmath>

namespace hone::search {

std::vector<double> Sameness::active(const space::Point& point) const {
  std::vector<double> entries;
  entries.reserve(moves_->free().size());
  if (!moves_->space().has_conditions()) {
    for (const std::size_t i : moves_->free()) entries.push_back(point[i]);
    return entries;
  }
  const std::vector<bool> is_active = moves_->active(point);
  for (const std::size_t i : moves_->free())
    entries.push_back(is_active[i] ? point[i] : std::numeric_limits<double>::quiet_NaN());
  return entries;
}

/// Of all rows, or with a fidelity of those that have a value there.
Sameness::Nearest Sameness::nearest(const std::vector<double>& entries, std::int64_t fidelity) const {
  Nearest nearest;
  for (const Row& row : rows_) {
    if (fidelity >= 0 && !row.values.contains(fidelity)) continue;
    double square = 0.0;
    for (std::size_t k = 0; k < entries.size() && square < nearest.square; ++k) {
      const double a = entries[k], b = row.entries[k];
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const bool apart = std::isnan(a) || std::isnan(b) || moves_->is_categorical(moves_->free()[k]);
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
    const space::Point point = moves_->space().encode(trial.config);
    std::vector<double> entries;
    for (const std::size_t i : moves_->free()) entries.push_back(point[i]);
    rows_.push_back({.trial = trial.id, .entries = std::move(entries)});
    if (rows_.size() > kRows) rows_.pop_front();
  } else if (change.kind == Kind::deleted) {
    std::erase_if(rows_, [&](const Row& row) { return row.trial == trial.id; });
  } else if (change.kind == Kind::result) {
    const auto values = study::oriented(problem.objectives, change.result->measures);
    if (values.empty() || !std::isfinite(values[0])) return;
    // Results are mostly of trials that began lately.
    const auto row =
        std::find_if(rows_.rbegin(), rows_.rend(), [&](const Row& it) { return it.trial == trial.id; });
    if (row != rows_.rend() && !row->values.contains(change.result->fidelity))
      observe(*row, values[0], change.result->fidelity);
  }
}

void Sameness::observe(Row& row, double value, std::int64_t fidelity) {
  if (const Nearest found = nearest(row.entries, fidelity); found.row != nullptr) {
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
      fit();
    }
  }
  row.values.emplace(fidelity, value);
}

void Sameness::fit() {
  radius_ = 0.0;
  const auto enough = std::find_if(outcomes_.rbegin(), outcomes_.rend(),
                                   [](const auto& it) { return it.second.size() >= kEnough; });
  if (enough == outcomes_.rend()) return;
  const Outcomes& outcomes = enough->second;
  if (std::none_of(outcomes.begin(), outcomes.end(), [](const auto& it) { return it.second; })) return;
  const double widest = std::sqrt(static_cast<double>(moves_->free().size()));
  double most = -std::numeric_limits<double>::infinity();
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
}

double Sameness::log_new(const space::Point& point, Eigen::VectorXd* gradient) const {
  if (radius_ == 0.0) return 0.0;
  const std::vector<double> entries = active(point);
  const Nearest found = nearest(entries, -1);
  if (found.row == nullptr) return 0.0;
  const double exponent = found.square / (radius_ * radius_);
  const double fresh = -std::expm1(-exponent);
  const double log = fresh > 0.0 ? std::log(fresh) : kFloor;
  if (log <= kFloor) return kFloor;
  if (gradient != nullptr) {
    // d log(1 - exp(-s)) / ds = 1 / (exp(s) - 1), s the exponent.
    const double slope = 2.0 / (std::expm1(exponent) * radius_ * radius_);
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const std::size_t i = moves_->free()[k];
      const double step = entries[k] - found.row->entries[k];
      if (std::isfinite(step) && std::isfinite(slope) && !moves_->is_categorical(i))
        (*gradient)[static_cast<Eigen::Index>(i)] += slope * step;
    }
  }
  return log;
}

}  // namespace hone::search
