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
/// the thresholds that they lie between, once for all trees; a node is then four bytes, and eight trees of
/// like depth go down together, without a branch to guess wrong, so that what they wait for overlaps. (Asadi,
/// Lin, de Vries, "Runtime Optimizations for Tree-Based Machine Learning Models", 2014, let several rows go
/// down one tree so; here there are few rows and many trees.) Gives bit for bit what one tree after the other
/// would. A plain value; thread safe.
class TreeWalk {
 public:
  TreeWalk() = default;
  /// `roots`: the first node of each tree, in the order in which leaves are summed; children come after
  /// their parents.
  TreeWalk(std::span<const TreeNode> nodes, std::span<const std::int32_t> roots);

  /// Whether there are trees, and each number of theirs fits a byte: columns that are split on, thresholds of
  /// one, nodes of a tree.
  bool ready() const { return !trees_.empty(); }
  /// `base` and the leaves that a row ends up in; only when ready. A NaN lies above all thresholds.
  double sum(double base, std::span<const double> row) const;

  bool operator==(const TreeWalk&) const = default;

 private:
  static constexpr std::size_t kTogether = 8;  // trees
  struct Step {
    std::uint8_t column = 0;     ///< index into columns_
    std::uint8_t threshold = 0;  ///< its number in that column; of a leaf beyond all
    std::uint8_t left = 0;       ///< in its tree; of a leaf itself
    std::uint8_t leaf = 0;       ///< which leaf of its tree
    bool operator==(const Step&) const = default;
  };
  struct Tree {
    std::uint32_t steps = 0, leaves = 0;  ///< where they begin
    std::uint32_t number = 0;             ///< in the order of sums
    bool operator==(const Tree&) const = default;
  };

  std::size_t count_ = 0;               ///< of trees
  std::vector<std::uint32_t> columns_;  ///< those that are split on
  std::vector<std::uint32_t> first_;    ///< by index of a column: where its thresholds begin, and the end
  std::vector<double> thresholds_;      ///< by column, ascending
  std::vector<Step> steps_;             ///< tree by tree, by depth
  std::vector<double> leaves_;          ///< likewise
  std::vector<Tree> trees_;             ///< by depth, filled up to whole groups with the last one
  std::vector<std::uint32_t> deepest_;  ///< by group: steps to the deepest leaf
};

}  // namespace hone::predict
