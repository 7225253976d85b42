#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "hone/base/json.h"
#include "hone/predict/boosted_trees.h"

namespace hone::cost {

/// A disturbed measurement of a time beside another one.
constexpr double kDisturbedWeight = 0.3;

/// Functions whose cost is the sum of their loops', as LoopSums learns from them.
struct LoopTable {
  explicit LoopTable(std::size_t row_columns) : columns(row_columns) {}

  /// A function: `columns` finite numbers for each of its loops, the logarithm of what a simple machine says
  /// of each (at least one), and what all of them cost together, not below 0.
  void add(std::span<const double> rows, std::span<const double> estimates, double cost, double weight = 1.0,
           bool disturbed = false);

  std::size_t columns;
  std::vector<double> values, starts;  ///< of all loops, function after function
  std::vector<std::size_t> first{0};   ///< the row where each function's loops begin, and the end
  std::vector<double> costs, weights;  ///< by function
  std::vector<bool> disturbed;         ///< by function: others ran beside its measurement
};

/// What is to be small at the mean: the error of log(1 + cost), where costs are counts and many are 0, that
/// of log(cost), the relative error of the cost, or that of its reciprocal (of the rate that follows from a
/// time). Relative errors weigh predictions above the truth more, so a model of them says less where it knows
/// little; both relative ones take costs for measured times. Of counts that the estimate hits more often than
/// not (`hit`) almost the median error is made small, so that what it hits stays so.
enum class ErrorOf { count, hit, logarithm, cost, reciprocal };

/// The logarithm of what one loop costs is its estimate plus a constant plus gradient-boosted trees
/// (predict/boosted_trees.h) on its row; a function costs the sum over its loops, and the loss is on the
/// logarithm of that sum, so that labels of whole functions teach loops.
///
/// Errors count squared up to a part of a logarithm and absolutely beyond (Huber, "Robust Estimation of a
/// Location Parameter", 1964); relative ones are multiplied with their derivative, at most e to either side.
/// Disturbed measurements take longer than others: by how much (one factor for all of them) is estimated
/// from tree to tree, as the distance between the medians of what is left of both kinds, and they weigh
/// less. A plain value; predicting is thread safe.
class LoopSums {
 public:
  LoopSums() = default;
  /// `members` ensembles, each with a seed of its own, are averaged. Throws Error where there are no
  /// functions.
  static LoopSums fit(const LoopTable& table, ErrorOf error, const predict::BoostingOptions& boosting,
                      int members = 1);

  /// The logarithm of one function's cost: rows and estimates as in LoopTable::add.
  double log_cost(std::span<const double> rows, std::span<const double> estimates) const;

  /// {"shift", "members"} written into, and read from, an object. Reading throws Error where trees have
  /// another number of columns.
  void write(Json& object) const;
  static LoopSums read(const Json& object, std::size_t columns);

 private:
  double shift_ = 0.0;
  std::vector<predict::BoostedTrees> members_;
};

/// log(sum of exp(x)), -infinity of none.
double log_of_sum(std::span<const double> logarithms);

}  // namespace hone::cost
