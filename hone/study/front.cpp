#include "hone/study/front.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hone/base/numbers.h"

namespace hone::study {
namespace {

using Row = std::vector<double>;

bool has_nan(std::span<const double> row) {
  return std::any_of(row.begin(), row.end(), [](double value) { return std::isnan(value); });
}

/// Jensen's sweep for two objectives: in lexicographic order a front dominates a row exactly if the smallest
/// second value it holds is no larger, so a bisection over the fronts' smallest values finds the rank.
void rank_two(const std::vector<Row>& values, const std::vector<std::size_t>& order, std::vector<int>& rank) {
  std::vector<double> smallest;  // of the second objective, a front each; ascending
  for (std::size_t at = 0; at < order.size(); ++at) {
    const Row& row = values[order[at]];
    if (at > 0 && values[order[at - 1]] == row) {
      rank[order[at]] = rank[order[at - 1]];
      continue;
    }
    const auto front = std::upper_bound(smallest.begin(), smallest.end(), row[1]);
    rank[order[at]] = static_cast<int>(front - smallest.begin());
    if (front == smallest.end())
      smallest.push_back(row[1]);
    else
      *front = row[1];
  }
}

/// Zhang et al., "An Efficient Approach to Nondominated Sorting for Evolutionary Multiobjective
/// Optimization", 2015 (binary search): in lexicographic order no later row dominates an earlier one. Of
/// equal rows one stands in its front for all.
void rank_many(const std::vector<Row>& values, const std::vector<std::size_t>& order,
               std::vector<int>& rank) {
  std::vector<std::vector<std::size_t>> fronts;
  for (std::size_t at = 0; at < order.size(); ++at) {
    const std::size_t row = order[at];
    if (at > 0 && values[order[at - 1]] == values[row]) {
      rank[row] = rank[order[at - 1]];
      continue;
    }
    const auto dominated_by = [&](const std::vector<std::size_t>& front) {
      return std::any_of(front.rbegin(), front.rend(),
                         [&](std::size_t member) { return dominates(values[member], values[row]); });
    };
    const auto front = std::partition_point(fronts.begin(), fronts.end(), dominated_by);
    rank[row] = static_cast<int>(front - fronts.begin());
    if (front == fronts.end())
      fronts.push_back({row});
    else
      front->push_back(row);
  }
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] <= b[i])) return false;  // also where either is NaN
    if (a[i] < b[i]) better = true;
  }
  return better;
}

std::vector<int> non_dominated_rank(const std::vector<Row>& values) {
  std::vector<int> rank(values.size(), 0);
  std::vector<std::size_t> order;
  order.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!has_nan(values[i])) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  if (!order.empty() && values[order[0]].size() == 2)
    rank_two(values, order, rank);
  else
    rank_many(values, order, rank);
  if (order.size() == values.size()) return rank;
  int last = -1;
  for (const std::size_t i : order) last = std::max(last, rank[i]);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (has_nan(values[i])) rank[i] = last + 1;
  return rank;
}

std::vector<double> crowding_distance(const std::vector<Row>& points) {
  std::vector<double> distance(points.size(), 0.0);
  if (points.empty()) return distance;
  std::vector<std::size_t> order(points.size());
  for (std::size_t objective = 0; objective < points[0].size(); ++objective) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return points[a][objective] < points[b][objective];
    });
    const double range = points[order.back()][objective] - points[order.front()][objective];
    distance[order.front()] = distance[order.back()] = kInfinity;
    if (!(range > 0.0) || !std::isfinite(range)) continue;
    for (std::size_t i = 1; i + 1 < order.size(); ++i)
      distance[order[i]] += (points[order[i + 1]][objective] - points[order[i - 1]][objective]) / range;
  }
  return distance;
}

bool Front::covers(std::span<const double> values) const {
  const auto no_worse = [&](const Member& member) {
    return std::equal(values.begin(), values.end(), member.values.begin(),
                      [](double value, double of_member) { return of_member <= value; });
  };
  if (values.size() != 2) return std::any_of(members_.begin(), members_.end(), no_worse);
  const auto place = std::partition_point(
      members_.begin(), members_.end(), [&](const Member& member) { return member.values[0] <= values[0]; });
  return place != members_.begin() && no_worse(*std::prev(place));
}

bool Front::insert(std::int64_t trial, Row values) {
  if (has_nan(values)) return false;
  const auto after = [](const Row& row, const Member& member) { return row < member.values; };
  const auto equal = [&](Member& member) {
    if (member.values != values) return false;
    if (trial < member.trial) member = {trial, std::move(values)};
    return true;
  };
  auto place = std::upper_bound(members_.begin(), members_.end(), values, after);
  if (values.size() == 2) {
    // Along the front the second objective falls while the first grows, so that the neighbour before decides,
    // and what the newcomer dominates stands right behind it.
    if (place != members_.begin() && (equal(*std::prev(place)) || std::prev(place)->values[1] <= values[1]))
      return false;
    const auto end = std::find_if(place, members_.end(),
                                  [&](const Member& member) { return member.values[1] < values[1]; });
    place = members_.erase(place, end);
    members_.insert(place, {trial, std::move(values)});
    return true;
  }
  for (Member& member : members_)
    if (equal(member) || dominates(member.values, values)) return false;
  std::erase_if(members_, [&](const Member& member) { return dominates(values, member.values); });
  place = std::upper_bound(members_.begin(), members_.end(), values, after);
  members_.insert(place, {trial, std::move(values)});
  return true;
}

}  // namespace hone::study
