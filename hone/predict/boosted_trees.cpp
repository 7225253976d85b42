#include "hone/predict/boosted_trees.h"

#include <algorithm>
#include <cmath>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::predict {
namespace {

/// What a file may say at most, so that sums of leaves stay finite.
constexpr double kLargestLeaf = 1e100;

/// Of the values in ascending order the nearest one to `share` of the way: one that occurs. 0 of none.
double nearest_value(std::vector<double> values, double share) {
  if (values.empty()) return 0.0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace

/// Columns as small numbers: bin b holds values above edge b - 1 and up to edge b.
struct BinnedColumns {
  std::vector<std::vector<double>> edges;         ///< by column
  std::vector<std::vector<std::uint8_t>> values;  ///< by column, by row

  BinnedColumns(std::span<const double> rows, std::size_t columns, int bins)
      : edges(columns), values(columns) {
    const std::size_t count = rows.size() / columns;
    std::vector<double> column(count), sorted;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < count; ++r) column[r] = rows[r * columns + c];
      sorted = column;
      std::sort(sorted.begin(), sorted.end());
      // Edges between neighbours that differ, spread over the rows.
      std::vector<double>& cuts = edges[c];
      const auto most = static_cast<std::size_t>(std::clamp(bins, 2, 255)) - 1;
      std::size_t distinct = 1;
      for (std::size_t r = 1; r < count; ++r) distinct += sorted[r] != sorted[r - 1] ? 1 : 0;
      const double step =
          distinct - 1 <= most ? 0.0 : static_cast<double>(count) / static_cast<double>(most + 1);
      double next = step;
      for (std::size_t r = 1; r < count; ++r)
        if (sorted[r] != sorted[r - 1] && static_cast<double>(r) >= next && cuts.size() < most) {
          cuts.push_back(0.5 * (sorted[r - 1] + sorted[r]));
          if (step > 0.0) next = static_cast<double>(r) + step;
        }
      values[c].resize(count);
      for (std::size_t r = 0; r < count; ++r)
        values[c][r] =
            static_cast<std::uint8_t>(std::lower_bound(cuts.begin(), cuts.end(), column[r]) - cuts.begin());
    }
  }
};

/// Grows one tree over rows that are drawn, leaf by leaf.
class TreeGrower {
 public:
  TreeGrower(const BinnedColumns& binned, const BoostingOptions& options)
      : binned_(binned), options_(options) {}

  /// Leaves' rows are left in `leaves`.
  void grow(std::vector<BoostedTrees::Node>& nodes, std::vector<std::int32_t> rows,
            const std::vector<double>& gradients, const std::vector<double>& curvatures,
            const std::vector<std::size_t>& columns,
            std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>>& leaves) {
    gradients_ = &gradients;
    curvatures_ = &curvatures;
    columns_ = &columns;
    leaves_.clear();
    nodes.emplace_back();
    add(static_cast<std::int32_t>(nodes.size()) - 1, std::move(rows), nullptr, nullptr);
    while (static_cast<int>(leaves_.size()) < options_.leaves) {
      const auto best = std::max_element(leaves_.begin(), leaves_.end(),
                                         [](const Leaf& a, const Leaf& b) { return a.gain < b.gain; });
      if (best->gain <= 1e-12) break;
      split(nodes, static_cast<std::size_t>(best - leaves_.begin()));
    }
    for (Leaf& leaf : leaves_) leaves.emplace_back(leaf.node, std::move(leaf.rows));
  }

 private:
  struct Sums {
    double gradient = 0.0, weight = 0.0;
    std::int32_t rows = 0;
  };
  using Histogram = std::vector<Sums>;
  struct Leaf {
    std::int32_t node = 0;
    std::vector<std::int32_t> rows;
    std::vector<Histogram> histograms;  ///< by drawn column
    double gain = 0.0;
    std::size_t column = 0;  ///< index into the drawn columns
    std::size_t bin = 0;     ///< the last one that goes left
  };

  double score(double gradient, double weight) const {
    return gradient * gradient / (weight + options_.ridge);
  }

  /// Histograms are summed, or are what the parent's hold beyond the sibling's.
  void add(std::int32_t node, std::vector<std::int32_t> rows, const std::vector<Histogram>* parent,
           const std::vector<Histogram>* sibling) {
    Leaf leaf;
    leaf.node = node;
    leaf.rows = std::move(rows);
    leaf.histograms.resize(columns_->size());
    for (std::size_t i = 0; i < columns_->size(); ++i) {
      const std::size_t column = (*columns_)[i];
      Histogram& histogram = leaf.histograms[i];
      histogram.resize(binned_.edges[column].size() + 1);
      if (parent != nullptr) {
        for (std::size_t b = 0; b < histogram.size(); ++b) {
          const Sums &all = (*parent)[i][b], &other = (*sibling)[i][b];
          histogram[b] = {all.gradient - other.gradient, all.weight - other.weight, all.rows - other.rows};
        }
        continue;
      }
      const std::vector<std::uint8_t>& values = binned_.values[column];
      for (const std::int32_t row : leaf.rows) {
        Sums& sums = histogram[values[static_cast<std::size_t>(row)]];
        sums.gradient += (*gradients_)[static_cast<std::size_t>(row)];
        sums.weight += (*curvatures_)[static_cast<std::size_t>(row)];
        ++sums.rows;
      }
    }
    find_split(leaf);
    leaves_.push_back(std::move(leaf));
  }

  void find_split(Leaf& leaf) const {
    for (std::size_t i = 0; i < leaf.histograms.size(); ++i) {
      const Histogram& histogram = leaf.histograms[i];
      Sums all;
      for (const Sums& sums : histogram)
        all.gradient += sums.gradient, all.weight += sums.weight, all.rows += sums.rows;
      Sums left;
      const double whole = score(all.gradient, all.weight);
      for (std::size_t b = 0; b + 1 < histogram.size(); ++b) {
        left.gradient += histogram[b].gradient;
        left.weight += histogram[b].weight;
        left.rows += histogram[b].rows;
        if (left.rows < options_.least_in_leaf || all.rows - left.rows < options_.least_in_leaf) continue;
        const double gain = score(left.gradient, left.weight) +
                            score(all.gradient - left.gradient, all.weight - left.weight) - whole;
        if (gain > leaf.gain) {
          leaf.gain = gain;
          leaf.column = i;
          leaf.bin = b;
        }
      }
    }
  }

  void split(std::vector<BoostedTrees::Node>& nodes, std::size_t which) {
    Leaf leaf = std::move(leaves_[which]);
    leaves_.erase(leaves_.begin() + static_cast<std::ptrdiff_t>(which));
    const std::size_t column = (*columns_)[leaf.column];
    const auto left = static_cast<std::int32_t>(nodes.size());
    BoostedTrees::Node& node = nodes[static_cast<std::size_t>(leaf.node)];
    node.column = static_cast<std::int32_t>(column);
    node.value = binned_.edges[column][leaf.bin];
    node.left = left;
    node.gain = leaf.gain;
    nodes.resize(nodes.size() + 2);
    std::vector<std::int32_t> low, high;
    for (const std::int32_t row : leaf.rows)
      (binned_.values[column][static_cast<std::size_t>(row)] <= leaf.bin ? low : high).push_back(row);
    // The smaller side is summed, the larger one is the rest.
    const bool low_first = low.size() <= high.size();
    add(low_first ? left : left + 1, std::move(low_first ? low : high), nullptr, nullptr);
    const std::vector<Histogram> sibling = leaves_.back().histograms;
    add(low_first ? left + 1 : left, std::move(low_first ? high : low), &leaf.histograms, &sibling);
  }

  const BinnedColumns& binned_;
  const BoostingOptions& options_;
  const std::vector<double>* gradients_ = nullptr;
  const std::vector<double>* curvatures_ = nullptr;
  const std::vector<std::size_t>* columns_ = nullptr;
  std::vector<Leaf> leaves_;
};

BoostedTrees BoostedTrees::fit(std::span<const double> rows, std::size_t columns,
                               std::span<const double> targets, const BoostingOptions& options,
                               std::span<const double> weights) {
  if (targets.empty() || columns == 0 || rows.size() != targets.size() * columns ||
      (!weights.empty() && weights.size() != targets.size()))
    throw Error("boosted trees want as many rows as targets, and one at least");
  const bool mean = options.quantile <= 0.0;
  double base = 0.0;
  if (mean) {
    double sum = 0.0, total = 0.0;
    for (std::size_t r = 0; r < targets.size(); ++r) {
      const double w = weights.empty() ? 1.0 : weights[r];
      sum += w * targets[r];
      total += w;
    }
    base = total > 0.0 ? sum / total : 0.0;
  } else {
    base = nearest_value({targets.begin(), targets.end()}, options.quantile);
  }
  const Loss loss = [&](std::span<const double> fitted, std::vector<double>& gradients,
                        std::vector<double>& curvatures) {
    for (std::size_t r = 0; r < targets.size(); ++r) {
      const double residual = targets[r] - fitted[r];
      curvatures[r] = weights.empty() ? 1.0 : weights[r];
      gradients[r] = curvatures[r] * (mean             ? residual
                                      : residual > 0.0 ? options.quantile
                                                       : options.quantile - 1.0);
    }
  };
  const std::vector<double> start(targets.size(), base);
  BoostedTrees model = grown(rows, columns, start, loss, options, mean ? std::span<const double>() : targets);
  model.base_ = base;
  return model;
}

BoostedTrees BoostedTrees::fit(std::span<const double> rows, std::size_t columns,
                               std::span<const double> start, const Loss& loss,
                               const BoostingOptions& options) {
  if (start.empty() || columns == 0 || rows.size() != start.size() * columns)
    throw Error("boosted trees want as many rows as starts, and one at least");
  return grown(rows, columns, start, loss, options, {});
}

/// `quantile_targets`: where they are given, leaves take the quantile of what is left of them.
BoostedTrees BoostedTrees::grown(std::span<const double> rows, std::size_t columns,
                                 std::span<const double> start, const Loss& loss,
                                 const BoostingOptions& options, std::span<const double> quantile_targets) {
  const std::size_t count = start.size();
  const BinnedColumns binned(rows, columns, options.bins);
  BoostedTrees model;
  model.columns_ = columns;
  std::vector<double> fitted(start.begin(), start.end()), gradients(count), curvatures(count);
  std::vector<std::size_t> usable;
  for (std::size_t c = 0; c < columns; ++c)
    if (!binned.edges[c].empty()) usable.push_back(c);
  if (usable.empty()) return model;
  const auto drawn_columns = std::max<std::size_t>(
      1, static_cast<std::size_t>(options.column_share * static_cast<double>(usable.size()) + 0.5));
  TreeGrower grower(binned, options);
  for (int t = 0; t < options.trees; ++t) {
    Rng rng(options.seed, "boosting", static_cast<std::uint64_t>(t));
    std::vector<std::int32_t> drawn;
    for (std::size_t r = 0; r < count; ++r)
      if (options.row_share >= 1.0 || rng.uniform() < options.row_share)
        drawn.push_back(static_cast<std::int32_t>(r));
    std::vector<std::size_t> chosen = usable;
    for (std::size_t i = 0; i < drawn_columns; ++i)
      std::swap(chosen[i], chosen[i + rng.below(chosen.size() - i)]);
    chosen.resize(drawn_columns);
    std::sort(chosen.begin(), chosen.end());
    if (drawn.empty()) continue;
    loss(fitted, gradients, curvatures);
    std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> leaves;
    model.roots_.push_back(static_cast<std::int32_t>(model.nodes_.size()));
    grower.grow(model.nodes_, std::move(drawn), gradients, curvatures, chosen, leaves);
    for (const auto& [node, inside] : leaves) {
      double value = 0.0;
      if (quantile_targets.empty()) {
        double sum = 0.0, total = options.ridge;
        for (const std::int32_t row : inside) {
          sum += gradients[static_cast<std::size_t>(row)];
          total += curvatures[static_cast<std::size_t>(row)];
        }
        value = sum / total;
      } else {
        std::vector<double> left;
        for (const std::int32_t row : inside)
          left.push_back(quantile_targets[static_cast<std::size_t>(row)] -
                         fitted[static_cast<std::size_t>(row)]);
        value = nearest_value(std::move(left), options.quantile);
      }
      model.nodes_[static_cast<std::size_t>(node)].value = options.learning_rate * value;
    }
    // Every row, drawn or not, moves on.
    for (std::size_t r = 0; r < count; ++r)
      fitted[r] += model.leaf(model.roots_.back(), rows.subspan(r * columns, columns));
  }
  model.walk_ = TreeWalk(model.nodes_, model.roots_);
  return model;
}

double BoostedTrees::leaf(std::int32_t root, std::span<const double> row) const {
  std::int32_t at = root;
  for (;;) {
    const Node& node = nodes_[static_cast<std::size_t>(at)];
    if (node.column < 0) return node.value;
    at = node.left + (row[static_cast<std::size_t>(node.column)] <= node.value ? 0 : 1);
  }
}

double BoostedTrees::predict(std::span<const double> row) const {
  if (walk_.ready()) return walk_.sum(base_, row);
  double sum = base_;
  for (const std::int32_t root : roots_) sum += leaf(root, row);
  return sum;
}

std::vector<double> BoostedTrees::importance() const {
  std::vector<double> parts(columns_, 0.0);
  double total = 0.0;
  for (const Node& node : nodes_)
    if (node.column >= 0) {
      parts[static_cast<std::size_t>(node.column)] += node.gain;
      total += node.gain;
    }
  for (double& part : parts) part /= std::max(total, 1e-300);
  return parts;
}

Json BoostedTrees::json() const {
  Json trees = Json::array();
  for (std::size_t t = 0; t < roots_.size(); ++t) {
    const std::int32_t begin = roots_[t];
    const auto end = t + 1 < roots_.size() ? roots_[t + 1] : static_cast<std::int32_t>(nodes_.size());
    Json list = Json::array();
    for (std::int32_t i = begin; i < end; ++i) {
      const Node& node = nodes_[static_cast<std::size_t>(i)];
      if (node.column < 0) {
        list.push_back(Json::array({node.value}));
      } else {
        list.push_back(Json::array({node.column, node.value, node.left - begin}));
      }
    }
    trees.push_back(std::move(list));
  }
  return {{"columns", columns_}, {"base", base_}, {"trees", std::move(trees)}};
}

BoostedTrees BoostedTrees::from_json(const Json& json) {
  const auto fail = [](const char* what) { return Error(std::string("boosted trees: ") + what); };
  BoostedTrees model;
  if (!json.is_object() || !json.contains("columns") || !json.contains("base") || !json.contains("trees") ||
      !json["columns"].is_number_unsigned() || !json["base"].is_number() || !json["trees"].is_array())
    throw fail("expected columns, base and trees");
  model.columns_ = json["columns"].get<std::size_t>();
  model.base_ = json["base"].get<double>();
  if (std::abs(model.base_) > kLargestLeaf) throw fail("the base is too large");
  for (const Json& tree : json["trees"]) {
    if (!tree.is_array() || tree.empty()) throw fail("a tree is a list of nodes");
    const auto begin = static_cast<std::int32_t>(model.nodes_.size());
    model.roots_.push_back(begin);
    const auto size = static_cast<std::int64_t>(tree.size());
    for (std::int64_t i = 0; i < size; ++i) {
      const Json& one = tree[static_cast<std::size_t>(i)];
      Node node;
      if (!one.is_array() || (one.size() != 1 && one.size() != 3))
        throw fail("a node is [value] or [column, threshold, left]");
      for (const Json& number : one)
        if (!number.is_number()) throw fail("a node holds numbers");
      node.value = one[one.size() == 1 ? 0 : 1].get<double>();
      if (one.size() == 1 && std::abs(node.value) > kLargestLeaf) throw fail("a leaf is too large");
      if (one.size() == 3) {
        if (!one[0].is_number_integer() || !one[2].is_number_integer())
          throw fail("a node's column and children are whole numbers");
        const auto column = one[0].get<std::int64_t>(), left = one[2].get<std::int64_t>();
        if (column < 0 || column >= static_cast<std::int64_t>(model.columns_))
          throw fail("a node's column is not there");
        if (left <= i || left >= size - 1) throw fail("a node's children must come after it");
        node.column = static_cast<std::int32_t>(column);
        node.left = begin + static_cast<std::int32_t>(left);
      }
      model.nodes_.push_back(node);
    }
  }
  model.walk_ = TreeWalk(model.nodes_, model.roots_);
  return model;
}

}  // namespace hone::predict
