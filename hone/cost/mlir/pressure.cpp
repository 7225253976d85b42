#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "hone/cost/mlir/features.h"
#include "hone/cost/mlir/opcode.h"

namespace hone::cost::mlir {
namespace {

/// Registers of a value: reals in vectors of 32 bytes; what is no register's content has none.
std::pair<double, double> registers(const Module& module, int value) {
  const Type& type = module.type_of(value);
  if (type.kind == Type::Kind::vector) {
    const double bytes = type.elements() * type.element_bytes();
    return {std::max(1.0, std::ceil(bytes / 32.0)), 0.0};
  }
  if (type.kind == Type::Kind::memref) return {0.0, 1.0};  // its address
  if (type.kind != Type::Kind::scalar) return {0.0, 0.0};
  return type.real_elements() ? std::pair{1.0, 0.0} : std::pair{0.0, 1.0};
}

}  // namespace

Pressure register_pressure(const Module& module, int function) {
  const auto first = static_cast<std::size_t>(function);
  const int around = module.operations[first].region;
  std::size_t end = first + 1;
  while (end < module.operations.size() && module.operations[end].region > around) ++end;

  // Where the operations inside an operation end, in the order of the text.
  std::vector<std::size_t> inside_end(end - first);
  for (std::size_t i = end; i-- > first;) {
    std::size_t& own = inside_end[i - first];
    own = std::max(own, i);
    const int region = module.operations[i].region;
    const int parent = region < 0 ? -1 : module.regions[static_cast<std::size_t>(region)].operation;
    if (i > first && parent >= function)
      inside_end[static_cast<std::size_t>(parent) - first] =
          std::max(inside_end[static_cast<std::size_t>(parent) - first], own);
  }
  // The last operation that a value is needed for. One that a loop needs lives until the loop ends.
  std::unordered_map<int, std::size_t> last;
  for (std::size_t i = first; i < end; ++i)
    for (const int operand : module.operations[i].operands) {
      if (operand < 0) continue;
      const Value& value = module.values[static_cast<std::size_t>(operand)];
      const int home = value.operation >= 0
                           ? module.operations[static_cast<std::size_t>(value.operation)].region
                           : value.region;
      std::size_t until = i;
      for (int region = module.operations[i].region; region >= 0 && region != home;) {
        const int parent = module.regions[static_cast<std::size_t>(region)].operation;
        if (parent < function) break;
        if (!module.operations[static_cast<std::size_t>(parent)].loops.empty())
          until = std::max(until, inside_end[static_cast<std::size_t>(parent) - first]);
        region = module.operations[static_cast<std::size_t>(parent)].region;
      }
      std::size_t& known = last[operand];
      known = std::max(known, until);
    }
  Pressure now, most;
  std::vector<Pressure> ended(end - first);
  const auto begin = [&](int value) {
    const auto found = last.find(value);
    if (found == last.end() || module.constant(value) != kDynamic) return;  // constants are folded into uses
    const auto [real, integer] = registers(module, value);
    now.real += real;
    now.integer += integer;
    Pressure& then = ended[std::min(found->second, end - 1) - first];
    then.real += real;
    then.integer += integer;
  };
  for (std::size_t i = first; i < end; ++i) {
    const Operation& operation = module.operations[i];
    for (const int region : operation.regions)
      for (const Block& block : module.regions[static_cast<std::size_t>(region)].blocks)
        for (const int argument : block.arguments) begin(argument);
    if (operation.name != "arith.constant")
      for (const int result : operation.results) begin(result);
    most.real = std::max(most.real, now.real);
    most.integer = std::max(most.integer, now.integer);
    now.real -= ended[i - first].real;
    now.integer -= ended[i - first].integer;
  }
  return most;
}

}  // namespace hone::cost::mlir
