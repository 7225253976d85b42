// What a function returns: written in its place, or copied there.
#include <algorithm>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {

/// Whether a tensor or memref lies elsewhere than where results are put: it is an argument or what loops made
/// of one, a constant, or a part of something or that in another shape.
bool NestBuilder::only_seen(int value) {
  const int whole = buffer(value);
  const int root = nest_.buffers[static_cast<std::size_t>(whole)].root;
  const bool in_argument = nest_.buffers[static_cast<std::size_t>(root >= 0 ? root : whole)].argument;
  for (int links = 0; links < kMaxChain; ++links) {
    const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
    if (definer < 0) return in_argument;
    const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
    if (operation.name.ends_with(".constant") || operation.name == "memref.get_global") return true;
    if (!is_view(operation.name) || operation.operands.empty())
      return in_argument && operation.dialect() != "linalg";  // which is computed into what is given for it
    const bool cast = operation.name.ends_with("cast") && operation.name != "memref.reinterpret_cast";
    if (!cast && (operation.dialect() == "tensor" || operation.dialect() == "memref")) return true;
    value = operation.operands[0];
  }
  return false;
}

/// Into memory that the caller gives.
void NestBuilder::copy_out(int value) {
  const Type& type = module_.type_of(value);
  Nest::Buffer made;
  made.shape = type.shape;
  made.element_bytes = type.element_bytes();
  made.bytes = type.elements(Nest::kUnknownTrips) * made.element_bytes;
  const int place = --implied_;
  Domain loops;
  Domain::Operand source{value, false, {}}, destination{place, true, {}};
  for (std::size_t k = 0; k < type.shape.size(); ++k) {
    loops.sizes.push_back(type.shape[k]);
    loops.reduction.push_back(false);
    source.indices.push_back({{static_cast<int>(k), 1}});
  }
  destination.indices = source.indices;
  loops.operands = {std::move(source), std::move(destination)};
  buffers_[place] = static_cast<int>(nest_.buffers.size());
  nest_.buffers.push_back(std::move(made));
  domain(loops, {}, {}, type.bits, type.real_elements(), -1);
  nest_.accesses.back().bits = type.bits;
  nest_.accesses.back().real = type.real_elements();
}

/// What is computed is computed where results are put, so that it is on no heap; the rest is copied.
void NestBuilder::returned(std::span<const int> values) {
  std::vector<bool> in_place;
  const auto root = [&](int buffer) {
    const int of = nest_.buffers[static_cast<std::size_t>(buffer)].root;
    return static_cast<std::size_t>(of >= 0 ? of : buffer);
  };
  Few<int> copied;
  for (const int value : values) {
    const Type& type = module_.type_of(value);
    if (!type.shaped()) continue;
    if (type.kind != Type::Kind::vector && only_seen(value)) {
      copied.push_back(value);
      continue;
    }
    const std::size_t whole = root(buffer(value));
    in_place.resize(nest_.buffers.size());
    in_place[whole] = true;
  }
  for (std::size_t i = 0; i < nest_.buffers.size(); ++i)
    if (const std::size_t whole = root(static_cast<int>(i)); whole < in_place.size() && in_place[whole])
      nest_.buffers[i].heap = false;
  for (const int value : copied) copy_out(value);
}

}  // namespace hone::cost::mlir
