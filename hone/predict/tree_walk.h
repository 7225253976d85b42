#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hone::predict {

/// A node of a regression tree; all nodes of an ensemble are one list.
struct TreeNode {
  std::int32_t column = -1;  ///< -1: a leaf
  std::int32_t left = 0;     ///< values up to the threshold; the right one is next to it
  double value = 0.0;        ///< threshold, or a leaf's value
  double gain = 0.0;
  bool operator==(const TreeNode&) const = default;
};

/// Goes through all trees of an ensemble for one row, many at a time. A row's values become the numbers of
/// the thresholds that they lie between, once for all trees; a node is then eight bytes, and eight trees
/// of like depth go down together, without a branch to guess wrong: what they wait for overlaps (as in
/// *VPred*: Asadi, Lin, de Vries, "Runtime Optimizations for Tree-Based Machine Learning Models", 2014).
/// Gives bit for bit what one tree after the other would. A plain value; thread safe.
class TreeWalk {
 public:
  TreeWalk() = default;
  /// `roots`: the first node of each tree, in the order in which leaves are summed; children come after
  /// their parents.
  TreeWalk(std::span<const TreeNode> nodes, std::span<const std::int32_t> roots);

  /// Whether there are trees, and these have few enough columns and thresholds for this.
  bool ready() const { return !roots_.empty(); }
  /// `base` and the leaves that a row ends up in; only when ready. A NaN lies above all thresholds.
  double sum(double base, std::span<const double> row) const;

  bool operator==(const TreeWalk&) const = default;

 private:
  static constexpr std::size_t kTogether = 8;  // trees
  struct Step {
    std::uint16_t column = 0;     ///< index into columns_
    std::uint16_t threshold = 0;  ///< its number in that column; of a leaf beyond all
    std::uint32_t left = 0;       ///< of a leaf itself
    bool operator==(const Step&) const = default;
  };

  std::size_t count_ = 0;               ///< of trees
  std::vector<std::uint32_t> columns_;  ///< those that are split on
  std::vector<std::uint32_t> first_;    ///< by index of a column: where its thresholds begin, and the end
  std::vector<double> thresholds_;      ///< by column, ascending
  std::vector<Step> steps_;             ///< by node
  std::vector<double> values_;          ///< by node: of a leaf
  std::vector<std::uint32_t> roots_;    ///< by depth, filled up to whole groups with the last one
  std::vector<std::uint32_t> trees_;    ///< by root: which tree it is
  std::vector<std::uint32_t> deepest_;  ///< by group: steps to the deepest leaf
};

}  // namespace hone::predict
