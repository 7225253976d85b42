#include "hone/task/cell_spaces.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::task {
namespace {

constexpr int kNasBench101Vertices = 7;
constexpr int kNasBench101Edges = 9;
constexpr int kDartsSteps = 4;

std::string edge_201(int from, int to) { return fmt::format("op_{}_{}", from, to); }

std::vector<Value> as_values(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

const std::vector<std::string>& darts_cells() {
  static const std::vector<std::string> names{"normal_", "reduction_"};
  return names;
}

/// The pairs of states that step `step` of a DARTS cell may take its inputs from: "0_1", "0_2", ...
std::vector<std::string> darts_pairs(int step) {
  std::vector<std::string> pairs;
  for (int second = 1; second < step + 2; ++second)
    for (int first = 0; first < second; ++first) pairs.push_back(fmt::format("{}_{}", first, second));
  return pairs;
}

/// One parameter of a cell and the values that it may have; empty: a flag.
struct CellParameter {
  std::string name;
  std::vector<std::string> values;
};

std::vector<CellParameter> parameters_of(CellKind kind) {
  std::vector<CellParameter> all;
  const auto& operations = cell_operations(kind);
  switch (kind) {
    case CellKind::nasbench201:
      for (int to = 1; to < 4; ++to)
        for (int from = 0; from < to; ++from) all.push_back({edge_201(from, to), operations});
      break;
    case CellKind::nasbench101:
      for (int i = 0; i < kNasBench101Vertices * (kNasBench101Vertices - 1) / 2; ++i)
        all.push_back({fmt::format("edge.{}", i), {}});
      for (int i = 0; i < kNasBench101Vertices - 2; ++i) all.push_back({fmt::format("op.{}", i), operations});
      break;
    case CellKind::darts:
      for (const std::string& cell : darts_cells()) {
        for (int step = 1; step < kDartsSteps; ++step)
          all.push_back({fmt::format("{}inputs_{}", cell, step), darts_pairs(step)});
        for (int i = 0; i < 2 * kDartsSteps; ++i)
          all.push_back({fmt::format("{}op.{}", cell, i), operations});
      }
      break;
  }
  return all;
}

/// The value of a cell's parameter; throws Error where it is missing or none of `allowed`.
const std::string& text_of(const space::Config& config, const std::string& name,
                           const std::vector<std::string>& allowed) {
  const Value& value = config.at(name);
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || std::find(allowed.begin(), allowed.end(), *text) == allowed.end())
    throw Error(fmt::format("'{}' of a cell cannot be {}", name, value_quoted(value)), {},
                suggest(text == nullptr ? "" : *text, allowed));
  return *text;
}

Cell nasbench201_cell(const space::Config& config) {
  Cell cell;
  for (int to = 1; to < 4; ++to) {
    CellState state;
    for (int from = 0; from < to; ++from)
      state.terms.push_back(
          {from, text_of(config, edge_201(from, to), cell_operations(CellKind::nasbench201))});
    cell.states.push_back(std::move(state));
  }
  cell.outputs = {3};
  return cell;
}

Cell nasbench101_cell(const space::Config& config) {
  constexpr int n = kNasBench101Vertices;
  std::array<std::array<bool, n>, n> edge{};
  int index = 0;
  for (int from = 0; from < n; ++from)
    for (int to = from + 1; to < n; ++to) edge[from][to] = config.flag(fmt::format("edge.{}", index++));

  std::array<bool, n> from_input{}, to_output{};
  from_input[0] = to_output[n - 1] = true;
  for (int from = 0; from < n; ++from)
    for (int to = from + 1; to < n; ++to)
      if (edge[from][to] && from_input[from]) from_input[to] = true;
  for (int from = n; from-- > 0;)
    for (int to = from + 1; to < n; ++to)
      if (edge[from][to] && to_output[to]) to_output[from] = true;
  if (!to_output[0]) throw Error("the cell has no way from its input to its output");
  const auto kept = [&](int vertex) { return from_input[vertex] && to_output[vertex]; };
  int edges = 0;
  for (int from = 0; from < n; ++from)
    for (int to = from + 1; to < n; ++to) edges += edge[from][to] && kept(from) && kept(to) ? 1 : 0;
  if (edges > kNasBench101Edges)
    throw Error(fmt::format("the cell has {} edges, at most {} are allowed", edges, kNasBench101Edges), {},
                "write where = [\"count(edge, true) <= 9\"] in [space]");

  Cell cell;
  std::array<int, n> state_of{};
  for (int to = 1; to < n - 1; ++to) {
    if (!kept(to)) continue;
    CellState state;
    state.op = text_of(config, fmt::format("op.{}", to - 1), cell_operations(CellKind::nasbench101));
    for (int from = 0; from < to; ++from)
      if (edge[from][to] && kept(from))
        state.terms.push_back({state_of[from], from == 0 ? "projection" : ""});
    cell.states.push_back(std::move(state));
    state_of[to] = static_cast<int>(cell.states.size());
    if (edge[to][n - 1]) cell.outputs.push_back(state_of[to]);
  }
  const CellTerm projected{0, "projection"};
  if (cell.outputs.empty()) {
    cell.states.push_back({{projected}});
    cell.outputs = {1};
  } else if (edge[0][n - 1]) {
    cell.added = {projected};
  }
  return cell;
}

Cell darts_cell(const space::Config& config, const std::string& prefix) {
  const auto& operations = cell_operations(CellKind::darts);
  const bool reduces = prefix == darts_cells()[1];
  Cell cell;
  cell.inputs = 2;
  for (int step = 0; step < kDartsSteps; ++step) {
    const std::string pair =
        step == 0 ? "0_1" : text_of(config, fmt::format("{}inputs_{}", prefix, step), darts_pairs(step));
    CellState state;
    for (int k = 0; k < 2; ++k) {
      std::string op = text_of(config, fmt::format("{}op.{}", prefix, 2 * step + k), operations);
      const int from = pair[static_cast<std::size_t>(2 * k)] - '0';
      if (reduces && from < cell.inputs && op == "skip_connect") op = "factorized_reduce";
      state.terms.push_back({from, op});
    }
    cell.outputs.push_back(cell.inputs + step);
    cell.states.push_back(std::move(state));
  }
  return cell;
}

}  // namespace

const std::vector<std::string>& cell_kind_names() {
  static const std::vector<std::string> names{"nasbench201", "nasbench101", "darts"};
  return names;
}

CellKind cell_kind_from_name(const std::string& name) {
  const auto& names = cell_kind_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Error(fmt::format("there is no kind of cell '{}'", name), {}, suggest(name, names));
  return static_cast<CellKind>(found - names.begin());
}

const std::string& cell_kind_name(CellKind kind) { return cell_kind_names()[static_cast<std::size_t>(kind)]; }

const std::vector<std::string>& cell_operations(CellKind kind) {
  static const std::vector<std::string> nasbench201{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                                    "avg_pool_3x3"};
  static const std::vector<std::string> nasbench101{"conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"};
  static const std::vector<std::string> darts{"none",         "max_pool_3x3", "avg_pool_3x3", "skip_connect",
                                              "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"};
  return kind == CellKind::nasbench201 ? nasbench201 : kind == CellKind::nasbench101 ? nasbench101 : darts;
}

void add_cell_parameters(CellKind kind, space::Space::Builder& builder) {
  const auto& operations = cell_operations(kind);
  switch (kind) {
    case CellKind::nasbench201:
      for (const CellParameter& one : parameters_of(kind)) builder.choice(one.name, as_values(one.values));
      break;
    case CellKind::nasbench101: {
      space::Parameter edge;
      edge.name = "edge";
      edge.kind = space::ParameterKind::flag;
      builder.add_list(edge, kNasBench101Vertices * (kNasBench101Vertices - 1) / 2);
      builder.list("op", kNasBench101Vertices - 2, as_values(operations));
      builder.where(fmt::format("count(edge, true) <= {}", kNasBench101Edges));
      break;
    }
    case CellKind::darts:
      for (const std::string& cell : darts_cells()) {
        for (int step = 1; step < kDartsSteps; ++step)
          builder.choice(fmt::format("{}inputs_{}", cell, step), as_values(darts_pairs(step)));
        builder.list(cell + "op", 2 * kDartsSteps, as_values({operations.begin() + 1, operations.end()}));
      }
      break;
  }
}

space::Space cell_space(CellKind kind) {
  space::Space::Builder builder;
  add_cell_parameters(kind, builder);
  return builder.build();
}

bool has_cells(const space::Space& space, CellKind kind) {
  const auto all = parameters_of(kind);
  return std::all_of(all.begin(), all.end(), [&](const CellParameter& one) {
    const auto index = space.index(one.name);
    if (!index) return false;
    const space::Parameter& parameter = space.parameter(*index);
    if (one.values.empty()) return parameter.kind == space::ParameterKind::flag;
    if (parameter.kind != space::ParameterKind::choice && parameter.kind != space::ParameterKind::ordinal)
      return false;
    return std::all_of(parameter.choices.begin(), parameter.choices.end(), [&](const Value& value) {
      const auto* text = std::get_if<std::string>(&value);
      return text != nullptr && std::find(one.values.begin(), one.values.end(), *text) != one.values.end();
    });
  });
}

std::optional<CellKind> find_cells(const space::Space& space) {
  for (const CellKind kind : {CellKind::nasbench201, CellKind::nasbench101, CellKind::darts})
    if (has_cells(space, kind)) return kind;
  return std::nullopt;
}

std::vector<std::string> cell_parameters(CellKind kind) {
  std::vector<std::string> names;
  for (CellParameter& one : parameters_of(kind)) names.push_back(std::move(one.name));
  return names;
}

std::vector<Cell> cells_of(CellKind kind, const space::Config& config) {
  switch (kind) {
    case CellKind::nasbench201:
      return {nasbench201_cell(config)};
    case CellKind::nasbench101:
      return {nasbench101_cell(config)};
    case CellKind::darts:
      break;
  }
  return {darts_cell(config, darts_cells()[0]), darts_cell(config, darts_cells()[1])};
}

}  // namespace hone::task
