#include "hone/study/ranking.h"

#include <algorithm>
#include <numeric>

#include "hone/study/front.h"

namespace hone::study {

std::vector<std::size_t> best_first(const std::vector<std::vector<double>>& rows) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (rows.empty()) return order;
  if (rows.front().size() == 1) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return rows[a][0] < rows[b][0]; });
    return order;
  }
  const std::vector<int> rank = non_dominated_rank(rows);
  std::vector<std::vector<std::size_t>> levels;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto level = static_cast<std::size_t>(rank[i]);
    if (levels.size() <= level) levels.resize(level + 1);
    levels[level].push_back(i);
  }
  std::vector<double> crowding(rows.size());
  for (const auto& members : levels) {
    std::vector<std::vector<double>> points;
    for (const std::size_t i : members) points.push_back(rows[i]);
    const std::vector<double> distance = crowding_distance(points);
    for (std::size_t i = 0; i < members.size(); ++i) crowding[members[i]] = distance[i];
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : crowding[a] > crowding[b];
  });
  return order;
}

}  // namespace hone::study
