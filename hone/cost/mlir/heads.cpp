// Heads of operations whose pretty form is known: functions, loops, affine accesses.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {

/// Reads the beginning of a known operation; what follows it (attributes, types, the region) is read as of
/// any. False where nothing was taken.
bool Parser::known_head(Head& head) {
  const std::string_view name = head.operation.name;
  if (name.ends_with(".func")) return function_head(head);
  if (name.starts_with("affine.")) {
    if (name == "affine.for") return affine_for(head), true;
    if (name == "affine.parallel") return affine_parallel(head), true;
    if (name == "affine.load" || name == "affine.vector_load" || name == "affine.prefetch")
      return affine_access(head, false), true;
    if (name == "affine.store" || name == "affine.vector_store") return affine_access(head, true), true;
    if (name == "affine.apply" || name == "affine.min" || name == "affine.max")
      return affine_apply(head), true;
  } else if (name.starts_with("scf.")) {
    if (name == "scf.for") return scf_for(head), true;
    if (name == "scf.parallel") return scf_parallel(head), true;
    if (name == "scf.forall") return scf_forall(head), true;
  } else if (name == "llvm.mlir.constant" && take("(")) {  // llvm.mlir.constant(5 : i64) : i64
    head.operation.attributes.emplace_back("value", attribute());
    need(")");
  } else if (name == "memref.subview" || name == "memref.reinterpret_cast" ||
             name == "tensor.extract_slice" || name == "tensor.insert_slice" ||
             name == "tensor.parallel_insert_slice") {
    static_numbers(head);
  }
  return false;
}

// Functions.

/// [words] @name(%a: T {...}, ...) [-> T]
bool Parser::function_head(Head& head) {
  while (token().kind == Kind::word || token().kind == Kind::text) {
    if (token().first_on_line && begins_operation()) return true;
    if (is(token(1), "(")) {
      at_ = token(1).partner + 1;
    } else {
      ++at_;
    }
  }
  if (token().kind != Kind::symbol || !is(token(1), "(")) return false;
  head.operation.symbol = text(token()).substr(1);
  if (head.operation.symbol.starts_with('"'))
    head.operation.symbol = head.operation.symbol.substr(1, head.operation.symbol.size() - 2);
  at_ += 2;
  Few<int> inputs, results;
  while (!at(")")) {
    if (!inputs.empty()) need(",");
    function_argument(head, inputs);
  }
  need(")");
  if (take("->")) type_list(results);
  head.operation.types.push_back(function_type(std::move(inputs), std::move(results)));
  return true;
}

void Parser::function_argument(Head& head, Few<int>& inputs) {
  if (at(".") && is(token(1), ".") && is(token(2), ".")) {  // of a C function: any number more
    at_ += 3;
    return;
  }
  if (token().kind == Kind::value) {
    const std::uint32_t name = at_++;
    need(":");
    const int type = this->type();
    head.arguments.push_back({name, type});
    inputs.push_back(type);
  } else {
    inputs.push_back(type());
  }
  if (at("{")) dictionary();
}

// Loops.

Bound Parser::constant_bound(std::int64_t value) { return {add_map(constant_map(value)), {}}; }
Bound Parser::value_bound(int value) { return {add_map(identity_map(1)), {value}}; }

/// `(%a, %b)[%n]`, either part or none.
Few<int> Parser::map_operands() {
  Few<int> operands;
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"(", ")"}, {"[", "]"}}) {
    if (!take(open)) continue;
    bool first = true;
    while (!at(close)) {
      if (!first) need(",");
      first = false;
      operands.push_back(need_value());
    }
    need(close);
  }
  return operands;
}

/// A number, a value, `symbol(%n)`, or [max|min] of a map's results.
Bound Parser::affine_bound(Head& head) {
  if (token().kind == Kind::integer || at("-")) return constant_bound(integer());
  Bound bound;
  if (token().kind == Kind::value) {
    bound = value_bound(need_value());
  } else if (take("symbol")) {
    need("(");
    bound = value_bound(need_value());
    need(")");
  } else {
    if (!take("max")) take("min");
    bound.map = map_reference();
    bound.operands = map_operands();
    const AffineMap& map = module_.maps[static_cast<std::size_t>(bound.map)];
    if (bound.operands.size() != static_cast<std::size_t>(map.dims + map.symbols))
      throw error(previous(), fmt::format("the map takes {} operands, not {}", map.dims + map.symbols,
                                          bound.operands.size()));
    if (map.results.empty()) throw error(previous(), "a bound's map without results");
  }
  head.operation.operands.insert(head.operation.operands.end(), bound.operands.begin(), bound.operands.end());
  return bound;
}

/// iter_args(%a = %b, ...) [-> (T, ...)]
void Parser::iteration_arguments(Head& head) {
  if (!take("iter_args")) return;
  need("(");
  const std::size_t first = head.arguments.size();
  while (!at(")")) {
    if (head.arguments.size() > first) need(",");
    if (token().kind != Kind::value) throw unexpected("an argument's name");
    const std::uint32_t name = at_++;
    need("=");
    const int value = need_value();
    head.operation.operands.push_back(value);
    head.arguments.push_back({name, module_.values[static_cast<std::size_t>(value)].type});
  }
  need(")");
  if (!take("->")) return;
  Few<int> types;
  type_list(types);
  head.operation.types.insert(head.operation.types.end(), types.begin(), types.end());
  for (std::size_t i = 0; i < types.size() && first + i < head.arguments.size(); ++i)
    head.arguments[first + i].type = types[i];
  head.arrow_types = std::move(types);
  head.arrow_last = true;
}

void Parser::affine_for(Head& head) {
  if (token().kind != Kind::value) throw unexpected("the loop's variable");
  head.arguments.push_back({at_++, scalar_type(Type::Scalar::index, 64, "index")});
  need("=");
  Loop loop;
  loop.lower = affine_bound(head);
  need("to");
  loop.upper = affine_bound(head);
  const Token& word = token();
  const std::int64_t step = take("step") ? integer() : 1;
  if (step < 1) throw error(word, "a step under 1");
  loop.step = constant_bound(step);
  iteration_arguments(head);
  head.operation.loops.push_back(std::move(loop));
}

std::vector<std::uint32_t> Parser::argument_list() {
  std::vector<std::uint32_t> names;
  need("(");
  while (!at(")")) {
    if (!names.empty()) need(",");
    if (token().kind != Kind::value) throw unexpected("a loop's variable");
    names.push_back(at_++);
  }
  need(")");
  return names;
}

/// (0, max(%a, %b + 1), %n)
std::vector<Bound> Parser::affine_bounds(Head& head) {
  std::vector<Bound> bounds;
  need("(");
  while (!at(")")) {
    if (!bounds.empty()) need(",");
    Bound bound;
    if ((at("max") || at("min")) && is(token(1), "(")) {
      ++at_;
      bound.map = value_map("(", ")", bound.operands);
    } else {
      AffineMap map;
      Few<int> values;
      map.results.push_back(affine_expression(map, &values));
      map.dims = static_cast<int>(values.size());
      bound.map = add_map(std::move(map));
      bound.operands = std::move(values);
    }
    if (module_.maps[static_cast<std::size_t>(bound.map)].results.empty())
      throw error(previous(), "a bound without a value");
    head.operation.operands.insert(head.operation.operands.end(), bound.operands.begin(),
                                   bound.operands.end());
    bounds.push_back(std::move(bound));
  }
  need(")");
  return bounds;
}

void Parser::affine_parallel(Head& head) {
  const Token& first = token();
  const std::vector<std::uint32_t> names = argument_list();
  need("=");
  std::vector<Bound> lower = affine_bounds(head);
  need("to");
  std::vector<Bound> upper = affine_bounds(head);
  std::vector<Bound> step(names.size());
  if (take("step")) {
    step.clear();
    need("(");
    while (!at(")")) {
      if (!step.empty()) need(",");
      step.push_back(constant_bound(integer()));
    }
    need(")");
  } else {
    for (Bound& one : step) one = constant_bound(1);
  }
  if (lower.size() != names.size() || upper.size() != names.size() || step.size() != names.size())
    throw error(first, "as many bounds and steps as variables are expected");
  for (std::size_t i = 0; i < names.size(); ++i) {
    head.arguments.push_back({names[i], scalar_type(Type::Scalar::index, 64, "index")});
    head.operation.loops.push_back({-1, std::move(lower[i]), std::move(upper[i]), std::move(step[i]), true});
  }
}

void Parser::scf_for(Head& head) {
  if (token().kind != Kind::value) throw unexpected("the loop's variable");
  const std::uint32_t name = at_++;
  need("=");
  Loop loop;
  for (Bound* bound : {&loop.lower, &loop.upper, &loop.step}) {
    if (bound == &loop.upper) need("to");
    if (bound == &loop.step) need("step");
    const int value = need_value();
    head.operation.operands.push_back(value);
    *bound = value_bound(value);
  }
  const int first_type = module_.values[static_cast<std::size_t>(loop.lower.operands[0])].type;
  head.arguments.push_back(
      {name, first_type >= 0 ? first_type : scalar_type(Type::Scalar::index, 64, "index")});
  if (at(":")) {
    ++at_;
    head.operation.types.push_back(type());
  }
  iteration_arguments(head);
  if (at(":")) {
    ++at_;
    head.operation.types.push_back(type());
  }
  head.operation.loops.push_back(std::move(loop));
}

/// (%a, 8, %b): values or numbers.
std::vector<Bound> Parser::value_list(Head& head) {
  std::vector<Bound> bounds;
  need("(");
  while (!at(")")) {
    if (!bounds.empty()) need(",");
    if (token().kind == Kind::integer || at("-")) {
      bounds.push_back(constant_bound(integer()));
    } else {
      const int value = need_value();
      head.operation.operands.push_back(value);
      bounds.push_back(value_bound(value));
    }
  }
  need(")");
  return bounds;
}

void Parser::scf_parallel(Head& head) {
  const Token& first = token();
  const std::vector<std::uint32_t> names = argument_list();
  need("=");
  std::vector<Bound> lower = value_list(head);
  need("to");
  std::vector<Bound> upper = value_list(head);
  need("step");
  std::vector<Bound> step = value_list(head);
  if (lower.size() != names.size() || upper.size() != names.size() || step.size() != names.size())
    throw error(first, "as many bounds and steps as variables are expected");
  for (std::size_t i = 0; i < names.size(); ++i) {
    head.arguments.push_back({names[i], scalar_type(Type::Scalar::index, 64, "index")});
    head.operation.loops.push_back({-1, std::move(lower[i]), std::move(upper[i]), std::move(step[i]), true});
  }
}

/// (%i, %j) in (%n, 8), or (%i) = (0) to (%n) step (4); shared_outs(%o = %t) is read as of any operation.
void Parser::scf_forall(Head& head) {
  const Token& first = token();
  const std::vector<std::uint32_t> names = argument_list();
  std::vector<Bound> lower, upper, step;
  if (take("in")) {
    upper = value_list(head);
    for (std::size_t i = 0; i < names.size(); ++i) {
      lower.push_back(constant_bound(0));
      step.push_back(constant_bound(1));
    }
  } else {
    need("=");
    lower = value_list(head);
    need("to");
    upper = value_list(head);
    need("step");
    step = value_list(head);
  }
  if (lower.size() != names.size() || upper.size() != names.size() || step.size() != names.size())
    throw error(first, "as many bounds and steps as variables are expected");
  for (std::size_t i = 0; i < names.size(); ++i) {
    head.arguments.push_back({names[i], scalar_type(Type::Scalar::index, 64, "index")});
    head.operation.loops.push_back({-1, std::move(lower[i]), std::move(upper[i]), std::move(step[i]), true});
  }
}

// Accesses.

/// [%value,] %buffer[expressions]
void Parser::affine_access(Head& head, bool store) {
  Operation& operation = head.operation;
  if (store) {
    operation.operands.push_back(need_value());
    need(",");
  }
  operation.operands.push_back(need_value());
  operation.map_operands = static_cast<int>(operation.operands.size());
  operation.map = value_map("[", "]", operation.operands);
}

/// `[%i, 2] [32, 32] [1, 1]` ahead, with words between: offsets, sizes and strides as attributes like the
/// generic form's. What is read after this takes the values.
void Parser::static_numbers(Head& head) {
  constexpr std::uint32_t kFarthest = 16;
  std::array<Attribute, 3> lists;
  std::uint32_t ahead = 0;
  for (Attribute& list : lists) {
    list.kind = Attribute::Kind::dense;
    for (const std::uint32_t from = ahead; !is(token(ahead), "["); ++ahead)
      if (token(ahead).kind == Kind::end || ahead - from > kFarthest) return;
    for (++ahead; !is(token(ahead), "]"); ++ahead) {
      const Token& next = token(ahead);
      if (next.kind == Kind::value) {
        list.numbers.push_back(static_cast<double>(kDynamic));
      } else if (next.kind == Kind::integer) {
        const double sign = is(token(ahead - 1), "-") ? -1.0 : 1.0;
        list.numbers.push_back(sign * std::strtod(std::string(text(next)).c_str(), nullptr));
      } else if (!is(next, ",") && !is(next, "-") && next.kind != Kind::hash) {
        return;
      }
    }
  }
  constexpr const char* kNames[] = {"static_offsets", "static_sizes", "static_strides"};
  for (std::size_t i = 0; i < lists.size(); ++i)
    head.operation.attributes.emplace_back(kNames[i], add_attribute(std::move(lists[i])));
}

/// #map(%a)[%n]
void Parser::affine_apply(Head& head) {
  head.operation.map = map_reference();
  head.operation.operands = map_operands();
}

}  // namespace hone::cost::mlir
