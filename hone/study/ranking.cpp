#include "hone/study/ranking.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

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

std::vector<int> bounded_rank(const std::vector<std::vector<double>>& rows) {
  const std::size_t n = rows.size(), m = n == 0 ? 0 : rows.front().size();
  if (n <= kMostSorted || m <= 2) return non_dominated_rank(rows);
  // Places of NaN are the last ones, so that every order below is one.
  const auto key = [&](std::size_t row, std::size_t j) {
    const double value = rows[row][j];
    return std::pair(std::isnan(value), std::isnan(value) ? 0.0 : value);
  };
  std::vector<std::size_t> order(n), sums(n, 0);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t j = 0; j < m; ++j) {
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return key(a, j) < key(b, j); });
    std::size_t place = 0;
    for (std::size_t k = 0; k < n; ++k) {
      if (k > 0 && key(order[k - 1], j) < key(order[k], j)) place = k;
      sums[order[k]] += place;
    }
  }
  // What dominates a row has a smaller sum and is no worse in any objective: it is chosen whenever the row
  // is.
  const auto by_sum = [&](std::size_t a, std::size_t b) {
    return std::pair(sums[a], a) < std::pair(sums[b], b);
  };
  std::vector<bool> is_chosen(n, false);
  const auto choose = [&](std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) is_chosen[order[k]] = true;
  };
  for (std::size_t j = 0; j < m; ++j) {
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return key(a, j) != key(b, j) ? key(a, j) < key(b, j) : by_sum(a, b);
    });
    choose(kMostSorted / 2 / m);
  }
  std::sort(order.begin(), order.end(), by_sum);
  choose(kMostSorted / 2);
  std::vector<std::size_t> chosen;
  std::vector<std::vector<double>> values;
  for (std::size_t row = 0; row < n; ++row)
    if (is_chosen[row]) {
      chosen.push_back(row);
      values.push_back(rows[row]);
    }
  const std::vector<int> among = non_dominated_rank(values);
  std::vector<int> rank(n, 0);
  for (std::size_t k = 0; k < chosen.size(); ++k) rank[chosen[k]] = among[k];
  int next = *std::max_element(among.begin(), among.end());
  for (const std::size_t row : order)
    if (!is_chosen[row]) rank[row] = ++next;
  return rank;
}

}  // namespace hone::study
