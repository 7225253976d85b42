#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hone::study {

/// Whether `a` is no worse than `b` everywhere and better somewhere. Less is better. NaN anywhere: false.
bool dominates(std::span<const double> a, std::span<const double> b);

/// Non-dominated sorting (Deb et al., NSGA-II): the rank (0: the front) of every row. Rows with NaN come
/// last, with a rank of their own. O(n log n) for two objectives, O(m n^2) beyond.
std::vector<int> non_dominated_rank(const std::vector<std::vector<double>>& values);

/// Volume dominated by `points` up to `reference` (less is better; points beyond it are clipped away). Exact:
/// a sweep for two objectives, WFG's exclusive volumes beyond (While et al. 2012).
double hypervolume(std::vector<std::vector<double>> points, const std::vector<double>& reference);

/// Of every row, the volume that only it dominates within the set.
std::vector<double> hypervolume_contributions(const std::vector<std::vector<double>>& points,
                                              const std::vector<double>& reference);

/// `count` rows (all where there are fewer) chosen greedily to dominate a large volume together, in the order
/// chosen: at least 1 - 1/e of the best subset's (hypervolume is submodular: Guerreiro et al., "Greedy
/// Hypervolume Subset Selection in Low Dimensions", 2016). Equal gains: the earlier row. Lazy: a gain is
/// computed again only where its old value, a bound from above, could still win.
std::vector<std::size_t> hypervolume_subset(const std::vector<std::vector<double>>& points,
                                            const std::vector<double>& reference, std::size_t count);

/// A reference point for rows that are to be compared with each other: the worst finite value of every
/// objective, moved outward by a tenth of its range (by 1 where all are equal), so that the choice does not
/// depend on an objective's unit.
std::vector<double> reference_point(const std::vector<std::vector<double>>& points);

/// Crowding distance (Deb et al., NSGA-II, 2002) of every row within this set: the sum over objectives of the
/// gap between its neighbours, as a share of the set's range; infinite at the ends. Rows must not hold NaN.
std::vector<double> crowding_distance(const std::vector<std::vector<double>>& points);

/// The Pareto front, kept as members come: O(log n) a point for two objectives, O(front) beyond. Equal
/// points: the smaller id stays, so that the order in which they come does not matter. Not thread safe.
class Front {
 public:
  struct Member {
    std::int64_t trial = 0;
    std::vector<double> values;  ///< oriented: less is better
  };
  /// Whether the point joined the front (and drove out what it dominates). One that equals a member does not,
  /// though that member may be its from then on. NaN never joins.
  bool insert(std::int64_t trial, std::vector<double> values);
  /// Whether some member is no worse than these values anywhere.
  bool covers(std::span<const double> values) const;
  void clear() { members_.clear(); }
  /// Sorted by the first objective.
  const std::vector<Member>& members() const { return members_; }

 private:
  std::vector<Member> members_;
};

}  // namespace hone::study
