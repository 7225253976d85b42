#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/predict/forest.h"

namespace hone::predict {

struct MultiForestOptions {
  std::size_t trees = 100;
  std::size_t max_depth = 0;  ///< splits from the root to a leaf at most; 0: without a bound
  std::size_t min_leaf = 1;   ///< rows in a leaf, repetitions of the bootstrap counted
  double features = 1.0;      ///< the share of features that each split looks at, in (0, 1]
  std::uint64_t seed = 0;
  std::function<bool()> interrupted = {};  ///< asked before every tree; may be empty
};

/// A random forest for several targets at once (Breiman, "Random Forests", 2001; Segal and Xiao,
/// "Multivariate Random Forests", 2011, with independent targets): one tree structure for all of them, so
/// that what is told of one target says where to split for the others. Each tree grows on a bootstrap sample;
/// a split is the one that leaves the least variance, summed over the targets, each divided by its own
/// variance over all rows. Numbers are split between at most 255 quantiles. A plain value; const methods are
/// thread safe.
class MultiForest {
 public:
  /// At most 254 features, 1 to 16 targets, all finite and as many in every row. Throws Error (internal) on
  /// anything else and on impossible options, Error where `interrupted` said so. The same rows, options and
  /// seed give the same forest.
  MultiForest(const std::vector<Row>& rows, const std::vector<std::vector<double>>& targets,
              const MultiForestOptions& options);

  struct Estimate {
    std::vector<double> mean;  ///< over trees, by target
    std::vector<double> sd;    ///< of what single trees say; 0 where all agree
  };
  /// Throws Error (internal) where the row has another number of entries than features. A NaN goes right.
  Estimate predict(std::span<const double> row) const;

  std::size_t features() const { return cuts_.size(); }
  std::size_t targets() const { return targets_; }
  std::size_t trees() const { return trees_.size(); }
  std::size_t leaves() const;  ///< of all trees together

  /// By target the share of its variance that trees explain on rows that they have not seen (out of bag): 1
  /// is all, 0 or less nothing; NaN where no row was left out or the target is constant. Where rows are alike
  /// in groups (one shape, many configurations) this is more than new groups will see.
  const std::vector<double>& explained() const { return explained_; }

  /// By feature its share of all variance that splits removed; they sum to 1, or are all 0.
  const std::vector<double>& importance() const { return importance_; }

  /// docs/formats.md, "Forest of several targets": read back, it predicts the same to the last bit.
  Json json() const;
  /// Throws Error at `place` on anything that json() does not write.
  static MultiForest from_json(const Json& json, const Place& place);

 private:
  struct Node {
    std::uint8_t feature = 0;  ///< 0: a leaf; else 1 + the feature's number
    std::uint8_t cut = 0;      ///< values below cuts_[feature][cut] go to the next node
    std::uint32_t other = 0;   ///< of a leaf: its number; else the node where other values go
  };
  struct Tree {
    std::vector<Node> nodes;    ///< parents first, then all of the left side
    std::vector<float> values;  ///< leaf by leaf, a value a target
  };
  class Grower;
  MultiForest() = default;

  /// By feature how many of its cuts are at or below the value.
  std::vector<std::uint8_t> bins(std::span<const double> row) const;
  static const float* leaf(const Tree& tree, std::size_t targets, const std::vector<std::uint8_t>& bins);

  std::size_t targets_ = 0;
  std::vector<std::vector<double>> cuts_;  ///< by feature, ascending
  std::vector<Tree> trees_;
  std::vector<double> explained_, importance_;
};

}  // namespace hone::predict
