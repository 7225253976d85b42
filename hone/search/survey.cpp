#include "hone/search/survey.h"

#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/search/acquisition.h"

namespace hone::search {
namespace {

/// SMAC3's forest (Lindauer et al., JMLR 2022): ten trees, all features at each split, leaves of one row.
constexpr predict::ForestOptions kForest{.trees = 10, .min_leaf = 1, .features = 1.0, .random_cuts = true};
/// Where losses are not all positive they are moved so that the best is this share of their range above 0 (or
/// what parts the 5th percentile from it, if that is more).
constexpr double kLeastShare = 0.01;

}  // namespace

Survey::Survey(const Moves& moves) : moves_(moves) {
  for (const std::size_t i : moves.free())
    features_.push_back({moves.is_categorical(i) ? static_cast<std::size_t>(moves.size(i)) + 1 : 0});
}

predict::Row Survey::row(const space::Point& point) const {
  predict::Row row(features_.size());
  const bool conditional = moves_.space().has_conditions();
  const std::vector<bool> active = conditional ? moves_.space().active(point) : std::vector<bool>();
  for (std::size_t k = 0; k < row.size(); ++k) {
    const std::size_t i = moves_.free()[k];
    if (!conditional || active[i])
      row[k] = point[i];
    else
      row[k] = features_[k].categories > 0 ? static_cast<double>(features_[k].categories - 1) : -1.0;
  }
  return row;
}

double Survey::transformed(double loss) const {
  // Better than all that the shift was made for: as good as the best can be.
  return std::log(std::max((loss - shift_) / unit_, 1e-10));
}

void Survey::grow(const std::vector<predict::Row>& rows, const std::vector<double>& losses,
                  const std::vector<predict::Row>& lost, std::uint64_t seed) {
  std::vector<double> sorted = losses;
  std::sort(sorted.begin(), sorted.end());
  const double low = sorted.front(), high = sorted.back();
  const double range = high > low ? high - low : 1.0;
  const double fifth = sorted[(sorted.size() - 1) / 20];
  shift_ = low - std::max(fifth - low, kLeastShare * range);
  unit_ = range;
  std::vector<predict::Row> all = rows;
  std::vector<double> targets;
  mean_ = 0.0;
  for (const double loss : losses) {
    targets.push_back(transformed(loss));
    mean_ += targets.back() / static_cast<double>(losses.size());
  }
  for (const predict::Row& row : lost) {
    all.push_back(row);
    targets.push_back(transformed(high));
  }
  predict::ForestOptions options = kForest;
  options.seed = seed;
  forest_.emplace(features_, all, targets, options);
  best_ = kInfinity;
  for (const predict::Row& row : rows) best_ = std::min(best_, forest_->predict(row));
  drops_.clear();
}

void Survey::drop(const predict::Row& row, double loss) { drop_log(row, transformed(loss)); }

void Survey::drop_log(const predict::Row& row, double value) {
  for (std::size_t tree = 0; tree < forest_->trees(); ++tree) {
    const std::size_t leaf = forest_->leaf(tree, row);
    const auto found = std::find_if(drops_.begin(), drops_.end(),
                                    [&](const Drop& drop) { return drop.tree == tree && drop.leaf == leaf; });
    if (found == drops_.end())
      drops_.push_back({tree, leaf, value, 1.0});
    else
      found->sum += value, found->count += 1.0;
  }
}

double Survey::improvement(const predict::Row& row) const {
  const auto n = static_cast<double>(forest_->trees());
  double mean = 0.0, within = 0.0, squares = 0.0;
  for (std::size_t tree = 0; tree < forest_->trees(); ++tree) {
    const std::size_t number = forest_->leaf(tree, row);
    const predict::Forest::Leaf& leaf = forest_->leaf_at(tree, number);
    double value = leaf.mean;
    for (const Drop& drop : drops_)
      if (drop.leaf == number && drop.tree == tree)
        value = (leaf.rows * leaf.mean + drop.sum) / (leaf.rows + drop.count);
    mean += value / n;
    within += leaf.variance / n;
    squares += value * value / n;
  }
  const double sigma = std::sqrt(std::max(1e-10, within + squares - mean * mean));
  const double v = (best_ - mean) / sigma;
  const double gain =
      std::exp(best_) * normal_cdf(v) - std::exp(0.5 * sigma * sigma + mean) * normal_cdf(v - sigma);
  return std::isfinite(gain) ? gain : 0.0;  // losses that are hundreds of orders of magnitude apart
}

}  // namespace hone::search
