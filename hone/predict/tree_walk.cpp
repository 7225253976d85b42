#include "hone/predict/tree_walk.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>

namespace hone::predict {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();  // columns, and thresholds of one

/// How many of ascending thresholds a value is not up to.
std::uint16_t number_of(double value, const double* thresholds, std::size_t count) {
  const double* at = thresholds;
  while (count > 0) {
    const std::size_t half = (count + 1) / 2;
    at += value <= at[half - 1] ? 0 : half;
    count -= half;
  }
  return static_cast<std::uint16_t>(at - thresholds);
}

}  // namespace

TreeWalk::TreeWalk(std::span<const TreeNode> nodes, std::span<const std::int32_t> roots) {
  std::map<std::int32_t, std::vector<double>> thresholds;
  for (const TreeNode& node : nodes)
    if (node.column >= 0) thresholds[node.column].push_back(node.value);
  if (roots.empty() || thresholds.size() >= kMost) return;
  std::map<std::int32_t, std::uint16_t> index;
  for (auto& [column, list] : thresholds) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    if (list.size() >= kMost) return;
    index[column] = static_cast<std::uint16_t>(columns_.size());
    columns_.push_back(static_cast<std::uint32_t>(column));
    first_.push_back(static_cast<std::uint32_t>(thresholds_.size()));
    thresholds_.insert(thresholds_.end(), list.begin(), list.end());
  }
  first_.push_back(static_cast<std::uint32_t>(thresholds_.size()));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const TreeNode& node = nodes[i];
    if (node.column < 0) {
      steps_.push_back({0, static_cast<std::uint16_t>(kMost), static_cast<std::uint32_t>(i)});
      values_.push_back(node.value);
      continue;
    }
    const std::vector<double>& list = thresholds[node.column];
    const auto number = std::lower_bound(list.begin(), list.end(), node.value) - list.begin();
    steps_.push_back(
        {index[node.column], static_cast<std::uint16_t>(number), static_cast<std::uint32_t>(node.left)});
    values_.push_back(0.0);
  }
  // Children come after their parents, so that going backwards meets them first.
  std::vector<std::uint32_t> depth(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;)
    if (nodes[i].column >= 0) {
      const auto left = static_cast<std::size_t>(nodes[i].left);
      depth[i] = 1 + std::max(depth[left], depth[left + 1]);
    }
  count_ = roots.size();
  trees_.resize(count_);
  std::iota(trees_.begin(), trees_.end(), 0u);
  const auto depth_of = [&](std::uint32_t tree) { return depth[static_cast<std::size_t>(roots[tree])]; };
  std::stable_sort(trees_.begin(), trees_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return depth_of(a) < depth_of(b); });
  while (trees_.size() % kTogether != 0) trees_.push_back(trees_.back());
  for (std::size_t k = 0; k < trees_.size(); ++k) {
    roots_.push_back(static_cast<std::uint32_t>(roots[trees_[k]]));
    if (k % kTogether == kTogether - 1) deepest_.push_back(depth_of(trees_[k]));
  }
}

double TreeWalk::sum(double base, std::span<const double> row) const {
  std::vector<std::uint16_t> numbers(std::max<std::size_t>(1, columns_.size()));
  for (std::size_t c = 0; c < columns_.size(); ++c)
    numbers[c] = number_of(row[columns_[c]], thresholds_.data() + first_[c], first_[c + 1] - first_[c]);
  std::vector<double> leaves(count_);
  for (std::size_t group = 0; group < deepest_.size(); ++group) {
    std::array<std::uint32_t, kTogether> at;
    std::copy_n(roots_.begin() + static_cast<std::ptrdiff_t>(group * kTogether), kTogether, at.begin());
    for (std::uint32_t depth = deepest_[group]; depth > 0; --depth)
#pragma GCC unroll 8  // kTogether
      for (std::uint32_t& node : at) {
        const Step step = steps_[node];
        node = step.left + (numbers[step.column] > step.threshold ? 1 : 0);
      }
    for (std::size_t k = 0; k < kTogether; ++k) leaves[trees_[group * kTogether + k]] = values_[at[k]];
  }
  for (const double leaf : leaves) base += leaf;
  return base;
}

}  // namespace hone::predict
