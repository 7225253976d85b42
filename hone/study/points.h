#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hone/study/front.h"

namespace hone::study {

/// The oriented objectives of a trial (less is better, all finite); nullopt: it has no place on the front.
using Point = std::optional<std::vector<double>>;

/// The points of a study's trials, which come, change and go, and what they make together: the front and the
/// range. That depends on the points alone, not on the order in which they came. A point that was neither on
/// the front nor at an end of the range leaves in O(front); after another has left, the next question walks
/// all points once. Not thread safe.
class PointSet {
 public:
  /// Without points. partial: keeps only the front and the range, in memory that does not grow with the
  /// points.
  void reset(std::size_t n_objectives, bool partial);
  /// A trial's point becomes another one. `before` is the one that it has. false: points would be needed that
  /// a partial set does not keep; nothing was done.
  bool move(std::int64_t trial, const Point& before, const Point& after);
  /// Takes what another set said of itself. For a partial set.
  void restore(const std::vector<Front::Member>& members, std::vector<double> worst,
               std::vector<double> best);

  const Front& front() const;
  /// The largest and the smallest value of every objective; infinite (best > worst) where there are no
  /// points.
  const std::vector<double>& worst() const;
  const std::vector<double>& best() const;

 private:
  bool matters(std::int64_t trial, const std::vector<double>& values) const;
  void take(std::int64_t trial, const std::vector<double>& values) const;
  void clear_views() const;
  void renew() const;

  std::size_t n_objectives_ = 0;
  bool partial_ = false;
  std::vector<double> values_;  // trials by objectives; NaN where a trial has no point
  mutable bool stale_ = false;
  mutable Front front_;
  mutable std::vector<double> worst_, best_;
};

}  // namespace hone::study
