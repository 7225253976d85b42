#include "hone/task/cell_classes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <unordered_set>

#include <fmt/format.h>

#include "hone/base/rng.h"

namespace hone::task {
namespace {

constexpr int kDecimals = 9;

std::string joined(std::vector<std::string> parts, char between) {
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

/// NAS-Bench-201's strings: `#` is zero, an operation stands behind its operand.
class PublishedStrings {
 public:
  std::string of(const Cell& cell) {
    for (int i = 0; i < cell.inputs; ++i) nodes_.push_back(std::to_string(i));
    for (const CellState& state : cell.states) nodes_.push_back(applied(state.op, sum(state.terms)));
    std::vector<std::string> outputs;
    for (const int output : cell.outputs) outputs.push_back(nodes_[static_cast<std::size_t>(output)]);
    std::string text = joined(std::move(outputs), ',');
    if (!cell.added.empty()) text = joined({text, sum(cell.added)}, '+');
    return text;
  }

 private:
  static std::string applied(const std::string& op, const std::string& operand) {
    if (op == "none" || operand == "#") return "#";
    if (passes_on(op)) return operand;
    return fmt::format("({})@{}", operand, op);
  }
  std::string sum(const std::vector<CellTerm>& terms) const {
    std::vector<std::string> parts;
    for (const CellTerm& term : terms)
      parts.push_back(applied(term.op, nodes_[static_cast<std::size_t>(term.from)]));
    return joined(std::move(parts), '+');
  }

  std::vector<std::string> nodes_;
};

/// Sums as sorted lists of terms; an empty one is zero.
class StructuralStrings {
 public:
  std::string of(const Cell& cell) {
    for (int i = 0; i < cell.inputs; ++i) nodes_.push_back({std::to_string(i)});
    for (const CellState& state : cell.states) nodes_.push_back(applied(state.op, sum(state.terms)));
    std::vector<std::string> outputs;
    for (const int output : cell.outputs)
      outputs.push_back(joined(nodes_[static_cast<std::size_t>(output)], '+'));
    std::string text = joined(std::move(outputs), ',');
    if (!cell.added.empty()) text += fmt::format("+{}", joined(sum(cell.added), '+'));
    return text;
  }

 private:
  using Terms = std::vector<std::string>;
  static Terms applied(const std::string& op, const Terms& operand) {
    if (op == "none" || operand.empty()) return {};
    if (passes_on(op)) return operand;
    return {fmt::format("({})@{}", joined(operand, '+'), op)};
  }
  Terms sum(const std::vector<CellTerm>& terms) const {
    Terms all;
    for (const CellTerm& term : terms)
      for (std::string& one : applied(term.op, nodes_[static_cast<std::size_t>(term.from)]))
        all.push_back(std::move(one));
    return all;
  }

  std::vector<Terms> nodes_;
};

/// Bits of v x 10^k rounded to the nearest integer: the addition leaves them in the low end of the mantissa,
/// and makes of -0 what 0 is.
std::uint64_t rounded_bits(double value, double scale) {
  const double shifted = value * scale + 0x1.8p52;
  return std::bit_cast<std::uint64_t>(shifted);
}

/// Two hashes side by side.
struct Hash {
  std::uint64_t a = 0x243f6a8885a308d3ULL, b = 0x13198a2e03707344ULL;
  void add(std::uint64_t bits) {
    a = (a ^ bits) * 0x9e3779b97f4a7c15ULL;
    a ^= a >> 29;
    b = (b + bits) * 0xd6e8feb86659fd93ULL;
    b ^= b >> 32;
  }
  Key key() const { return {a, b}; }
};

}  // namespace

bool CellClasses::stable() const {
  return std::all_of(by_decimals.begin(), by_decimals.end(),
                     [&](std::int64_t count) { return count == classes; });
}

std::string cell_string(const Cell& cell, CellStrings convention) {
  return convention == CellStrings::published ? PublishedStrings().of(cell) : StructuralStrings().of(cell);
}

using Vector = std::vector<double>;
/// Equal functions that are computed in different orders differ in the last digits, and a decimal's boundary
/// runs between some of 4 million numbers that differ by 1e-14; hardly between any that differ by 1e-17.
using Exact = std::vector<long double>;

struct CellFunctions::State {
  CellMaps maps;
  std::size_t n;
  std::uint64_t seed;
  struct Map {
    Vector weight;  ///< n x n, column by column
    Vector bias;
  };
  std::map<std::string, Map> map_of = {};
  /// What was computed, by how it is written: a state by its operation and terms, an operation by its
  /// operand.
  std::map<std::string, int> known = {};
  std::vector<Exact> values = {};

  int store(std::string name, Exact value) {
    const int id = static_cast<int>(values.size());
    values.push_back(std::move(value));
    known.emplace(std::move(name), id);
    return id;
  }
  const Exact& value(int id) const { return values[static_cast<std::size_t>(id)]; }

  Vector drawn(const std::string& purpose, std::size_t count, double deviation) const {
    Vector numbers(count);
    Rng rng(seed, purpose);
    for (double& number : numbers) number = deviation * rng.normal();
    return numbers;
  }

  Exact input(const std::string& name) const {
    const Vector numbers = drawn("cell " + name, n, 3.0);
    return {numbers.begin(), numbers.end()};
  }

  const Map& map(const std::string& op) {
    auto found = map_of.find(op);
    if (found == map_of.end())
      found = map_of
                  .emplace(op, Map{drawn("cell weight " + op, n * n, 2.0 / std::sqrt(static_cast<double>(n))),
                                   drawn("cell bias " + op, n, 1.0)})
                  .first;
    return found->second;
  }

  Exact product(const Map& map, const Exact& x, bool rectified) const {
    Exact y(n, 0.0L);
    for (std::size_t column = 0; column < n; ++column) {
      const long double factor = rectified ? std::max(x[column], 0.0L) : x[column];
      if (factor == 0.0L) continue;
      const double* weight = map.weight.data() + column * n;
      for (std::size_t row = 0; row < n; ++row) y[row] += factor * weight[row];
    }
    return y;
  }

  int zero() {
    const auto found = known.find("zero");
    return found != known.end() ? found->second : store("zero", Exact(n, 0.0L));
  }

  int apply(const std::string& op, int operand) {
    if (passes_on(op)) return operand;
    if (op == "none") return zero();
    std::string name = fmt::format("{}({})", op, operand);
    if (const auto found = known.find(name); found != known.end()) return found->second;
    const Map& chosen = map(op);
    Exact y = product(chosen, value(operand), maps == CellMaps::relu_linear_pool && !keeps_zero(op));
    if (maps != CellMaps::relu_linear_pool)
      for (std::size_t i = 0; i < n; ++i)
        y[i] = std::tanh(y[i] + (maps == CellMaps::tanh_bias ? chosen.bias[i] : 0.0L));
    return store(std::move(name), std::move(y));
  }

  /// The sum of terms, given the ids of the states so far.
  Exact sum(const std::vector<CellTerm>& terms, const std::vector<int>& ids) {
    Exact total(n, 0.0L);
    for (const CellTerm& term : terms) {
      const Exact& one = value(apply(term.op, ids[static_cast<std::size_t>(term.from)]));
      for (std::size_t i = 0; i < n; ++i) total[i] += one[i];
    }
    return total;
  }
};

CellFunctions::CellFunctions(CellMaps maps, std::size_t dimension, std::uint64_t seed)
    : state_(new State{maps, dimension, seed}) {}
CellFunctions::~CellFunctions() = default;

std::vector<double> CellFunctions::values(const Cell& cell) {
  State& s = *state_;
  std::vector<int> ids;
  for (int i = 0; i < cell.inputs; ++i) {
    const std::string name = fmt::format("input {}", i);
    const auto found = s.known.find(name);
    ids.push_back(found != s.known.end() ? found->second : s.store(name, s.input(name)));
  }
  const int last = cell.inputs + static_cast<int>(cell.states.size()) - 1;
  // The last state is not kept: no other cell shares it.
  const bool plain = cell.outputs == std::vector<int>{last} && cell.added.empty() && last >= cell.inputs &&
                     cell.states.back().op.empty();
  for (std::size_t i = 0; i + (plain ? 1 : 0) < cell.states.size(); ++i) {
    const CellState& state = cell.states[i];
    std::string name = "sum";
    for (const CellTerm& term : state.terms)
      name += fmt::format(" {}({})", term.op, ids[static_cast<std::size_t>(term.from)]);
    const auto found = s.known.find(name);
    const int id = found != s.known.end() ? found->second : s.store(name, s.sum(state.terms, ids));
    ids.push_back(s.apply(state.op, id));
  }
  const auto as_doubles = [](const Exact& exact) { return Vector(exact.begin(), exact.end()); };
  if (plain) return as_doubles(s.sum(cell.states.back().terms, ids));
  if (cell.outputs.size() == 1 && cell.added.empty())
    return as_doubles(s.value(ids[static_cast<std::size_t>(cell.outputs.front())]));
  std::vector<CellTerm> parts;
  for (const int output : cell.outputs) parts.push_back({output, "output"});
  Exact total = s.sum(parts, ids);
  const Exact added = s.sum(cell.added, ids);
  for (std::size_t i = 0; i < s.n; ++i) total[i] += added[i];
  return as_doubles(total);
}

namespace {

CellClasses count_strings(const std::vector<std::vector<Cell>>& designs, CellStrings convention,
                          std::string name) {
  std::unordered_set<std::string> seen;
  for (const auto& design : designs) {
    std::string text;
    for (const Cell& cell : design) text += fmt::format("{};", cell_string(cell, convention));
    seen.insert(std::move(text));
  }
  return {std::move(name), static_cast<std::int64_t>(seen.size())};
}

CellClasses count_functions(const std::vector<std::vector<Cell>>& designs, CellMaps maps, std::string name) {
  CellFunctions functions(maps);
  std::vector<std::unordered_set<Key>> seen(kDecimals);
  for (const auto& design : designs) {
    std::vector<Vector> outputs;
    for (const Cell& cell : design) outputs.push_back(functions.values(cell));
    double scale = 1.0;
    for (int decimals = 1; decimals <= kDecimals; ++decimals) {
      scale *= 10.0;
      Hash hash;
      for (const Vector& output : outputs)
        for (const double value : output) hash.add(rounded_bits(value, scale));
      seen[static_cast<std::size_t>(decimals - 1)].insert(hash.key());
    }
  }
  CellClasses count{std::move(name)};
  for (const auto& one : seen) count.by_decimals.push_back(static_cast<std::int64_t>(one.size()));
  count.classes = count.by_decimals.back();
  return count;
}

}  // namespace

std::vector<CellClasses> class_counts(const std::vector<std::vector<Cell>>& designs) {
  return {count_strings(designs, CellStrings::published, "published"),
          count_strings(designs, CellStrings::structural, "structural"),
          count_functions(designs, CellMaps::tanh_bias, "tanh_bias"),
          count_functions(designs, CellMaps::tanh, "tanh"),
          count_functions(designs, CellMaps::relu_linear_pool, "relu_linear_pool")};
}

Json class_counts_json(const std::vector<CellClasses>& counts) {
  Json all = Json::object();
  for (const CellClasses& count : counts) {
    Json& one = all[count.name] = {{"classes", count.classes}};
    if (count.by_decimals.empty()) continue;
    one["stable"] = count.stable();
    one["by_decimals"] = count.by_decimals;
  }
  return all;
}

}  // namespace hone::task
