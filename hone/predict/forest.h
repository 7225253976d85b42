#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hone::predict {

/// What a column of a forest's rows holds.
struct Feature {
  /// 0: a number in [0, 1]; else a category's index, 0 to categories - 1, without an order. With more than
  /// 64 categories the index is taken as an order.
  std::size_t categories = 0;
};

/// A row: one entry a feature.
using Row = std::vector<double>;

struct ForestOptions {
  std::size_t trees = 48;
  std::size_t min_leaf = 3;  ///< rows in a leaf
  double features = 0.7;     ///< the share of features that each split looks at
  /// Numbers are cut at a random place between the two neighbours rather than in the middle, so that trees
  /// disagree where nothing is known (Hutter et al., "Algorithm Runtime Prediction: Methods & Evaluation",
  /// 2014, section 4.3).
  bool random_cuts = false;
  std::uint64_t seed = 0;
};

/// A random forest for regression (Breiman, "Random Forests", 2001): trees on bootstrap samples, each split
/// the best over a random part of the features. Numbers are split between at most 64 quantiles; categories
/// into two subsets, ordered by their mean (which is optimal for squared error). A plain value; const methods
/// are thread safe.
class Forest {
 public:
  /// Rows without NaN, as many targets, all finite. Throws Error (internal) on anything else, or where there
  /// are no rows. The same rows, options and seed give the same forest.
  Forest(std::vector<Feature> features, const std::vector<Row>& rows, const std::vector<double>& targets,
         const ForestOptions& options);

  /// The mean over trees. A NaN entry is unknown: both sides of a split count, as often as rows went there.
  double predict(const Row& row) const;

  /// What a tree says of a row: its leaf there.
  struct Leaf {
    double mean = 0.0;
    double variance = 0.0;  ///< of the targets in it
    double rows = 0.0;      ///< how many, repetitions of the bootstrap counted
  };
  /// The leaf's number within a tree, for rows without NaN of as many entries as there are features.
  std::size_t leaf(std::size_t tree, const Row& row) const;
  const Leaf& leaf_at(std::size_t tree, std::size_t number) const { return trees_[tree][number].leaf; }

  /// The share of the targets' variance that trees explain for rows that they have not seen (out of bag):
  /// 1 is all, 0 or less nothing. NaN where no row was left out or the targets are constant.
  double explained() const { return explained_; }

  const std::vector<Feature>& features() const { return features_; }
  std::size_t trees() const { return trees_.size(); }

  /// The mean prediction over all other features, uniform on their range, with one feature held at a value:
  /// one number a tree. (Hutter et al., "An Efficient Approach for Assessing Hyperparameter Importance",
  /// 2014, algorithm 1: exact, by the boxes of the leaves.)
  class Marginal {
   public:
    Marginal(const Forest& forest, std::size_t feature);
    std::vector<double> at(double value) const;  ///< by tree
    /// Variance of the mean over trees while the feature is uniform on its range.
    double variance() const;

   private:
    struct Steps {                 // of one tree: constant between cuts, or by category
      std::vector<double> cuts;    // ascending, 0 first; empty for categories
      std::vector<double> values;  // one a piece
      double at(double value) const;
    };
    std::size_t categories_;
    std::vector<Steps> steps_;
  };

 private:
  struct Node {
    int feature = -1;  // -1: a leaf
    double cut = 0.0;  // numbers: below goes left
    std::uint64_t left_set = 0;
    Leaf leaf;  // of all its rows, also where it is split further
    double share_left = 0.5;
    std::size_t left = 0, right = 0;
  };
  using Tree = std::vector<Node>;
  class Grower;

  double predict(const Tree& tree, std::size_t node, const Row& row) const;

  std::vector<Feature> features_;
  std::vector<Tree> trees_;
  double explained_ = 0.0;
};

}  // namespace hone::predict
