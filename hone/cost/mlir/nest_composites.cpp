// Operations that are several: the softmax of rows, joined tensors, arithmetic of complex numbers.
#include <algorithm>
#include <charconv>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// The dimension along which an operation works, by an attribute or in brackets; -1: it does not say.
std::int64_t dimension_of(const Module& module, const Operation& operation) {
  for (const std::string_view name : {"dim", "dimension", "axis"})
    if (const Attribute* attribute = module.attribute(operation, name);
        attribute != nullptr && attribute->kind == Attribute::Kind::integer)
      return attribute->integer;
  for (const std::string_view before : {"dim(", "dimension("})
    if (const std::size_t found = operation.text.find(before); found != std::string_view::npos) {
      const std::string_view rest = operation.text.substr(found + before.size());
      std::int64_t dimension = -1;
      std::from_chars(rest.data(), rest.data() + rest.size(), dimension);
      return dimension;
    }
  return -1;
}

}  // namespace

/// Of each row the greatest element, the exponentials of what is below it, their sum, and quotients.
bool NestBuilder::softmax(const Operation& operation, At at) {
  if (operation.operands.size() < 2) return false;
  const int input = operation.operands[0], output = operation.operands.back();
  const Type& type = module_.type_of(input);
  const std::int64_t dimension = dimension_of(module_, operation);
  if (dimension < 0 || static_cast<std::size_t>(dimension) >= type.shape.size()) return false;
  const auto of_rows = [&] {
    Nest::Buffer made;
    made.shape = type.shape;
    made.shape.erase(made.shape.begin() + static_cast<std::ptrdiff_t>(dimension));
    made.element_bytes = type.element_bytes();
    made.bytes = made.element_bytes;
    for (const std::int64_t size : made.shape)
      made.bytes *= static_cast<double>(size == kDynamic ? Nest::kUnknownTrips : size);
    made.heap = true;
    buffers_[--implied_] = static_cast<int>(nest_.buffers.size());
    nest_.buffers.push_back(std::move(made));
    return implied_;
  };
  const int greatest = of_rows(), sum = of_rows();
  const auto pass = [&](std::initializer_list<int> loaded, int stored, std::initializer_list<Work> work) {
    Domain loops;
    for (const std::int64_t size : type.shape) {
      loops.sizes.push_back(size);
      loops.reduction.push_back(stored != output &&
                                static_cast<std::int64_t>(loops.reduction.size()) == dimension);
    }
    const auto add = [&](int value, bool store) {
      Domain::Operand one{value, store, {}};
      for (std::size_t k = 0; k < type.shape.size(); ++k)
        if (value >= 0 || static_cast<std::int64_t>(k) != dimension)
          one.indices.push_back({{static_cast<int>(k), 1}});
      loops.operands.push_back(std::move(one));
    };
    for (const int value : loaded) add(value, false);
    add(stored, true);
    const std::size_t accesses = nest_.accesses.size(), steps = nest_.steps.size();
    domain(loops, at, std::span(work.begin(), work.size()), type.bits, type.real_elements(), -1);
    for (std::size_t i = accesses; i < nest_.accesses.size(); ++i) {
      nest_.accesses[i].bits = type.bits;
      nest_.accesses[i].real = type.real_elements();
    }
    for (std::size_t i = steps; i < nest_.steps.size(); ++i)
      if (nest_.steps[i].work == Work::transcendental) nest_.steps[i].called = called_for("exp", type.bits);
  };
  pass({input, greatest}, greatest, {Work::compare});
  pass({input, greatest}, output, {Work::add, Work::transcendental});
  pass({output, sum}, sum, {Work::add});
  pass({output, sum}, output, {Work::divide});
  return true;
}

/// Tensors one behind the other along a dimension: each is copied to where it begins.
bool NestBuilder::join(const Operation& operation, At at) {
  if (operation.results.size() != 1) return false;
  const int result = operation.results[0];
  const std::size_t rank = module_.type_of(result).shape.size();
  const std::int64_t dimension = dimension_of(module_, operation);
  const bool alike = std::all_of(operation.operands.begin(), operation.operands.end(), [&](int operand) {
    return module_.type_of(operand).kind == module_.type_of(result).kind &&
           module_.type_of(operand).shape.size() == rank;
  });
  if (!alike || dimension < 0 || static_cast<std::size_t>(dimension) >= rank) return false;
  double begin = 0.0;
  bool known = true;
  for (const int operand : operation.operands) {
    const Type& type = module_.type_of(operand);
    Domain loops;
    Domain::Operand source{operand, false, {}}, destination{result, true, {}};
    for (std::size_t k = 0; k < rank; ++k) {
      loops.sizes.push_back(type.shape[k]);
      loops.reduction.push_back(false);
      source.indices.push_back({{static_cast<int>(k), 1}});
    }
    destination.indices = source.indices;
    loops.operands = {std::move(source), std::move(destination)};
    domain(loops, at, {}, type.bits, type.real_elements(), -1);
    Nest::Index& index = nest_.accesses.back().indices[static_cast<std::size_t>(dimension)];
    index.constant += begin;
    index.exact = index.exact && known;
    const std::int64_t size = type.shape[static_cast<std::size_t>(dimension)];
    known = known && size != kDynamic;
    begin += static_cast<double>(size == kDynamic ? Nest::kUnknownTrips : size);
  }
  return true;
}

/// Sums, differences and products of complex numbers, as steps on their parts; false: it is none of them.
bool NestBuilder::of_complex(const Operation& operation, Nest::Step step) {
  const bool product = operation.name == "complex.mul";
  if (!product && operation.name != "complex.add" && operation.name != "complex.sub") return false;
  const int value = step.value;
  step.bits /= 2;
  Few<int> parts;
  for (int part = 0; part < 2; ++part) {
    Few<int> uses = step.uses;
    for (int factor = 0; product && factor < 2; ++factor) {
      Nest::Step times = step;
      times.work = Work::multiply;
      times.code += static_cast<std::uint64_t>(2 + 2 * part + factor);
      times.order = order_++;
      times.value = --implied_;
      if (factor == 0) uses.clear();
      uses.push_back(times.value);
      nest_.steps.push_back(std::move(times));
    }
    Nest::Step sum = step;
    sum.work = Work::add;
    sum.code += static_cast<std::uint64_t>(part);
    sum.uses = std::move(uses);
    sum.order = order_++;
    sum.value = --implied_;
    parts.push_back(sum.value);
    nest_.steps.push_back(std::move(sum));
  }
  nest_.flows.push_back({step.loop, false, order_++, {value}, std::move(parts)});
  return true;
}

}  // namespace hone::cost::mlir
