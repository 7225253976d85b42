// Reductions and poolings of whole tensors that linalg has no name for: by what their attributes say of
// dimensions and windows, and by their shapes.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// The numbers of the first attribute of these names that an operation has, or of a constant operand.
std::vector<std::int64_t> told(const Module& module, const Operation& operation,
                               std::initializer_list<std::string_view> names, std::size_t operand) {
  for (const std::string_view name : names)
    if (const Attribute* attribute = module.attribute(operation, name)) return module.integers(*attribute);
  return operand < operation.operands.size() ? constants(module, operation.operands[operand])
                                             : std::vector<std::int64_t>();
}

/// The operation that two elements become one by: of the region, of `applies`, or of the operation's name.
std::string_view combiner(const Module& module, const Operation& operation) {
  if (!operation.regions.empty()) {
    const Block& block = module.regions[static_cast<std::size_t>(operation.regions[0])].blocks[0];
    if (!block.operations.empty())
      return module.operations[static_cast<std::size_t>(block.operations[0])].name;
  }
  constexpr std::string_view kApplies = " applies ";
  const std::size_t at = operation.text.find(kApplies);
  if (at == std::string_view::npos) return operation.name;
  const std::string_view rest = operation.text.substr(at + kApplies.size());
  return rest.substr(0, rest.find_first_of(" \n"));
}

Work combine(std::string_view name, Work else_work) {
  const auto holds = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (holds("max") || holds("min")) return Work::compare;
  if (holds("prod") || holds("multiply")) return Work::multiply;
  if (holds("sum") || holds("avg") || holds("mean") || holds("add")) return Work::add;
  return else_work;
}

/// Dimensions that are summed up: told, or else those that the result shows as one or not at all; none where
/// the shapes do not tell.
std::optional<std::vector<bool>> reduced(const Module& module, const Operation& operation, const Type& input,
                                         const Type& output) {
  const std::size_t rank = input.shape.size();
  std::vector<bool> dimensions(rank);
  const std::vector<std::int64_t> list = told(module, operation, {"axis", "dimensions", "axes", "dims"}, 1);
  if (!list.empty()) {
    for (std::int64_t one : list) {
      if (one < 0) one += static_cast<std::int64_t>(rank);
      if (one < 0 || one >= static_cast<std::int64_t>(rank)) return std::nullopt;
      dimensions[static_cast<std::size_t>(one)] = true;
    }
  } else if (output.shape.size() == rank) {
    for (std::size_t k = 0; k < rank; ++k) dimensions[k] = output.shape[k] == 1 && input.shape[k] != 1;
  } else {
    std::size_t kept = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      dimensions[k] = kept >= output.shape.size() || input.shape[k] != output.shape[kept];
      if (!dimensions[k]) ++kept;
    }
    if (kept != output.shape.size()) return std::nullopt;
  }
  const auto count = static_cast<std::size_t>(std::count(dimensions.begin(), dimensions.end(), true));
  for (std::size_t k = 0; k < rank; ++k)  // sums so far are as many as there are elements
    if (output.shape.size() == rank && dimensions[k] && output.shape[k] != 1 && input.shape[k] != 1)
      return std::nullopt;
  if (output.shape.size() != rank && output.shape.size() != rank - count) return std::nullopt;
  return dimensions;
}

}  // namespace

void NestBuilder::reduction(const Operation& operation, At at, bool pooling) {
  const int source = operation.operands.empty() ? -1 : operation.operands[0];
  const Type& input = module_.type_of(source);
  const int result = operation.results.empty() ? (operation.operands.empty() ? -1 : operation.operands.back())
                                               : operation.results[0];
  const Type& output = module_.type_of(result);
  const Work list[] = {combine(combiner(module_, operation), pooling ? Work::compare : Work::add)};
  Domain loops;
  Domain::Operand from{source, false, {}}, to{result, true, {}};
  const auto all = [&] {
    loops.operands.push_back(std::move(from));
    to.store = false;
    loops.operands.push_back(to);
    to.store = true;
    loops.operands.push_back(std::move(to));
    domain(loops, at, list, input.bits, input.real_elements(), -1);
  };
  if (pooling) {
    if (windows(operation, input, output, loops, from, to)) return all();
  } else if (const auto dimensions = reduced(module_, operation, input, output)) {
    for (std::size_t k = 0; k < dimensions->size(); ++k) {
      loops.sizes.push_back(input.shape[k]);
      loops.reduction.push_back((*dimensions)[k]);
      from.indices.push_back({{static_cast<int>(k), 1}});
      if (!(*dimensions)[k])
        to.indices.push_back(from.indices.back());
      else if (output.shape.size() == input.shape.size())
        to.indices.emplace_back();
    }
    return all();
  }
  // All elements of the operand go into fewer, one after the other.
  const double outer = std::max(1.0, output.elements(Nest::kUnknownTrips)),
               inner = std::max(1.0, input.elements(Nest::kUnknownTrips) / outer);
  loops.sizes = {static_cast<std::int64_t>(std::min(outer, 1e15)),
                 static_cast<std::int64_t>(std::min(inner, 1e15))};
  loops.reduction = {false, true};
  from.indices.resize(std::max<std::size_t>(1, input.shape.size()));
  from.indices.back() = {{0, loops.sizes[1]}, {1, 1}};
  to.indices.resize(std::max<std::size_t>(1, output.shape.size()));
  to.indices.back() = {{0, 1}};
  all();
}

/// A loop a dimension of the result, then one a dimension of the window; false where ranks differ.
bool NestBuilder::windows(const Operation& operation, const Type& input, const Type& output, Domain& loops,
                          Domain::Operand& from, Domain::Operand& to) {
  const std::size_t rank = output.shape.size();
  if (rank == 0 || input.shape.size() != rank) return false;
  const auto holds = [&](std::string_view part) {
    return operation.name.find(part) != std::string_view::npos;
  };
  std::vector<std::int64_t> window, strides, dilations;
  if (!holds("adaptive") && !holds("global")) {
    window = told(module_, operation, {"kernel", "window_dimensions", "kernel_size", "kernel_shape"}, 1);
    strides = told(module_, operation, {"stride", "window_strides", "strides"}, 2);
    dilations = told(module_, operation, {"window_dilations", "dilations"}, holds("max_pool") ? 4 : 9);
    if (strides.empty() && operation.dialect() == "torch") strides = window;
    if (window.empty()) {
      window.assign(std::min<std::size_t>(2, rank), 3);
      ++nest_.unknown_operations;
    }
    if (window.size() > rank) return false;
    // A single number goes for all places.
    if (window.size() == 1 && rank > 3) window.resize(rank - 2, window[0]);
  } else {
    // As large as it must be for its result.
    for (std::size_t k = 0; k < rank; ++k)
      window.push_back(input.shape[k] > 0 && output.shape[k] > 0
                           ? std::max<std::int64_t>(1, input.shape[k] / output.shape[k])
                           : 1);
    strides = window;
  }
  // TOSA's images end with their channels, torch's do not.
  const std::size_t first = window.size() < rank && operation.dialect() == "tosa" ? 1 : rank - window.size();
  for (std::size_t k = 0; k < rank; ++k) {
    loops.sizes.push_back(output.shape[k]);
    loops.reduction.push_back(false);
    from.indices.push_back({{static_cast<int>(k), 1}});
    to.indices.push_back({{static_cast<int>(k), 1}});
  }
  const auto number = [&](const std::vector<std::int64_t>& numbers, std::size_t i) {
    const std::int64_t one = numbers.empty() ? 1 : numbers[std::min(i, numbers.size() - 1)];
    return std::clamp<std::int64_t>(one, 1, 1 << 20);
  };
  for (std::size_t i = 0; i < window.size() && first + i < rank; ++i) {
    if (number(window, i) == 1) continue;
    from.indices[first + i][0].second = number(strides, i);
    from.indices[first + i].emplace_back(static_cast<int>(loops.sizes.size()), number(dilations, i));
    loops.sizes.push_back(number(window, i));
    loops.reduction.push_back(true);
  }
  return true;
}

}  // namespace hone::cost::mlir
