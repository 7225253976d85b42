#include "hone/predict/tree_walk.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <numeric>

namespace hone::predict {
namespace {

constexpr std::size_t kMost = std::numeric_limits<std::uint8_t>::max();  // of anything that has a number

/// How many of ascending thresholds a value is not up to.
std::uint8_t number_of(double value, const double* thresholds, std::size_t count) {
  const double* at = thresholds;
  while (count > 0) {
    const std::size_t half = (count + 1) / 2;
    at += value <= at[half - 1] ? 0 : half;
    count -= half;
  }
  return static_cast<std::uint8_t>(at - thresholds);
}

}  // namespace

TreeWalk::TreeWalk(std::span<const TreeNode> nodes, std::span<const std::int32_t> roots) {
  const auto end_of = [&](std::size_t tree) {
    return tree + 1 < roots.size() ? static_cast<std::size_t>(roots[tree + 1]) : nodes.size();
  };
  std::map<std::int32_t, std::vector<double>> thresholds;
  for (const TreeNode& node : nodes)
    if (node.column >= 0) thresholds[node.column].push_back(node.value);
  if (thresholds.size() > kMost) return;
  for (std::size_t t = 0; t < roots.size(); ++t)
    if (end_of(t) - static_cast<std::size_t>(roots[t]) > kMost) return;
  for (auto& [column, list] : thresholds) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    if (list.size() >= kMost) return;
  }
  std::map<std::int32_t, std::uint8_t> index;
  for (const auto& [column, list] : thresholds) {
    index[column] = static_cast<std::uint8_t>(columns_.size());
    columns_.push_back(static_cast<std::uint32_t>(column));
    first_.push_back(static_cast<std::uint32_t>(thresholds_.size()));
    thresholds_.insert(thresholds_.end(), list.begin(), list.end());
  }
  first_.push_back(static_cast<std::uint32_t>(thresholds_.size()));
  // Children come after their parents, so that going backwards meets them first.
  std::vector<std::uint32_t> depth(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;)
    if (nodes[i].column >= 0) {
      const auto left = static_cast<std::size_t>(nodes[i].left);
      depth[i] = 1 + std::max(depth[left], depth[left + 1]);
    }
  const auto depth_of = [&](std::uint32_t tree) { return depth[static_cast<std::size_t>(roots[tree])]; };
  std::vector<std::uint32_t> order(roots.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return depth_of(a) < depth_of(b); });
  // What is gone through together lies together.
  for (const std::uint32_t tree : order) {
    const auto begin = static_cast<std::size_t>(roots[tree]), end = end_of(tree);
    const std::size_t leaves = leaves_.size();
    trees_.push_back({static_cast<std::uint32_t>(steps_.size()), static_cast<std::uint32_t>(leaves), tree});
    for (std::size_t i = begin; i < end; ++i) {
      const TreeNode& node = nodes[i];
      if (node.column < 0) {
        steps_.push_back({0, static_cast<std::uint8_t>(kMost), static_cast<std::uint8_t>(i - begin),
                          static_cast<std::uint8_t>(leaves_.size() - leaves)});
        leaves_.push_back(node.value);
        continue;
      }
      const std::vector<double>& list = thresholds[node.column];
      const auto number = std::lower_bound(list.begin(), list.end(), node.value) - list.begin();
      steps_.push_back({index[node.column], static_cast<std::uint8_t>(number),
                        static_cast<std::uint8_t>(static_cast<std::size_t>(node.left) - begin), 0});
    }
  }
  count_ = trees_.size();
  while (trees_.size() % kTogether != 0) trees_.push_back(trees_.back());
  for (std::size_t k = kTogether - 1; k < trees_.size(); k += kTogether)
    deepest_.push_back(depth_of(trees_[k].number));
}

double TreeWalk::sum(double base, std::span<const double> row) const {
  std::array<std::uint8_t, kMost> numbers{};
  for (std::size_t c = 0; c < columns_.size(); ++c)
    numbers[c] = number_of(row[columns_[c]], thresholds_.data() + first_[c], first_[c + 1] - first_[c]);
  std::vector<double> leaves(count_);
  for (std::size_t group = 0; group < deepest_.size(); ++group) {
    const Tree* trees = trees_.data() + group * kTogether;
    std::array<const Step*, kTogether> steps;
    std::array<Step, kTogether> at;
    for (std::size_t k = 0; k < kTogether; ++k) steps[k] = steps_.data() + trees[k].steps, at[k] = *steps[k];
    for (std::uint32_t depth = deepest_[group]; depth > 0; --depth)
#pragma GCC unroll 8  // kTogether
      for (std::size_t k = 0; k < kTogether; ++k)
        at[k] = steps[k][at[k].left + (numbers[at[k].column] > at[k].threshold ? 1 : 0)];
    for (std::size_t k = 0; k < kTogether; ++k)
      leaves[trees[k].number] = leaves_[trees[k].leaves + at[k].leaf];
  }
  for (const double leaf : leaves) base += leaf;
  return base;
}

}  // namespace hone::predict
