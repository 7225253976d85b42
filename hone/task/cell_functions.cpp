#include "hone/task/cell_functions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "hone/base/rng.h"

namespace hone::task {
namespace {

using Vector = std::vector<double>;
/// Equal functions that are computed in different orders differ in the last digits, and a decimal's boundary
/// runs between some of 4 million numbers that differ by 1e-14; hardly between any that differ by 1e-17.
using Exact = std::vector<long double>;

}  // namespace

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

}  // namespace hone::task
