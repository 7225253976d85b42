#include "hone/predict/multi_forest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::predict {
namespace {

constexpr std::size_t kMostCuts = 255, kMostTargets = 16;
/// Nodes of fewer rows sort them; larger ones go through all bins.
constexpr std::size_t kFewRows = 96;

std::vector<double> quantile_cuts(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> distinct = values, cuts;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const auto between = [](double low, double high) {
    const double middle = low + 0.5 * (high - low);
    return middle > low ? middle : high;  // of neighbours in the last bit
  };
  if (distinct.size() <= kMostCuts + 1) {
    for (std::size_t i = 1; i < distinct.size(); ++i) cuts.push_back(between(distinct[i - 1], distinct[i]));
    return cuts;
  }
  for (std::size_t k = 1; k <= kMostCuts; ++k) {
    const std::size_t at = k * values.size() / (kMostCuts + 1);
    if (values[at - 1] == values[at]) continue;
    const double cut = between(values[at - 1], values[at]);
    if (cuts.empty() || cut > cuts.back()) cuts.push_back(cut);
  }
  return cuts;
}

}  // namespace

/// Grows one tree after another over rows whose entries were put into bins once, and whose targets have mean
/// 0 and variance 1.
class MultiForest::Grower {
 public:
  Grower(MultiForest& forest, const std::vector<Row>& rows, const std::vector<std::vector<double>>& targets,
         const MultiForestOptions& options)
      : forest_(forest), options_(options), n_targets_(forest.targets_), bins_(forest.features()) {
    for (auto& bins : bins_) bins.reserve(rows.size());
    for (const Row& row : rows) {
      const auto binned = forest.bins(row);
      for (std::size_t f = 0; f < bins_.size(); ++f) bins_[f].push_back(binned[f]);
    }
    const auto n = static_cast<double>(rows.size());
    mean_.assign(n_targets_, 0.0);
    scale_.assign(n_targets_, 0.0);
    for (const auto& one : targets)
      for (std::size_t t = 0; t < n_targets_; ++t) mean_[t] += one[t];
    for (double& mean : mean_) mean /= n;
    for (const auto& one : targets)
      for (std::size_t t = 0; t < n_targets_; ++t) scale_[t] += (one[t] - mean_[t]) * (one[t] - mean_[t]) / n;
    for (double& scale : scale_) scale = scale > 0.0 ? std::sqrt(scale) : 1.0;
    scaled_.reserve(rows.size() * n_targets_);
    for (const auto& one : targets)
      for (std::size_t t = 0; t < n_targets_; ++t) scaled_.push_back((one[t] - mean_[t]) / scale_[t]);
  }

  Tree grow(std::vector<std::uint32_t> sample, Rng& rng) {
    tree_ = {};
    sample_ = std::move(sample);
    split(0, sample_.size(), 0, rng);
    return std::move(tree_);
  }

 private:
  struct Choice {
    double gain = 0.0;
    std::size_t feature = kNone;
    std::size_t cut = 0;
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  };
  using Sums = std::array<double, kMostTargets>;

  void split(std::size_t begin, std::size_t end, std::size_t depth, Rng& rng) {
    const std::size_t here = tree_.nodes.size();
    tree_.nodes.emplace_back();
    Sums sums{};
    double squares = 0.0;
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t t = 0; t < n_targets_; ++t) {
        const double value = scaled_[sample_[i] * n_targets_ + t];
        sums[t] += value;
        squares += value * value;
      }
    const auto n = static_cast<double>(end - begin);
    double base = 0.0;
    for (std::size_t t = 0; t < n_targets_; ++t) base += sums[t] * sums[t] / n;
    Choice best;
    const bool may = end - begin >= 2 * options_.min_leaf &&
                     (options_.max_depth == 0 || depth < options_.max_depth) &&
                     squares - base > 1e-12 * std::max(1.0, squares);
    if (may) {
      // A random part of the features, without repetition; more where none of them can split.
      std::vector<std::size_t> order(bins_.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      const auto look = std::max<std::size_t>(
          1, static_cast<std::size_t>(std::ceil(options_.features * static_cast<double>(order.size()))));
      for (std::size_t k = 0; k < order.size() && (k < look || best.feature == Choice::kNone); ++k) {
        if (look < order.size()) std::swap(order[k], order[k + rng.below(order.size() - k)]);
        consider(order[k], begin, end, sums, base, best);
      }
    }
    if (best.feature == Choice::kNone) {
      tree_.nodes[here].other = static_cast<std::uint32_t>(tree_.values.size() / n_targets_);
      for (std::size_t t = 0; t < n_targets_; ++t)
        tree_.values.push_back(static_cast<float>(mean_[t] + scale_[t] * sums[t] / n));
      return;
    }
    forest_.importance_[best.feature] += best.gain;
    const auto& bins = bins_[best.feature];
    const auto first = sample_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = sample_.begin() + static_cast<std::ptrdiff_t>(end);
    const auto middle = std::stable_partition(first, last, [&](auto row) { return bins[row] <= best.cut; });
    const auto at = static_cast<std::size_t>(middle - sample_.begin());
    tree_.nodes[here].feature = static_cast<std::uint8_t>(best.feature + 1);
    tree_.nodes[here].cut = static_cast<std::uint8_t>(best.cut);
    split(begin, at, depth + 1, rng);
    tree_.nodes[here].other = static_cast<std::uint32_t>(tree_.nodes.size());
    split(at, end, depth + 1, rng);
  }

  /// The best place to split on a feature, if it is better than what there is.
  void consider(std::size_t f, std::size_t begin, std::size_t end, const Sums& sums, double base,
                Choice& best) {
    const std::size_t n = end - begin, n_bins = forest_.cuts_[f].size() + 1;
    if (n_bins < 2) return;
    const auto& bins = bins_[f];
    Sums left{};
    std::size_t left_n = 0;
    const auto look = [&](std::size_t cut) {
      if (left_n < options_.min_leaf || n - left_n < options_.min_leaf) return;
      const auto nl = static_cast<double>(left_n), nr = static_cast<double>(n - left_n);
      double gain = -base;
      for (std::size_t t = 0; t < n_targets_; ++t) {
        const double right = sums[t] - left[t];
        gain += left[t] * left[t] / nl + right * right / nr;
      }
      if (gain > best.gain + 1e-12 * std::max(1.0, std::abs(base))) best = {gain, f, cut};
    };
    if (n < kFewRows) {
      few_.clear();
      for (std::size_t i = begin; i < end; ++i) few_.emplace_back(bins[sample_[i]], sample_[i]);
      std::sort(few_.begin(), few_.end());
      for (std::size_t i = 0; i + 1 < n; ++i) {
        for (std::size_t t = 0; t < n_targets_; ++t) left[t] += scaled_[few_[i].second * n_targets_ + t];
        ++left_n;
        if (few_[i].first != few_[i + 1].first) look(few_[i].first);
      }
      return;
    }
    bin_sums_.assign(n_bins * n_targets_, 0.0);
    bin_counts_.assign(n_bins, 0);
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t bin = bins[sample_[i]], row = sample_[i] * n_targets_;
      ++bin_counts_[bin];
      for (std::size_t t = 0; t < n_targets_; ++t) bin_sums_[bin * n_targets_ + t] += scaled_[row + t];
    }
    for (std::size_t bin = 0; bin + 1 < n_bins; ++bin) {
      if (bin_counts_[bin] == 0) continue;
      left_n += bin_counts_[bin];
      for (std::size_t t = 0; t < n_targets_; ++t) left[t] += bin_sums_[bin * n_targets_ + t];
      look(bin);
    }
  }

  MultiForest& forest_;
  const MultiForestOptions& options_;
  const std::size_t n_targets_;
  std::vector<std::vector<std::uint8_t>> bins_;  // by feature, then row
  std::vector<double> mean_, scale_, scaled_;    // by target; scaled_ by row, then target
  std::vector<std::uint32_t> sample_;
  std::vector<std::pair<std::uint8_t, std::uint32_t>> few_;
  std::vector<double> bin_sums_;
  std::vector<std::size_t> bin_counts_;
  Tree tree_;
};

MultiForest::MultiForest(const std::vector<Row>& rows, const std::vector<std::vector<double>>& targets,
                         const MultiForestOptions& options) {
  const auto all_finite = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  };
  if (rows.empty() || rows.size() != targets.size() || rows.size() > 0xffffffffU)
    throw internal_error("a forest needs as many rows as targets, and one at least");
  if (options.trees < 1 || options.min_leaf < 1 || !(options.features > 0.0 && options.features <= 1.0))
    throw internal_error("impossible options for a forest");
  targets_ = targets.front().size();
  if (targets_ < 1 || targets_ > kMostTargets || rows.front().empty() || rows.front().size() > 254)
    throw internal_error("a forest of several targets takes 1 to 16 of them and 1 to 254 features");
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].size() != rows.front().size() || targets[i].size() != targets_ || !all_finite(rows[i]) ||
        !all_finite(targets[i]))
      throw internal_error("a forest's row does not fit its features");
  for (std::size_t f = 0; f < rows.front().size(); ++f) {
    std::vector<double> column;
    for (const Row& row : rows) column.push_back(row[f]);
    cuts_.push_back(quantile_cuts(std::move(column)));
  }
  importance_.assign(cuts_.size(), 0.0);

  Grower grower(*this, rows, targets, options);
  std::vector<double> unseen(rows.size() * targets_, 0.0);
  std::vector<std::size_t> unseen_n(rows.size(), 0);
  for (std::size_t tree = 0; tree < options.trees; ++tree) {
    if (options.interrupted && options.interrupted()) throw Error("interrupted; nothing was learned");
    Rng rng(options.seed, "multi forest", tree);
    std::vector<std::uint32_t> sample(rows.size());
    std::vector<bool> seen(rows.size(), false);
    for (std::uint32_t& row : sample) {
      row = static_cast<std::uint32_t>(rng.below(rows.size()));
      seen[row] = true;
    }
    trees_.push_back(grower.grow(std::move(sample), rng));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (seen[row]) continue;
      const float* const values = leaf(trees_.back(), targets_, bins(rows[row]));
      for (std::size_t t = 0; t < targets_; ++t) unseen[row * targets_ + t] += values[t];
      ++unseen_n[row];
    }
  }
  for (std::size_t t = 0; t < targets_; ++t) {
    double n = 0.0, mean = 0.0, spread = 0.0, error = 0.0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (unseen_n[row] == 0) continue;
      n += 1.0;
      mean += targets[row][t];
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (unseen_n[row] == 0) continue;
      const double value = targets[row][t];
      const double off = value - unseen[row * targets_ + t] / static_cast<double>(unseen_n[row]);
      spread += (value - mean / n) * (value - mean / n);
      error += off * off;
    }
    explained_.push_back(spread > 0.0 ? 1.0 - error / spread : kNaN);
  }
  const double all = std::accumulate(importance_.begin(), importance_.end(), 0.0);
  for (double& one : importance_) one = all > 0.0 ? one / all : 0.0;
}

std::vector<std::uint8_t> MultiForest::bins(std::span<const double> row) const {
  if (row.size() != cuts_.size()) throw internal_error("a forest's row does not fit its features");
  std::vector<std::uint8_t> bins(row.size());
  for (std::size_t f = 0; f < row.size(); ++f)
    bins[f] = static_cast<std::uint8_t>(std::upper_bound(cuts_[f].begin(), cuts_[f].end(), row[f]) -
                                        cuts_[f].begin());
  return bins;
}

const float* MultiForest::leaf(const Tree& tree, std::size_t targets, const std::vector<std::uint8_t>& bins) {
  std::size_t at = 0;
  while (tree.nodes[at].feature != 0) {
    const Node& node = tree.nodes[at];
    at = bins[node.feature - 1U] <= node.cut ? at + 1 : node.other;
  }
  return tree.values.data() + tree.nodes[at].other * targets;
}

MultiForest::Estimate MultiForest::predict(std::span<const double> row) const {
  const auto binned = bins(row);
  Estimate estimate{std::vector<double>(targets_, 0.0), std::vector<double>(targets_, 0.0)};
  const auto n = static_cast<double>(trees_.size());
  std::vector<const float*> leaves;
  leaves.reserve(trees_.size());
  for (const Tree& tree : trees_) leaves.push_back(leaf(tree, targets_, binned));
  for (std::size_t t = 0; t < targets_; ++t) {
    for (const float* values : leaves) estimate.mean[t] += values[t];
    estimate.mean[t] /= n;
    double squares = 0.0;
    for (const float* values : leaves)
      squares += (values[t] - estimate.mean[t]) * (values[t] - estimate.mean[t]);
    estimate.sd[t] = std::sqrt(squares / n);
  }
  return estimate;
}

std::size_t MultiForest::leaves() const {
  std::size_t count = 0;
  for (const Tree& tree : trees_) count += tree.values.size() / targets_;
  return count;
}

}  // namespace hone::predict
