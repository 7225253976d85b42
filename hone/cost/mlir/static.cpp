#include "hone/cost/mlir/static.h"

#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {

StaticCounts static_counts(const Module& module, int function) {
  StaticCounts counts;
  const int around = module.operations[static_cast<std::size_t>(function)].region;
  for (std::size_t i = static_cast<std::size_t>(function) + 1; i < module.operations.size(); ++i) {
    const Operation& operation = module.operations[i];
    if (operation.region <= around) break;
    counts.operations += 1.0;
    counts.loops += static_cast<double>(operation.loops.size());
    switch (work_of(operation.name)) {
      case Work::add:
        counts.adds += 1.0;
        break;
      case Work::multiply:
      case Work::fma:
        counts.multiplies += 1.0;
        break;
      case Work::divide:
      case Work::root:
      case Work::transcendental:
      case Work::integer_divide:
        counts.expensive += 1.0;
        break;
      case Work::load:
        counts.loads += 1.0;
        break;
      case Work::store:
        counts.stores += 1.0;
        break;
      case Work::integer:
      case Work::integer_multiply:
        counts.integers += 1.0;
        break;
      case Work::call:
        counts.calls += 1.0;
        break;
      case Work::control:
        counts.branches += operation.loops.empty() && operation.regions.size() > 0 ? 1.0 : 0.0;
        break;
      default:
        break;
    }
    if (!operation.results.empty() && module.type_of(operation.results[0]).kind == Type::Kind::vector)
      counts.vectors += 1.0;
  }
  return counts;
}

}  // namespace hone::cost::mlir
