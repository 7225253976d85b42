#include "hone/run/latency_features.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "hone/space/config.h"
#include "hone/task/cell_spaces.h"

namespace hone::run {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr const char* kNoOperation = "none";
/// Columns of numbers of which products are taken two by two.
constexpr std::size_t kMostProducts = 30;

std::optional<double> number(const std::string& cell) {
  double value = 0.0;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (code != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Columns that grow one by one.
struct Columns {
  std::vector<std::string> names;
  std::vector<VectorXd> values;
  void add(std::string name, VectorXd column) {
    names.push_back(std::move(name));
    values.push_back(std::move(column));
  }
  MatrixXd matrix(Index rows) const {
    MatrixXd result(rows, static_cast<Index>(values.size()));
    for (std::size_t c = 0; c < values.size(); ++c) result.col(static_cast<Index>(c)) = values[c];
    return result;
  }
};

// Cells.

std::optional<task::CellKind> cell_kind(const LatencyFamily& family) {
  for (const auto kind : {task::CellKind::nasbench201, task::CellKind::darts}) {
    const auto names = task::cell_parameters(kind);
    if (names.size() != family.columns.size()) continue;
    if (std::is_permutation(names.begin(), names.end(), family.columns.begin())) return kind;
  }
  return std::nullopt;
}

/// How often each kind of operator is there, and how long the longest chain of them is.
struct Executed {
  std::map<std::string, double> counts;
  double chain = 0.0;
};

/// What a device executes of a cell that drops operators whose results nothing reads (`dead`), and those
/// whose operands are zero (`zeros`).
Executed executed(const task::Cell& cell, bool dead, bool zeros) {
  const auto n = cell.states.size();
  const auto inputs = static_cast<std::size_t>(cell.inputs);
  const auto is_none = [](const task::CellTerm& term) { return term.op == kNoOperation; };
  std::vector<bool> holds(inputs + n, true), read(inputs + n, !dead);
  if (zeros)
    for (std::size_t s = 0; s < n; ++s)
      holds[inputs + s] = std::any_of(
          cell.states[s].terms.begin(), cell.states[s].terms.end(),
          [&](const auto& term) { return !is_none(term) && holds[static_cast<std::size_t>(term.from)]; });
  for (const int output : cell.outputs) read[static_cast<std::size_t>(output)] = true;
  for (const auto& term : cell.added) read[static_cast<std::size_t>(term.from)] = true;
  for (std::size_t s = n; s-- > 0;)
    if (read[inputs + s])
      for (const auto& term : cell.states[s].terms)
        if (!is_none(term)) read[static_cast<std::size_t>(term.from)] = true;

  Executed result;
  std::vector<double> chain(inputs + n, 0.0);
  const auto take = [&](const std::string& op) {
    if (!op.empty()) ++result.counts[op];
  };
  for (std::size_t s = 0; s < n; ++s) {
    if (!read[inputs + s]) continue;
    for (const auto& term : cell.states[s].terms) {
      const auto from = static_cast<std::size_t>(term.from);
      if (is_none(term) || !holds[from]) continue;
      take(term.op);
      chain[inputs + s] = std::max(chain[inputs + s], chain[from] + (task::passes_on(term.op) ? 0.0 : 1.0));
    }
    take(cell.states[s].op);
    result.chain = std::max(result.chain, chain[inputs + s]);
  }
  for (const auto& term : cell.added)
    if (!is_none(term)) take(term.op);
  return result;
}

struct CellView {
  const char* name;
  bool dead, zeros;
};

// The last one is no view of its own: what folds zeros is rare, and few measurements would take a device for
// it by chance. Its counts are details.
constexpr CellView kCellViews[] = {{"every operator executed", false, false},
                                   {"dead code removed", true, false},
                                   {"dead code and zeros removed", true, true}};

LatencyFeatures cell_features(const LatencyFamily& family, task::CellKind kind) {
  const std::size_t n = family.designs.size();
  std::vector<std::vector<Executed>> views(std::size(kCellViews));
  std::set<std::string> kinds;
  for (const auto& design : family.designs) {
    std::vector<space::Config::Entry> entries;
    for (std::size_t c = 0; c < design.size(); ++c) entries.emplace_back(family.columns[c], Value(design[c]));
    const auto cells = task::cells_of(kind, space::Config(std::move(entries)));
    for (std::size_t v = 0; v < views.size(); ++v) {
      Executed all;
      for (const auto& cell : cells) {
        const Executed one = executed(cell, kCellViews[v].dead, kCellViews[v].zeros);
        for (const auto& [op, count] : one.counts) all.counts[op] += count;
        all.chain = std::max(all.chain, one.chain);
      }
      for (const auto& [op, count] : all.counts) kinds.insert(op);
      views[v].push_back(std::move(all));
    }
  }
  const auto rows = static_cast<Index>(n);
  LatencyFeatures features;
  Columns details;
  for (std::size_t v = 0; v < views.size(); ++v) {
    Columns work;
    VectorXd chain(rows);
    for (Index i = 0; i < rows; ++i) chain(i) = views[v][static_cast<std::size_t>(i)].chain;
    for (const std::string& op : kinds) {
      VectorXd column(rows);
      for (Index i = 0; i < rows; ++i) {
        const auto& counts = views[v][static_cast<std::size_t>(i)].counts;
        const auto found = counts.find(op);
        column(i) = found == counts.end() ? 0.0 : found->second;
      }
      details.add(op, column);
      work.add(op, std::move(column));
    }
    details.add("chain", std::move(chain));
    if (!kCellViews[v].zeros)
      features.designs.views.push_back({kCellViews[v].name, 1.0, work.names, work.matrix(rows)});
  }
  features.counts = features.designs.views.front().work;
  for (std::size_t c = 0; c < family.columns.size(); ++c) {
    std::set<std::string> values;
    for (const auto& design : family.designs) values.insert(design[c]);
    for (const auto& value : values) {
      VectorXd column(rows);
      for (std::size_t i = 0; i < n; ++i)
        column(static_cast<Index>(i)) = family.designs[i][c] == value ? 1.0 : 0.0;
      details.add(family.columns[c] + "=" + value, std::move(column));
    }
  }
  features.designs.details = details.matrix(rows);
  return features;
}

// Columns.

/// Amounts of work of stacks of layers; nothing where no columns are named like one.
Columns stack_work(const Columns& numbers) {
  struct Stack {
    std::string prefix;
    VectorXd layers, width;
    std::vector<std::pair<std::string, VectorXd>> averages;
  };
  std::vector<Stack> stacks;
  const std::string layer_ending = "_layer_num";
  for (std::size_t c = 0; c < numbers.names.size(); ++c) {
    if (!numbers.names[c].ends_with(layer_ending)) continue;
    Stack stack;
    stack.prefix = numbers.names[c].substr(0, numbers.names[c].size() - layer_ending.size());
    stack.layers = numbers.values[c];
    for (std::size_t k = 0; k < numbers.names.size(); ++k) {
      if (numbers.names[k].rfind(stack.prefix + "_", 0) != 0) continue;
      if (numbers.names[k].ends_with("_embed_dim") && !numbers.names[k].ends_with("_ffn_embed_dim"))
        stack.width = numbers.values[k];
      else if (numbers.names[k].ends_with("_avg"))
        stack.averages.emplace_back(numbers.names[k], numbers.values[k]);
    }
    if (stack.width.size() > 0) stacks.push_back(std::move(stack));
  }
  Columns work;
  for (const Stack& stack : stacks) {
    const std::string& p = stack.prefix;
    work.add(p + " width", stack.width);
    work.add(p + " layers", stack.layers);
    work.add(p + " layers x width^2", stack.layers.cwiseProduct(stack.width.cwiseAbs2()));
    for (const Stack& other : stacks)
      work.add(p + " layers x " + other.prefix + " width", stack.layers.cwiseProduct(other.width));
    for (const auto& [name, average] : stack.averages) {
      const VectorXd sum = stack.layers.cwiseProduct(average);
      work.add(name + " x layers", sum);
      for (const Stack& other : stacks)
        work.add(name + " x layers x " + other.prefix + " width", sum.cwiseProduct(other.width));
    }
  }
  return work;
}

LatencyFeatures column_features(const LatencyFamily& family) {
  const std::size_t n = family.designs.size();
  const auto rows = static_cast<Index>(n);
  Columns numbers, work, details;
  std::map<std::set<std::string>, std::map<std::string, VectorXd>> counts;  // by what values columns share
  for (std::size_t c = 0; c < family.columns.size(); ++c) {
    VectorXd column(rows);
    bool numeric = true;
    std::set<std::string> values;
    for (std::size_t i = 0; i < n; ++i) {
      const auto value = number(family.designs[i][c]);
      if (!value) numeric = false;
      column(static_cast<Index>(i)) = value.value_or(0.0);
      values.insert(family.designs[i][c]);
    }
    if (numeric) {
      numbers.add(family.columns[c], column);
      details.add(family.columns[c], std::move(column));
      continue;
    }
    auto& count = counts[values];
    for (const auto& value : values) {
      VectorXd is(rows);
      for (std::size_t i = 0; i < n; ++i)
        is(static_cast<Index>(i)) = family.designs[i][c] == value ? 1.0 : 0.0;
      auto [entry, fresh] = count.emplace(value, is);
      if (!fresh) entry->second += is;
      details.add(family.columns[c] + "=" + value, std::move(is));
    }
  }
  LatencyFeatures features;
  Columns plain = numbers;
  for (auto& [values, by_value] : counts)
    for (auto& [value, column] : by_value) {
      plain.add(value, column);
      work.add(value, std::move(column));
    }
  Columns stacks = stack_work(numbers);
  if (!stacks.values.empty()) {
    for (std::size_t c = 0; c < stacks.values.size(); ++c) {
      details.add(stacks.names[c], stacks.values[c]);
      work.add(stacks.names[c], std::move(stacks.values[c]));
    }
  } else {
    // Of many columns all products are more than measurements could tell apart: squares alone.
    const bool few = numbers.values.size() <= kMostProducts;
    for (std::size_t a = 0; a < numbers.values.size(); ++a) {
      work.add(numbers.names[a], numbers.values[a]);
      for (std::size_t b = a; b < (few ? numbers.values.size() : a + 1); ++b)
        work.add(numbers.names[a] + " x " + numbers.names[b],
                 numbers.values[a].cwiseProduct(numbers.values[b]));
    }
  }
  features.counts = plain.matrix(rows);
  features.designs.views.push_back({"the columns", 1.0, work.names, work.matrix(rows)});
  features.designs.details = details.matrix(rows);
  return features;
}

}  // namespace

LatencyFeatures latency_features(const LatencyFamily& family) {
  const auto kind = cell_kind(family);
  return kind ? cell_features(family, *kind) : column_features(family);
}

}  // namespace hone::run
