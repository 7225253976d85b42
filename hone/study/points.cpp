#include "hone/study/points.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "hone/base/numbers.h"

namespace hone::study {

void PointSet::reset(std::size_t n_objectives, bool partial) {
  n_objectives_ = n_objectives;
  partial_ = partial;
  values_.clear();
  clear_views();
}

void PointSet::clear_views() const {
  stale_ = false;
  front_.clear();
  worst_.assign(n_objectives_, -kInfinity);
  best_.assign(n_objectives_, kInfinity);
}

bool PointSet::matters(std::int64_t trial, const std::vector<double>& values) const {
  for (std::size_t i = 0; i < n_objectives_; ++i)
    if (values[i] <= best_[i] || values[i] >= worst_[i]) return true;
  return std::any_of(front_.members().begin(), front_.members().end(),
                     [&](const Front::Member& member) { return member.trial == trial; });
}

bool PointSet::move(std::int64_t trial, const Point& before, const Point& after) {
  if (before == after) return true;
  if (before && !stale_ && matters(trial, *before)) {
    if (partial_) return false;
    stale_ = true;
  }
  if (!partial_) {
    const std::size_t row = static_cast<std::size_t>(trial) * n_objectives_;
    if (values_.size() < row + n_objectives_) values_.resize(row + n_objectives_, kNaN);
    for (std::size_t i = 0; i < n_objectives_; ++i) values_[row + i] = after ? (*after)[i] : kNaN;
  }
  if (after && !stale_) take(trial, *after);
  return true;
}

void PointSet::take(std::int64_t trial, const std::vector<double>& values) const {
  for (std::size_t i = 0; i < n_objectives_; ++i) {
    worst_[i] = std::max(worst_[i], values[i]);
    best_[i] = std::min(best_[i], values[i]);
  }
  front_.insert(trial, values);
}

void PointSet::renew() const {
  if (!stale_) return;
  clear_views();
  for (std::size_t row = 0; row < values_.size(); row += n_objectives_) {
    if (std::isnan(values_[row])) continue;
    const std::span<const double> values(values_.data() + row, n_objectives_);
    for (std::size_t i = 0; i < n_objectives_; ++i) {
      worst_[i] = std::max(worst_[i], values[i]);
      best_[i] = std::min(best_[i], values[i]);
    }
    // Ids ascend: of equal points the one that is there stays.
    if (!front_.covers(values))
      front_.insert(static_cast<std::int64_t>(row / n_objectives_), {values.begin(), values.end()});
  }
}

void PointSet::restore(const std::vector<Front::Member>& members, std::vector<double> worst,
                       std::vector<double> best) {
  clear_views();
  for (const Front::Member& member : members) front_.insert(member.trial, member.values);
  worst_ = std::move(worst);
  best_ = std::move(best);
}

const Front& PointSet::front() const {
  renew();
  return front_;
}

const std::vector<double>& PointSet::worst() const {
  renew();
  return worst_;
}

const std::vector<double>& PointSet::best() const {
  renew();
  return best_;
}

}  // namespace hone::study
