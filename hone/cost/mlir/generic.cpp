// What the generic form says by attributes: loops and accesses.
#include <algorithm>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {

void Parser::understand(Operation& operation) {
  const std::string_view name = operation.name;
  if (name == "affine.for") return generic_affine_for(operation);
  if (name == "affine.parallel") return generic_affine_parallel(operation);
  if (name == "scf.for" || name == "scf.parallel") return generic_scf(operation);
  if (name == "scf.forall") return generic_forall(operation);
  if (name == "omp.loop_nest") return openmp_loops(operation);
  if (!name.starts_with("affine.")) return;
  const Attribute* map = module_.attribute(operation, "map");
  if (map == nullptr || map->map < 0) return;
  int first = -1;
  if (name == "affine.apply" || name == "affine.min" || name == "affine.max") first = 0;
  if (name == "affine.load" || name == "affine.vector_load" || name == "affine.prefetch") first = 1;
  if (name == "affine.store" || name == "affine.vector_store") first = 2;
  const AffineMap& shape = module_.maps[static_cast<std::size_t>(map->map)];
  if (first < 0 || operation.operands.size() != static_cast<std::size_t>(first + shape.dims + shape.symbols))
    return;
  operation.map = map->map;
  operation.map_operands = first;
}

/// omp.loop_nest, in both forms: all lower bounds, all upper ones, all steps.
void Parser::openmp_loops(Operation& operation) {
  const std::size_t dims = operation.operands.size() / 3;
  if (operation.name != "omp.loop_nest" || operation.operands.size() != 3 * dims || !operation.loops.empty())
    return;
  for (std::size_t i = 0; i < dims; ++i)
    operation.loops.push_back({argument(operation, i), value_bound(operation.operands[i]),
                               value_bound(operation.operands[dims + i]),
                               value_bound(operation.operands[2 * dims + i]), true});
}

int Parser::argument(const Operation& operation, std::size_t number) const {
  if (operation.regions.empty()) return -1;
  const Region& region = module_.regions[static_cast<std::size_t>(operation.regions[0])];
  const Few<int>& arguments = region.blocks[0].arguments;
  return number < arguments.size() ? arguments[number] : -1;
}

/// A map over `count` operands from the `first` on.
Bound Parser::slice(const Operation& operation, int map, std::int64_t first, std::int64_t count) const {
  Bound bound;
  bound.map = map;
  const auto size = static_cast<std::int64_t>(operation.operands.size());
  first = std::clamp<std::int64_t>(first, 0, size);
  count = std::clamp<std::int64_t>(count, 0, size - first);
  bound.operands.assign(operation.operands.begin() + first, operation.operands.begin() + first + count);
  return bound;
}

void Parser::generic_affine_for(Operation& operation) {
  const Attribute* lower = module_.attribute(operation, "lowerBoundMap");
  const Attribute* upper = module_.attribute(operation, "upperBoundMap");
  const Attribute* step = module_.attribute(operation, "step");
  if (lower == nullptr) lower = module_.attribute(operation, "lower_bound");
  if (upper == nullptr) upper = module_.attribute(operation, "upper_bound");
  if (lower == nullptr || upper == nullptr || lower->map < 0 || upper->map < 0) return;
  const auto operands = [&](int map) {
    const AffineMap& shape = module_.maps[static_cast<std::size_t>(map)];
    return static_cast<std::int64_t>(shape.dims + shape.symbols);
  };
  Loop loop;
  loop.variable = argument(operation, 0);
  loop.lower = slice(operation, lower->map, 0, operands(lower->map));
  loop.upper = slice(operation, upper->map, operands(lower->map), operands(upper->map));
  loop.step = constant_bound(step == nullptr ? 1 : std::max<std::int64_t>(1, step->integer));
  operation.loops.push_back(std::move(loop));
}

void Parser::generic_scf(Operation& operation) {
  std::vector<std::int64_t> parts{1, 1, 1};
  const bool parallel = operation.name == "scf.parallel";
  if (parallel) {
    const Attribute* segments = module_.attribute(operation, "operandSegmentSizes");
    if (segments == nullptr) segments = module_.attribute(operation, "operand_segment_sizes");
    if (segments == nullptr) return;
    parts = module_.integers(*segments);
  }
  if (parts.size() < 3 || parts[0] != parts[1] || parts[0] != parts[2] || parts[0] < 0 ||
      static_cast<std::int64_t>(operation.operands.size()) < 3 * parts[0])
    return;
  for (std::int64_t i = 0; i < parts[0]; ++i) {
    const auto bound = [&](std::int64_t part) {
      return value_bound(operation.operands[static_cast<std::size_t>(part * parts[0] + i)]);
    };
    operation.loops.push_back(
        {argument(operation, static_cast<std::size_t>(i)), bound(0), bound(1), bound(2), parallel});
  }
}

void Parser::generic_affine_parallel(Operation& operation) {
  const Attribute* lower = module_.attribute(operation, "lowerBoundsMap");
  const Attribute* upper = module_.attribute(operation, "upperBoundsMap");
  const Attribute* steps = module_.attribute(operation, "steps");
  if (lower == nullptr || upper == nullptr || steps == nullptr || lower->map < 0 || upper->map < 0) return;
  // Which results of the maps belong to which dimension.
  const auto groups = [&](const char* name, std::size_t dims) {
    const Attribute* attribute = module_.attribute(operation, name);
    std::vector<std::int64_t> sizes;
    if (attribute != nullptr) sizes = module_.integers(*attribute);
    if (sizes.size() != dims) sizes.assign(dims, 1);
    return sizes;
  };
  const std::vector<std::int64_t> step = module_.integers(*steps);
  const std::vector<std::int64_t> lower_groups = groups("lowerBoundsGroups", step.size());
  const std::vector<std::int64_t> upper_groups = groups("upperBoundsGroups", step.size());
  const auto operands = [&](int map) {
    const AffineMap& shape = module_.maps[static_cast<std::size_t>(map)];
    return static_cast<std::int64_t>(shape.dims + shape.symbols);
  };
  const std::int64_t lower_operands = operands(lower->map), upper_operands = operands(upper->map);
  const int lower_map = lower->map, upper_map = upper->map;
  std::size_t lower_at = 0, upper_at = 0;
  const auto part = [&](int id, std::size_t& at, std::int64_t count) {
    AffineMap map = module_.maps[static_cast<std::size_t>(id)];
    const std::size_t begin = std::min(at, map.results.size());
    const std::size_t end = std::min(
        map.results.size(), begin + static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, 64)));
    map.results = {map.results.begin() + static_cast<std::ptrdiff_t>(begin),
                   map.results.begin() + static_cast<std::ptrdiff_t>(end)};
    at = end;
    return add_map(std::move(map));
  };
  for (std::size_t i = 0; i < step.size(); ++i) {
    Loop loop;
    loop.variable = argument(operation, i);
    loop.lower = slice(operation, part(lower_map, lower_at, lower_groups[i]), 0, lower_operands);
    loop.upper = slice(operation, part(upper_map, upper_at, upper_groups[i]), lower_operands, upper_operands);
    loop.step = constant_bound(std::max<std::int64_t>(1, step[i]));
    loop.parallel = true;
    operation.loops.push_back(std::move(loop));
  }
}

void Parser::generic_forall(Operation& operation) {
  std::vector<std::vector<std::int64_t>> fixed;
  for (const char* name : {"staticLowerBound", "staticUpperBound", "staticStep"}) {
    const Attribute* attribute = module_.attribute(operation, name);
    if (attribute == nullptr) return;
    fixed.push_back(module_.integers(*attribute));
  }
  if (fixed[0].size() != fixed[1].size() || fixed[0].size() != fixed[2].size()) return;
  // What is not fixed follows in the operands, group by group.
  std::size_t next = 0;
  std::vector<std::vector<Bound>> bounds(3);
  for (std::size_t part = 0; part < 3; ++part)
    for (const std::int64_t value : fixed[part]) {
      if (value > INT64_MIN + 1024) {  // the reading of a double may have rounded MLIR's mark
        bounds[part].push_back(constant_bound(value));
      } else {
        if (next >= operation.operands.size()) return;
        bounds[part].push_back(value_bound(operation.operands[next++]));
      }
    }
  for (std::size_t i = 0; i < fixed[0].size(); ++i)
    operation.loops.push_back({argument(operation, i), std::move(bounds[0][i]), std::move(bounds[1][i]),
                               std::move(bounds[2][i]), true});
}

}  // namespace hone::cost::mlir
