#pragma once

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

/// The Pareto front, kept as members come: O(log n) a point for two objectives, O(front) beyond. Equal
/// points: the first stays. Not thread safe.
class Front {
 public:
  struct Member {
    std::int64_t trial = 0;
    std::vector<double> values;  ///< oriented: less is better
  };
  /// Whether the point joined the front (and drove out what it dominates). NaN never joins.
  bool insert(std::int64_t trial, std::vector<double> values);
  void clear() { members_.clear(); }
  /// Sorted by the first objective.
  const std::vector<Member>& members() const { return members_; }

 private:
  std::vector<Member> members_;
};

}  // namespace hone::study
