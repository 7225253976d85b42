#include "hone/cost/kernels/text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost {

namespace {

std::string shape_text(const KernelText::Dims& dims, const std::string& type) {
  std::string text;
  for (const auto dim : dims) text += fmt::format("{}x", dim);
  return text + type;
}

}  // namespace

std::string listed(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string scaled(const std::string& iv, std::int64_t factor, std::int64_t offset) {
  const std::string product = factor == 1 ? iv : fmt::format("{} * {}", iv, factor);
  return offset == 0 ? product : fmt::format("{} + {}", product, offset);
}

std::string KernelText::fresh(const char* stem) { return fmt::format("%{}{}", stem, next_++); }

std::string KernelText::shape_of(const std::string& name) const {
  for (const auto& [known, shape] : shapes_)
    if (known == name) return shape;
  throw internal_error("a kernel uses the unknown buffer " + name);
}

void KernelText::line(const std::string& text) {
  body_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  body_ += text + "\n";
}

std::string KernelText::buffer(const Dims& dims) {
  const std::string name = fresh("A");
  shapes_.emplace_back(name, shape_text(dims, type_));
  signature_ += fmt::format("{}{}: {}", signature_.empty() ? "" : ", ", name, memref_of(name));
  return name;
}

std::string KernelText::local(const Dims& dims) {
  const std::string name = fresh("L");
  shapes_.emplace_back(name, shape_text(dims, type_));
  line(fmt::format("{} = memref.alloc() : {}", name, memref_of(name)));
  locals_.push_back(name);
  return name;
}

std::string KernelText::scalar() {
  const std::string name = fresh("s");
  signature_ += fmt::format("{}{}: {}", signature_.empty() ? "" : ", ", name, type_);
  return name;
}

std::string KernelText::integers(const Dims& dims) {
  const std::string name = fresh("I");
  shapes_.emplace_back(name, shape_text(dims, "i32"));
  signature_ += fmt::format("{}{}: {}", signature_.empty() ? "" : ", ", name, memref_of(name));
  return name;
}

/// A bound is a number, or an expression of loop variables that becomes a map of them.
std::string KernelText::bound(const std::string& expression) const {
  if (expression.find('%') == std::string::npos) return expression;
  std::vector<std::string> variables;
  std::string mapped;
  for (std::size_t i = 0; i < expression.size();) {
    if (expression[i] != '%') {
      mapped += expression[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < expression.size() && (std::isalnum(static_cast<unsigned char>(expression[end])) != 0)) ++end;
    const std::string name = expression.substr(i, end - i);
    auto found = std::find(variables.begin(), variables.end(), name);
    if (found == variables.end()) found = variables.insert(variables.end(), name);
    mapped += fmt::format("d{}", found - variables.begin());
    i = end;
  }
  std::vector<std::string> dims;
  for (std::size_t i = 0; i < variables.size(); ++i) dims.push_back(fmt::format("d{}", i));
  return fmt::format("affine_map<({}) -> ({})>({})", listed(dims), mapped, listed(variables));
}

void KernelText::loop(const std::string& low, const std::string& high, const Body& body, std::int64_t step) {
  const std::string iv = fresh("i");
  line(fmt::format("affine.for {} = {} to {}{} {{", iv, bound(low), bound(high),
                   step == 1 ? "" : fmt::format(" step {}", step)));
  ++depth_;
  body(iv);
  --depth_;
  line("}");
}

void KernelText::loop(std::int64_t low, std::int64_t high, const Body& body, std::int64_t step) {
  loop(fmt::format("{}", low), fmt::format("{}", high), body, step);
}

std::string KernelText::reduce(
    std::int64_t low, std::int64_t high, const std::string& initial,
    const std::function<std::string(const std::string&, const std::string&)>& body) {
  const std::string result = fresh("r"), iv = fresh("i"), so_far = fresh("acc");
  line(fmt::format("{} = affine.for {} = {} to {} iter_args({} = {}) -> ({}) {{", result, iv, low, high,
                   so_far, initial, type_));
  ++depth_;
  const std::string next = body(iv, so_far);
  line(fmt::format("affine.yield {} : {}", next, type_));
  --depth_;
  line("}");
  return result;
}

void KernelText::nest(const Dims& extents, const std::function<void(const std::vector<std::string>&)>& body) {
  std::vector<std::string> variables;
  std::function<void(std::size_t)> inward = [&](std::size_t level) {
    if (level == extents.size()) {
      body(variables);
      return;
    }
    loop(0, extents[level], [&](const std::string& iv) {
      variables.push_back(iv);
      inward(level + 1);
      variables.pop_back();
    });
  };
  inward(0);
}

std::string KernelText::load(const std::string& buffer, const std::string& indices) {
  const std::string name = fresh("v");
  line(fmt::format("{} = affine.load {}[{}] : {}", name, buffer, indices, memref_of(buffer)));
  return name;
}

void KernelText::store(const std::string& value, const std::string& buffer, const std::string& indices) {
  line(fmt::format("affine.store {}, {}[{}] : {}", value, buffer, indices, memref_of(buffer)));
}

std::string KernelText::place(const std::string& integer, const std::string& iv, std::int64_t bound,
                              bool near) {
  const auto made = [&](const std::string& operation) {
    const std::string name = fresh("n");
    line(name + " = " + operation);
    return name;
  };
  std::int64_t mask = 1;
  while (mask * 2 <= bound) mask *= 2;
  std::string mixed = made(fmt::format("arith.index_cast {} : index to i32", iv));
  if (!near) mixed = made(fmt::format("arith.muli {}, {} : i32", mixed, integer));
  mixed = made(fmt::format("arith.addi {}, {} : i32", mixed, integer));
  if (!near) {
    const std::string factor = made("arith.constant 40503 : i32");
    mixed = made(fmt::format("arith.muli {}, {} : i32", mixed, factor));
  }
  const std::string limit = made(fmt::format("arith.constant {} : i32", mask - 1));
  mixed = made(fmt::format("arith.andi {}, {} : i32", mixed, limit));
  return made(fmt::format("arith.index_cast {} : i32 to index", mixed));
}

std::string KernelText::load_at(const std::string& buffer, const std::string& indices) {
  const std::string name = fresh("v");
  line(fmt::format("{} = memref.load {}[{}] : {}", name, buffer, indices, memref_of(buffer)));
  return name;
}

void KernelText::store_at(const std::string& value, const std::string& buffer, const std::string& indices) {
  line(fmt::format("memref.store {}, {}[{}] : {}", value, buffer, indices, memref_of(buffer)));
}

void KernelText::accumulate(const std::string& buffer, const std::string& indices, const std::string& value) {
  store(add(load(buffer, indices), value), buffer, indices);
}

void KernelText::subtract(const std::string& buffer, const std::string& indices, const std::string& value) {
  store(sub(load(buffer, indices), value), buffer, indices);
}

std::string KernelText::constant(double value) {
  const std::string name = fresh("c");
  if (floating()) {
    line(fmt::format("{} = arith.constant {:e} : {}", name, value, type_));
  } else {
    // A fraction would become zero, and what is multiplied by it nothing: an odd number instead.
    const double size = std::abs(value);
    const double whole = size == std::floor(size) ? size : 2.0 * std::floor(8.0 * size) + 3.0;
    line(fmt::format("{} = arith.constant {} : {}", name,
                     static_cast<std::int64_t>(std::copysign(std::min(whole, 1e9), value)), type_));
  }
  return name;
}

std::string KernelText::binary(const char* floating_operation, const char* integer_operation,
                               const std::string& a, const std::string& b) {
  const std::string name = fresh("v");
  line(fmt::format("{} = {} {}, {} : {}", name, floating() ? floating_operation : integer_operation, a, b,
                   type_));
  return name;
}

std::string KernelText::add(const std::string& a, const std::string& b) {
  return binary("arith.addf", "arith.addi", a, b);
}
std::string KernelText::sub(const std::string& a, const std::string& b) {
  return binary("arith.subf", "arith.subi", a, b);
}
std::string KernelText::mul(const std::string& a, const std::string& b) {
  return binary("arith.mulf", "arith.muli", a, b);
}
// Integers are shifted rather than divided: what divides may be zero.
std::string KernelText::div(const std::string& a, const std::string& b) {
  return floating() ? binary("arith.divf", "", a, b) : binary("", "arith.xori", a, b);
}
std::string KernelText::max(const std::string& a, const std::string& b) {
  return binary("arith.maximumf", "arith.maxsi", a, b);
}
std::string KernelText::min(const std::string& a, const std::string& b) {
  return binary("arith.minimumf", "arith.minsi", a, b);
}

std::string KernelText::unary(const std::string& operation, const std::string& a) {
  if (!floating()) return mul(a, a);
  const std::string name = fresh("v");
  line(fmt::format("{} = {} {} : {}", name, operation, a, type_));
  return name;
}

std::string KernelText::real(const std::string& integer) {
  if (!floating()) return integer;
  const std::string name = fresh("v");
  line(fmt::format("{} = arith.sitofp {} : i32 to {}", name, integer, type_));
  return name;
}

std::string KernelText::choose(const std::string& left, const std::string& right, const std::string& a,
                               const std::string& b) {
  const std::string greater = fresh("p"), name = fresh("v");
  line(fmt::format("{} = {}, {}, {} : {}", greater, floating() ? "arith.cmpf ogt" : "arith.cmpi sgt", left,
                   right, type_));
  line(fmt::format("{} = arith.select {}, {}, {} : {}", name, greater, a, b, type_));
  return name;
}

std::string KernelText::tensor(const Dims& dims) {
  const std::string name = fresh("T");
  shapes_.emplace_back(name, shape_text(dims, type_));
  signature_ += fmt::format("{}{}: {}", signature_.empty() ? "" : ", ", name, tensor_of(name));
  return name;
}

std::string KernelText::empty(const Dims& dims) {
  const std::string name = fresh("t");
  shapes_.emplace_back(name, shape_text(dims, type_));
  line(fmt::format("{} = tensor.empty() : {}", name, tensor_of(name)));
  return name;
}

std::string KernelText::fill(const Dims& dims, const std::string& value) {
  const std::string out = empty(dims);
  const std::string name = fresh("t");
  shapes_.emplace_back(name, shape_text(dims, type_));
  line(fmt::format("{} = linalg.fill ins({} : {}) outs({} : {}) -> {}", name, value, type_, out,
                   tensor_of(out), tensor_of(out)));
  return name;
}

std::string KernelText::named(const std::string& operation, const std::vector<std::string>& inputs,
                              const std::string& output, const std::string& attributes) {
  const std::string name = fresh("t");
  shapes_.emplace_back(name, shape_of(output));
  std::vector<std::string> types;
  for (const auto& input : inputs) types.push_back(tensor_of(input));
  line(fmt::format("{} = {} {}{}ins({} : {}) outs({} : {}) -> {}", name, operation, attributes,
                   attributes.empty() ? "" : " ", listed(inputs), listed(types), output, tensor_of(output),
                   tensor_of(output)));
  return name;
}

std::string KernelText::generic(std::size_t loops, const std::vector<std::string>& inputs,
                                const std::vector<std::string>& maps, const std::string& output,
                                const std::string& output_map, const std::vector<bool>& reduced,
                                const std::function<std::string(const std::vector<std::string>&)>& body) {
  const std::string name = fresh("t");
  shapes_.emplace_back(name, shape_of(output));
  std::vector<std::string> dims, all_maps, iterators, types, values, declared;
  for (std::size_t i = 0; i < loops; ++i) {
    dims.push_back(fmt::format("d{}", i));
    iterators.push_back(reduced[i] ? "\"reduction\"" : "\"parallel\"");
  }
  for (const auto& map : maps) all_maps.push_back(fmt::format("affine_map<({}) -> ({})>", listed(dims), map));
  all_maps.push_back(fmt::format("affine_map<({}) -> ({})>", listed(dims), output_map));
  for (const auto& input : inputs) types.push_back(tensor_of(input));
  for (std::size_t i = 0; i <= inputs.size(); ++i) {
    values.push_back(fresh("b"));
    declared.push_back(values.back() + ": " + type_);
  }
  line(fmt::format("{} = linalg.generic {{indexing_maps = [{}], iterator_types = [{}]}} {}outs({} : {}) {{",
                   name, listed(all_maps), listed(iterators),
                   inputs.empty() ? "" : fmt::format("ins({} : {}) ", listed(inputs), listed(types)), output,
                   tensor_of(output)));
  line(fmt::format("^bb0({}):", listed(declared)));
  ++depth_;
  const std::string value = body(values);
  line(fmt::format("linalg.yield {} : {}", value, type_));
  --depth_;
  line(fmt::format("}} -> {}", tensor_of(output)));
  return name;
}

std::string KernelText::text() const {
  std::string text = fmt::format("func.func @kernel({}){} {{\n", signature_,
                                 returned_.empty() ? "" : " -> " + tensor_of(returned_));
  text += body_;
  for (const auto& local : locals_)
    text += fmt::format("  memref.dealloc {} : {}\n", local, memref_of(local));
  text +=
      returned_.empty() ? "  return\n" : fmt::format("  return {} : {}\n", returned_, tensor_of(returned_));
  return text + "}\n";
}

}  // namespace hone::cost
