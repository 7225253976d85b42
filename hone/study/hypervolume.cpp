#include <algorithm>
#include <cmath>
#include <queue>

#include "hone/base/numbers.h"
#include "hone/study/front.h"

namespace hone::study {
namespace {

using Row = std::vector<double>;

bool inside(const Row& point, const Row& reference) {
  for (std::size_t i = 0; i < reference.size(); ++i)
    if (!(point[i] < reference[i])) return false;  // also NaN
  return true;
}

/// The box between a point and the reference in the first `n` objectives.
double box(const Row& point, const Row& reference, std::size_t n) {
  double volume = 1.0;
  for (std::size_t i = 0; i < n; ++i) volume *= reference[i] - point[i];
  return volume;
}

/// Points are inside the reference; only the first two objectives count. Reorders them.
double sweep(std::vector<Row>& points, const Row& reference) {
  std::sort(points.begin(), points.end(),
            [](const Row& a, const Row& b) { return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1]; });
  double volume = 0.0;
  double lowest = reference[1];
  for (const Row& point : points) {
    if (point[1] >= lowest) continue;
    volume += (reference[0] - point[0]) * (lowest - point[1]);
    lowest = point[1];
  }
  return volume;
}

/// What remains of `others` inside the box of `point`, in the first `n` objectives, less what is dominated
/// there: the limit set of WFG.
std::vector<Row> limit_set(const Row& point, std::span<const Row> others, std::size_t n) {
  std::vector<Row> limited;
  for (const Row& other : others) {
    Row row(n);
    for (std::size_t i = 0; i < n; ++i) row[i] = std::max(point[i], other[i]);
    const auto covers = [&](const Row& member) {
      return std::equal(row.begin(), row.end(), member.begin(), [](double a, double b) { return b <= a; });
    };
    if (n > 2) {
      if (std::any_of(limited.begin(), limited.end(), covers)) continue;
      std::erase_if(limited, [&](const Row& member) { return dominates(row, member); });
    }
    limited.push_back(std::move(row));
  }
  return limited;
}

/// Volume over the first `n` objectives. Every point is inside the reference. Taken from the worst to the
/// best in the last objective, each point adds a slab of exclusive volume whose depth is known, so that every
/// step of WFG's recursion is one objective lower.
double volume(std::vector<Row>& points, const Row& reference, std::size_t n) {
  if (points.empty()) return 0.0;
  if (points.size() == 1) return box(points[0], reference, n);
  if (n == 1) {
    double lowest = points[0][0];
    for (const Row& point : points) lowest = std::min(lowest, point[0]);
    return reference[0] - lowest;
  }
  if (n == 2) return sweep(points, reference);
  const std::size_t last = n - 1;
  std::sort(points.begin(), points.end(), [&](const Row& a, const Row& b) { return a[last] > b[last]; });
  double total = 0.0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    auto limited = limit_set(points[i], std::span(points).subspan(i + 1), last);
    const double exclusive = box(points[i], reference, last) - volume(limited, reference, last);
    total += (reference[last] - points[i][last]) * exclusive;
  }
  return total;
}

/// The volume that `point`, inside the reference, adds to `others`, inside as well.
double exclusive_volume(const Row& point, std::span<const Row> others, const Row& reference) {
  auto limited = limit_set(point, others, reference.size());
  return std::max(0.0,
                  box(point, reference, reference.size()) - volume(limited, reference, reference.size()));
}

}  // namespace

double hypervolume(std::vector<Row> points, const Row& reference) {
  if (reference.empty()) return 0.0;
  std::erase_if(points, [&](const Row& point) { return !inside(point, reference); });
  if (reference.size() > 2) {
    // Dominated points add nothing but cost a slab each.
    const std::vector<int> rank = non_dominated_rank(points);
    std::vector<Row> front;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (rank[i] == 0) front.push_back(std::move(points[i]));
    points = std::move(front);
  }
  return volume(points, reference, reference.size());
}

std::vector<double> hypervolume_contributions(const std::vector<Row>& points, const Row& reference) {
  std::vector<double> contributions(points.size(), 0.0);
  if (reference.empty()) return contributions;
  std::vector<Row> others;
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (inside(points[i], reference)) {
      others.push_back(points[i]);
      rows.push_back(i);
    }
  // The point in turn stands at the end, so that the others are one span.
  for (std::size_t i = 0; i < others.size(); ++i) {
    std::swap(others[i], others.back());
    const auto rest = std::span<const Row>(others).first(others.size() - 1);
    contributions[rows[i]] = exclusive_volume(others.back(), rest, reference);
    std::swap(others[i], others.back());
  }
  return contributions;
}

std::vector<std::size_t> hypervolume_subset(const std::vector<Row>& points, const Row& reference,
                                            std::size_t count) {
  struct Bound {
    double gain;
    std::size_t row;
    std::size_t known_at;  // how many were chosen when the gain was computed
    bool operator<(const Bound& other) const {
      return gain != other.gain ? gain < other.gain : row > other.row;
    }
  };
  std::priority_queue<Bound> queue;
  for (std::size_t i = 0; i < points.size(); ++i)
    queue.push({inside(points[i], reference) ? box(points[i], reference, reference.size()) : 0.0, i, 0});
  std::vector<std::size_t> chosen;
  std::vector<Row> members;
  while (chosen.size() < count && !queue.empty()) {
    Bound best = queue.top();
    queue.pop();
    if (best.gain > 0.0 && best.known_at < chosen.size()) {
      best.gain = std::min(best.gain, exclusive_volume(points[best.row], members, reference));
      best.known_at = chosen.size();
      queue.push(best);
      continue;
    }
    chosen.push_back(best.row);
    if (inside(points[best.row], reference)) members.push_back(points[best.row]);
  }
  return chosen;
}

Row reference_point(const std::vector<Row>& points) {
  if (points.empty()) return {};
  Row reference(points[0].size(), 1.0);
  for (std::size_t i = 0; i < reference.size(); ++i) {
    double low = kInfinity, high = -low;
    for (const Row& point : points)
      if (std::isfinite(point[i])) {
        low = std::min(low, point[i]);
        high = std::max(high, point[i]);
      }
    if (high < low) continue;
    reference[i] = high + (high > low ? 0.1 * (high - low) : 1.0);
  }
  return reference;
}

}  // namespace hone::study
