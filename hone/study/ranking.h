#pragma once

#include <cstddef>
#include <vector>

namespace hone::study {

/// The rows from the best to the worst (less is better, no NaN). One objective: by value. Several: by
/// non-dominated rank, then by crowding distance within it, larger first. Equal rows: the earlier first.
std::vector<std::size_t> best_first(const std::vector<std::vector<double>>& rows);

/// non_dominated_rank (front.h) for any number of rows. Exact up to kMostSorted rows, and for one or two
/// objectives. Beyond, the kMostSorted rows that promise most are ranked among themselves: half of them those
/// with the least sum of places, objective by objective, the others the best in each objective; all others
/// stand behind them by that sum, a rank each. No row ranks before one that dominates it. Time:
/// O(m n log n + m kMostSorted^2). NaN: last.
inline constexpr std::size_t kMostSorted = 5000;
std::vector<int> bounded_rank(const std::vector<std::vector<double>>& rows);

}  // namespace hone::study
