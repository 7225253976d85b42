#include "hone/predict/forest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"

namespace hone::predict {
namespace {

constexpr std::size_t kMostBins = 64;

}  // namespace

/// Grows one tree after another over rows whose entries were put into bins once.
class Forest::Grower {
 public:
  Grower(const std::vector<Feature>& features, const std::vector<Row>& rows,
         const std::vector<double>& targets, const ForestOptions& options)
      : features_(features), rows_(rows), targets_(targets), options_(options), cuts_(features.size()) {
    bins_.resize(features.size());
    for (std::size_t f = 0; f < features.size(); ++f) {
      if (features[f].categories > 0) {
        for (const Row& row : rows) bins_[f].push_back(static_cast<std::uint8_t>(row[f]));
        continue;
      }
      std::vector<double> values;
      for (const Row& row : rows) values.push_back(row[f]);
      std::sort(values.begin(), values.end());
      const std::size_t all = values.size();
      std::vector<double> distinct = values;
      distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
      auto& cuts = cuts_[f];
      if (distinct.size() <= kMostBins) {
        for (std::size_t i = 1; i < distinct.size(); ++i)
          cuts.push_back(0.5 * (distinct[i - 1] + distinct[i]));
      } else {
        for (std::size_t k = 1; k < kMostBins; ++k) {
          const std::size_t at = k * all / kMostBins;
          const double cut = 0.5 * (values[at - 1] + values[at]);
          if (values[at - 1] < values[at] && (cuts.empty() || cut > cuts.back())) cuts.push_back(cut);
        }
      }
      for (const Row& row : rows)
        bins_[f].push_back(
            static_cast<std::uint8_t>(std::upper_bound(cuts.begin(), cuts.end(), row[f]) - cuts.begin()));
    }
  }

  Tree grow(std::vector<std::size_t> rows, Rng& rng) {
    tree_.clear();
    split(std::move(rows), rng);
    return std::move(tree_);
  }

 private:
  struct Choice {
    double gain = 0.0;
    int feature = -1;
    std::size_t bin = 0;  // the last one on the left
    std::uint64_t left_set = 0;
  };

  std::size_t split(std::vector<std::size_t> rows, Rng& rng) {
    const std::size_t here = tree_.size();
    tree_.emplace_back();
    double sum = 0.0, squares = 0.0;
    for (const std::size_t row : rows) sum += targets_[row];
    const auto count = static_cast<double>(rows.size());
    for (const std::size_t row : rows)
      squares += (targets_[row] - sum / count) * (targets_[row] - sum / count);
    tree_[here].leaf = {sum / count, squares / count, count};
    if (rows.size() < 2 * options_.min_leaf) return here;

    // A random part of the features, without repetition.
    std::vector<std::size_t> order(features_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto look = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::ceil(options_.features * static_cast<double>(order.size()))));
    Choice best;
    for (std::size_t k = 0; k < order.size() && (k < look || best.feature < 0); ++k) {
      std::swap(order[k], order[k + rng.below(order.size() - k)]);
      consider(order[k], rows, sum, best);
    }
    if (best.feature < 0) return here;

    const auto f = static_cast<std::size_t>(best.feature);
    std::vector<std::size_t> left, right;
    for (const std::size_t row : rows) (goes_left(best, bins_[f][row]) ? left : right).push_back(row);
    const std::size_t n = rows.size(), n_left = left.size();
    if (features_[f].categories > 0) {
      // Categories that no row has here go left or right by chance, as the rows do.
      std::uint64_t there = 0;
      for (const std::size_t row : rows) there |= std::uint64_t{1} << bins_[f][row];
      for (std::size_t bin = 0; bin < features_[f].categories; ++bin)
        if ((there >> bin & 1U) == 0 && rng.uniform() * static_cast<double>(n) < static_cast<double>(n_left))
          best.left_set |= std::uint64_t{1} << bin;
    }
    const double cut = features_[f].categories > 0 ? 0.0
                       : options_.random_cuts      ? cut_between(f, left, right, rng)
                                                   : cuts_[f][best.bin];
    rows = {};
    const std::size_t left_at = split(std::move(left), rng), right_at = split(std::move(right), rng);
    Node& node = tree_[here];
    node.feature = best.feature;
    node.left_set = best.left_set;
    node.cut = cut;
    node.share_left = static_cast<double>(n_left) / static_cast<double>(n);
    node.left = left_at;
    node.right = right_at;
    return here;
  }

  double cut_between(std::size_t f, const std::vector<std::size_t>& left,
                     const std::vector<std::size_t>& right, Rng& rng) const {
    double low = -kInfinity, high = -low;
    for (const std::size_t row : left) low = std::max(low, rows_[row][f]);
    for (const std::size_t row : right) high = std::min(high, rows_[row][f]);
    const double cut = low + (1.0 - rng.uniform()) * (high - low);  // below it goes left
    return cut > low ? cut : high;
  }

  bool goes_left(const Choice& choice, std::uint8_t bin) const {
    return features_[static_cast<std::size_t>(choice.feature)].categories > 0
               ? (choice.left_set >> bin & 1U) != 0
               : bin <= choice.bin;
  }

  void consider(std::size_t f, const std::vector<std::size_t>& rows, double sum, Choice& best) const {
    const std::size_t n_bins = features_[f].categories > 0 ? features_[f].categories : cuts_[f].size() + 1;
    if (n_bins < 2) return;
    std::array<double, kMostBins> sums{};
    std::array<std::size_t, kMostBins> counts{};
    for (const std::size_t row : rows) {
      sums[bins_[f][row]] += targets_[row];
      ++counts[bins_[f][row]];
    }
    std::array<std::uint8_t, kMostBins> order{};
    std::iota(order.begin(), order.end(), std::uint8_t{0});
    std::size_t ordered = n_bins;
    if (features_[f].categories > 0) {
      // By their means; categories without rows come behind them.
      const auto end = order.begin() + static_cast<std::ptrdiff_t>(n_bins);
      const auto none = std::stable_partition(order.begin(), end, [&](auto bin) { return counts[bin] > 0; });
      std::sort(order.begin(), none, [&](auto a, auto b) {
        const double left = sums[a] / static_cast<double>(counts[a]);
        const double right = sums[b] / static_cast<double>(counts[b]);
        return left != right ? left < right : a < b;
      });
      ordered = static_cast<std::size_t>(none - order.begin());
    }
    const double n = static_cast<double>(rows.size()), base = sum * sum / n;
    double left_sum = 0.0;
    std::size_t left_n = 0;
    std::uint64_t left_set = 0;
    for (std::size_t k = 0; k + 1 < ordered; ++k) {
      const std::uint8_t bin = order[k];
      left_sum += sums[bin];
      left_n += counts[bin];
      left_set |= std::uint64_t{1} << bin;
      if (left_n < options_.min_leaf || rows.size() - left_n < options_.min_leaf || counts[bin] == 0)
        continue;
      const auto nl = static_cast<double>(left_n);
      const double gain = left_sum * left_sum / nl + (sum - left_sum) * (sum - left_sum) / (n - nl) - base;
      if (gain > best.gain + 1e-12 * std::abs(base)) best = {gain, static_cast<int>(f), bin, left_set};
    }
  }

  const std::vector<Feature>& features_;
  const std::vector<Row>& rows_;
  const std::vector<double>& targets_;
  const ForestOptions& options_;
  std::vector<std::vector<double>> cuts_;
  std::vector<std::vector<std::uint8_t>> bins_;  // by feature, then row
  Tree tree_;
};

Forest::Forest(std::vector<Feature> features, const std::vector<Row>& rows,
               const std::vector<double>& targets, const ForestOptions& options)
    : features_(std::move(features)) {
  if (rows.empty() || rows.size() != targets.size())
    throw internal_error("a forest needs as many rows as targets, and one at least");
  for (Feature& feature : features_)
    if (feature.categories > kMostBins) feature.categories = 0;
  for (const Row& row : rows) {
    bool good = row.size() == features_.size();
    for (std::size_t f = 0; good && f < row.size(); ++f)
      good = features_[f].categories == 0 ||
             (row[f] >= 0.0 && row[f] < static_cast<double>(features_[f].categories));
    if (!good || std::any_of(row.begin(), row.end(), [](double v) { return !std::isfinite(v); }))
      throw internal_error("a forest's row does not fit its features");
  }
  if (std::any_of(targets.begin(), targets.end(), [](double v) { return !std::isfinite(v); }))
    throw internal_error("a forest's target is not finite");

  Grower grower(features_, rows, targets, options);
  std::vector<double> unseen_sum(rows.size(), 0.0);
  std::vector<std::size_t> unseen_n(rows.size(), 0);
  for (std::size_t t = 0; t < options.trees; ++t) {
    Rng rng(options.seed, "forest", t);
    std::vector<std::size_t> sample(rows.size());
    std::vector<bool> seen(rows.size(), false);
    for (std::size_t& row : sample) {
      row = rng.below(rows.size());
      seen[row] = true;
    }
    trees_.push_back(grower.grow(std::move(sample), rng));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (seen[row]) continue;
      unseen_sum[row] += predict(trees_.back(), 0, rows[row]);
      ++unseen_n[row];
    }
  }

  double n = 0.0, sum = 0.0, squares = 0.0, error = 0.0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (unseen_n[row] == 0) continue;
    const double off = targets[row] - unseen_sum[row] / static_cast<double>(unseen_n[row]);
    n += 1.0;
    sum += targets[row];
    squares += targets[row] * targets[row];
    error += off * off;
  }
  const double spread = n > 0 ? squares - sum * sum / n : 0.0;
  explained_ = spread > 0 ? 1.0 - error / spread : kNaN;
}

double Forest::predict(const Tree& tree, std::size_t at, const Row& row) const {
  for (;;) {
    const Node& node = tree[at];
    if (node.feature < 0) return node.leaf.mean;
    const auto f = static_cast<std::size_t>(node.feature);
    const double value = row[f];
    if (std::isnan(value))
      return node.share_left * predict(tree, node.left, row) +
             (1.0 - node.share_left) * predict(tree, node.right, row);
    const bool left = features_[f].categories > 0 ? (node.left_set >> static_cast<unsigned>(value) & 1U) != 0
                                                  : value < node.cut;
    at = left ? node.left : node.right;
  }
}

double Forest::predict(const Row& row) const {
  if (row.size() != features_.size()) throw internal_error("a forest's row does not fit its features");
  double sum = 0.0;
  for (const Tree& tree : trees_) sum += predict(tree, 0, row);
  return sum / static_cast<double>(trees_.size());
}

std::size_t Forest::leaf(std::size_t tree, const Row& row) const {
  const Tree& nodes = trees_[tree];
  for (std::size_t at = 0;;) {
    const Node& node = nodes[at];
    if (node.feature < 0) return at;
    const auto f = static_cast<std::size_t>(node.feature);
    const bool left = features_[f].categories > 0 ? (node.left_set >> static_cast<unsigned>(row[f]) & 1U) != 0
                                                  : row[f] < node.cut;
    at = left ? node.left : node.right;
  }
}

// --- marginals ---------------------------------------------------------------------------------------------

double Forest::Marginal::Steps::at(double value) const {
  if (cuts.empty()) return values[static_cast<std::size_t>(value)];
  const auto piece = std::upper_bound(cuts.begin(), cuts.end(), value) - cuts.begin();
  return values[static_cast<std::size_t>(std::max<std::ptrdiff_t>(piece, 1) - 1)];
}

Forest::Marginal::Marginal(const Forest& forest, std::size_t feature)
    : categories_(forest.features_[feature].categories) {
  // Every leaf is a box. Walking down, `share` is the volume of the box over all features but this one, and
  // [low, high) or `set` its part of this one.
  const std::uint64_t all =
      categories_ >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << std::max<std::size_t>(1, categories_)) - 1;
  struct Part {
    double low, high;
    std::uint64_t set;
    double value;
  };
  for (const Tree& tree : forest.trees_) {
    std::vector<Part> parts;
    // The box so far of the other features, by the path: a stack of what each split narrowed.
    std::vector<double> lows(forest.features_.size(), 0.0), highs(forest.features_.size(), 1.0);
    std::vector<std::uint64_t> sets(forest.features_.size());
    for (std::size_t f = 0; f < sets.size(); ++f) {
      const std::size_t n = forest.features_[f].categories;
      sets[f] = n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }
    const auto walk = [&](const auto& self, std::size_t at, double share, double low, double high,
                          std::uint64_t set) -> void {
      const Node& node = tree[at];
      if (node.feature < 0) {
        parts.push_back({low, high, set, share * node.leaf.mean});
        return;
      }
      const auto f = static_cast<std::size_t>(node.feature);
      if (f == feature) {
        if (categories_ > 0) {
          self(self, node.left, share, low, high, set & node.left_set);
          self(self, node.right, share, low, high, set & ~node.left_set);
        } else {
          self(self, node.left, share, low, std::min(high, node.cut), set);
          self(self, node.right, share, std::max(low, node.cut), high, set);
        }
        return;
      }
      if (forest.features_[f].categories > 0) {
        const std::uint64_t before = sets[f];
        const auto n = static_cast<double>(__builtin_popcountll(before));
        for (const auto& [child, kept] :
             {std::pair{node.left, before & node.left_set}, std::pair{node.right, before & ~node.left_set}}) {
          if (kept == 0) continue;
          sets[f] = kept;
          self(self, child, share * static_cast<double>(__builtin_popcountll(kept)) / n, low, high, set);
        }
        sets[f] = before;
      } else {
        const double from = lows[f], to = highs[f];
        highs[f] = std::clamp(node.cut, from, to);
        const double middle = highs[f];
        if (middle > from) self(self, node.left, share * (middle - from) / (to - from), low, high, set);
        highs[f] = to;
        lows[f] = middle;
        if (to > middle) self(self, node.right, share * (to - middle) / (to - from), low, high, set);
        lows[f] = from;
      }
    };
    walk(walk, 0, 1.0, 0.0, 1.0, all);

    Steps steps;
    if (categories_ > 0) {
      steps.values.assign(categories_, 0.0);
      for (const Part& part : parts)
        for (std::size_t c = 0; c < categories_; ++c)
          if ((part.set >> c & 1U) != 0) steps.values[c] += part.value;
    } else {
      std::vector<std::pair<double, double>> changes;
      for (const Part& part : parts)
        if (part.high > part.low) {
          changes.emplace_back(part.low, part.value);
          changes.emplace_back(part.high, -part.value);
        }
      std::sort(changes.begin(), changes.end());
      double level = 0.0;
      for (std::size_t i = 0; i < changes.size(); ++i) {
        level += changes[i].second;
        if (changes[i].first < 1.0 && (i + 1 == changes.size() || changes[i + 1].first > changes[i].first)) {
          steps.cuts.push_back(changes[i].first);
          steps.values.push_back(level);
        }
      }
    }
    steps_.push_back(std::move(steps));
  }
}

std::vector<double> Forest::Marginal::at(double value) const {
  std::vector<double> by_tree;
  by_tree.reserve(steps_.size());
  for (const Steps& steps : steps_) by_tree.push_back(steps.at(value));
  return by_tree;
}

double Forest::Marginal::variance() const {
  const auto n = static_cast<double>(steps_.size());
  double mean = 0.0, squares = 0.0;
  const auto add = [&](double value, double weight) {
    mean += weight * value;
    squares += weight * value * value;
  };
  if (categories_ > 0) {
    for (std::size_t c = 0; c < categories_; ++c) {
      double level = 0.0;
      for (const Steps& steps : steps_) level += steps.values[c];
      add(level / n, 1.0 / static_cast<double>(categories_));
    }
  } else {
    // The mean over trees is constant between the cuts of all of them.
    std::vector<std::pair<double, double>> changes;
    for (const Steps& steps : steps_)
      for (std::size_t k = 0; k < steps.cuts.size(); ++k)
        changes.emplace_back(steps.cuts[k], steps.values[k] - (k > 0 ? steps.values[k - 1] : 0.0));
    std::sort(changes.begin(), changes.end());
    double level = 0.0;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      level += changes[i].second;
      const double until = i + 1 < changes.size() ? changes[i + 1].first : 1.0;
      add(level / n, until - changes[i].first);
    }
  }
  return std::max(0.0, squares - mean * mean);
}

}  // namespace hone::predict
