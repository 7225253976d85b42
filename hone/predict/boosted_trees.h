#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "hone/base/json.h"
#include "hone/predict/tree_walk.h"

namespace hone::predict {

struct BoostingOptions {
  int trees = 400;
  double learning_rate = 0.05;
  int leaves = 31;            ///< of a tree
  int least_in_leaf = 10;     ///< rows
  double ridge = 1.0;         ///< added to a leaf's rows where its value is their mean residual
  double row_share = 0.8;     ///< of the rows, drawn for each tree
  double column_share = 0.4;  ///< of the columns, drawn for each tree
  int bins = 64;              ///< most values of a column that splits tell apart, at most 255
  /// The quantile that is learned, in (0, 1); 0: the mean (squares of errors).
  double quantile = 0.0;
  std::uint64_t seed = 1;
};

/// Gradient boosting of regression trees (Friedman, *Greedy Function Approximation: A Gradient Boosting
/// Machine*, algorithms LS_Boost and, for quantiles, the least absolute deviation's kin with the leaf values
/// of section 4.3), each tree on a part of the rows (his "Stochastic gradient boosting", 2002), grown leaf by
/// leaf, the best split first, over binned columns (histograms) as in *LightGBM: A Highly Efficient Gradient
/// Boosting Decision Tree*. Deterministic. A plain value; predicting is thread safe.
class BoostedTrees {
 public:
  BoostedTrees() = default;
  /// `rows`: one after the other, each of `columns` finite numbers; a target a row; weights may be empty.
  /// Throws Error where lengths do not fit or there are no rows.
  static BoostedTrees fit(std::span<const double> rows, std::size_t columns, std::span<const double> targets,
                          const BoostingOptions& options = {}, std::span<const double> weights = {});

  /// Any loss: given what is fitted so far, by row, the loss writes its negative gradient and its curvature
  /// (not below 0) a row; leaves take Newton's step. `start`: what a row begins with, which predict() does
  /// not add. Quantile and weights are the loss's own business.
  using Loss = std::function<void(std::span<const double> fitted, std::vector<double>& gradients,
                                  std::vector<double>& curvatures)>;
  static BoostedTrees fit(std::span<const double> rows, std::size_t columns, std::span<const double> start,
                          const Loss& loss, const BoostingOptions& options);

  double predict(std::span<const double> row) const;
  std::size_t columns() const { return columns_; }
  std::size_t trees() const { return roots_.size(); }
  /// How much splits on each column reduced the loss, in parts of the whole.
  std::vector<double> importance() const;

  /// {"columns", "base", "trees": [[column, threshold, left, right | -1, value], ...]} in short: one list of
  /// numbers a node, children by index in the tree.
  Json json() const;
  static BoostedTrees from_json(const Json& json);  ///< throws Error on anything malformed

  bool operator==(const BoostedTrees&) const = default;

 private:
  using Node = TreeNode;
  friend class TreeGrower;
  static BoostedTrees grown(std::span<const double> rows, std::size_t columns, std::span<const double> start,
                            const Loss& loss, const BoostingOptions& options,
                            std::span<const double> quantile_targets);
  double leaf(std::int32_t root, std::span<const double> row) const;

  std::size_t columns_ = 0;
  double base_ = 0.0;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
  TreeWalk walk_;  ///< of these
};

}  // namespace hone::predict
