// Types of results in the pretty form, which often leaves them out.
#include <algorithm>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
Few<int> Parser::result_types(const Head& head) {
  const auto count = static_cast<std::size_t>(head.results);
  if (count == 0) return {};
  const Operation& operation = head.operation;
  const std::string_view name = operation.name;
  const auto operand_type = [&](std::size_t number) {
    return number < operation.operands.size()
               ? module_.values[static_cast<std::size_t>(operation.operands[number])].type
               : -1;
  };
  const auto index = [&] { return scalar_type(Type::Scalar::index, 64, "index"); };
  const auto all = [&](int type) { return Few<int>(count, type); };
  const Few<int>& colon = head.colon_types;

  if (name.starts_with("index.") && colon.empty())
    return all(name == "index.cmp" || name.starts_with("index.bool")
                   ? scalar_type(Type::Scalar::integer, 1, "i1")
                   : index());
  if (any_of(name, {"affine.apply", "affine.min", "affine.max", "memref.dim", "tensor.dim", "tensor.rank",
                    "memref.rank", "sparse_tensor.number_of_entries", "linalg.index", "vector.vscale",
                    "gpu.thread_id", "gpu.block_id", "gpu.block_dim", "gpu.grid_dim"}))
    return all(index());
  if (!head.arrow_types.empty() && head.arrow_types.size() >= count)
    return {head.arrow_types.begin(), head.arrow_types.begin() + static_cast<std::ptrdiff_t>(count)};
  if (name.starts_with("linalg.") && !head.output_types.empty()) {
    Few<int> types;
    for (const int type : head.output_types)
      if (module_.types[static_cast<std::size_t>(type)].kind == Type::Kind::tensor) types.push_back(type);
    types.resize(count, types.empty() ? -1 : types.back());
    return types;
  }
  if (name == "arith.constant" && colon.empty()) {
    for (const auto& [key, id] : operation.attributes) {
      const Attribute& value = module_.attributes[static_cast<std::size_t>(id)];
      if (value.type >= 0) return all(value.type);
      if (value.kind == Attribute::Kind::flag) return all(scalar_type(Type::Scalar::integer, 1, "i1"));
      if (value.kind == Attribute::Kind::integer) return all(scalar_type(Type::Scalar::integer, 64, "i64"));
      if (value.kind == Attribute::Kind::real) return all(scalar_type(Type::Scalar::real, 64, "f64"));
    }
  }
  if (colon.empty()) {
    // Numbers carry the type that stands behind them.
    for (const auto& [key, id] : operation.attributes)
      if (const int type = module_.attributes[static_cast<std::size_t>(id)].type; type >= 0 && key.empty())
        return all(type);
    return all(-1);
  }
  if (any_of(name, {"memref.load", "affine.load", "tensor.extract", "memref.generic_atomic_rmw", "complex.re",
                    "complex.im"})) {
    const int type = element_type(colon[0]);
    if (name.starts_with("complex.") && type >= 0) {
      const Type& whole = module_.types[static_cast<std::size_t>(type)];
      return all(whole.bits == 128 ? scalar_type(Type::Scalar::real, 64, "f64")
                                   : scalar_type(Type::Scalar::real, 32, "f32"));
    }
    return all(type);
  }
  if (any_of(name, {"arith.cmpf", "arith.cmpi", "llvm.icmp", "llvm.fcmp", "complex.eq", "complex.neq"})) {
    const bool shaped = module_.types[static_cast<std::size_t>(colon[0])].shaped();
    const int flag = scalar_type(Type::Scalar::integer, 1, "i1");  // may move all types
    if (!shaped) return all(flag);
    Type type = module_.types[static_cast<std::size_t>(colon[0])];
    type.scalar = Type::Scalar::integer;
    type.bits = 1;
    type.text = {};
    module_.types.push_back(std::move(type));
    return all(static_cast<int>(module_.types.size()) - 1);
  }
  if (name == "vector.outerproduct" && operand_type(0) >= 0) {
    Type type = module_.types[static_cast<std::size_t>(operand_type(0))];
    if (operand_type(1) >= 0) {
      const Type& other = module_.types[static_cast<std::size_t>(operand_type(1))];
      type.shape.insert(type.shape.end(), other.shape.begin(), other.shape.end());
    }
    type.text = {};
    module_.types.push_back(std::move(type));
    return all(static_cast<int>(module_.types.size()) - 1);
  }
  if (name == "bufferization.to_tensor") {
    Type type = module_.types[static_cast<std::size_t>(colon.back())];
    if (type.kind == Type::Kind::memref) {
      type.kind = Type::Kind::tensor;
      type.strides.clear();
      type.text = {};
      module_.types.push_back(std::move(type));
      return all(static_cast<int>(module_.types.size()) - 1);
    }
  }
  if (head.from > 0) return all(colon[static_cast<std::size_t>(head.from) - 1]);
  if (colon.size() == count) return colon;
  if (colon.size() > count && count > 1)
    return {colon.end() - static_cast<std::ptrdiff_t>(count), colon.end()};
  return all(colon.back());
}

}  // namespace hone::cost::mlir
