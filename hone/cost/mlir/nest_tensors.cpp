// Operations on whole tensors as the loops that they stand for.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

bool whole(const Type& type) {
  return type.kind == Type::Kind::tensor || type.kind == Type::Kind::memref ||
         (type.kind == Type::Kind::other && type.scalar != Type::Scalar::none);
}

/// Operations of other dialects whose regions say how elements are combined, compared or computed.
bool combines(std::string_view name) {
  for (const std::string_view one : {"reduce", "reduce_window", "all_reduce", "reduce_scatter", "sort", "map",
                                     "scatter", "select_and_scatter", "generate", "pad"})
    if (name.ends_with(one) && name[name.size() - one.size() - 1] == '.') return true;
  return false;
}

std::int64_t known(std::int64_t size) { return size == kDynamic ? Nest::kUnknownTrips : size; }

}  // namespace

bool NestBuilder::holds_tensors(const Operation& operation) const {
  for (const int result : operation.results)
    if (whole(module_.type_of(result))) return true;
  return false;
}

/// Takes what works on whole tensors; false where the operation is something else.
bool NestBuilder::tensors(const Operation& operation, At at, Work work) {
  const std::string_view dialect = operation.dialect();
  if (work == Work::none || work == Work::control || work == Work::call) {
    // What only changes how a tensor is seen is seen as what it was.
    if (work == Work::none && operation.results.size() == 1 && operation.operands.size() == 1 &&
        holds_tensors(operation))
      buffer(operation.results[0]);
    return operation.name == "tensor.generate" && (element_wise(operation, at, Work::store), true);
  }
  if (dialect == "linalg") {
    if (operation.name == "linalg.yield" || operation.name == "linalg.index") return true;
    structured(operation, at);
    return true;
  }
  if (operation.name == "memref.copy" || operation.name.starts_with("memref.dma")) {
    copy(operation, at);
    return true;
  }
  if (operation.name == "tensor.parallel_insert_slice") {
    insert_slice(operation, at);
    return true;
  }
  if (work == Work::load || work == Work::store) return false;  // of one element
  if (!holds_tensors(operation)) return false;
  if (!operation.regions.empty() && !combines(operation.name)) {
    if (has_unknown_body(operation)) ++nest_.unknown_regions;
    branches(operation, at);
    flow(operation, at, false);
    return true;
  }
  switch (work) {
    case Work::contraction:
      contraction(operation, at);
      break;
    case Work::reduction:
    case Work::pooling:
      reduction(operation, at, work == Work::pooling);
      break;
    case Work::copy:
      copy(operation, at);
      break;
    default:
      if (work == Work::unknown) ++nest_.unknown_operations;
      element_wise(operation, at, work);
  }
  return true;
}

/// The size of a loop that no type tells: what one of the operands that it goes through was made with.
std::optional<NestBuilder::Points> NestBuilder::told_size(const Domain& domain, std::size_t loop) {
  for (const Domain::Operand& operand : domain.operands)
    for (std::size_t k = 0; k < operand.indices.size(); ++k) {
      const auto& dimension = operand.indices[k];
      if (dimension.size() != 1 || dimension[0] != std::pair<int, std::int64_t>(static_cast<int>(loop), 1))
        continue;
      Points sizes = extent(operand.value, k);
      if (std::none_of(sizes.begin(), sizes.end(), [](double size) { return std::isnan(size); }))
        return sizes;
    }
  return std::nullopt;
}

/// Loops, accesses and the work of one innermost iteration; `body` (a region, -1: none) is walked for it.
void NestBuilder::domain(const Domain& domain, At at, std::span<const Work> work, int bits, bool real,
                         int body) {
  Few<int> loops;
  for (std::size_t i = 0; i < domain.sizes.size(); ++i) {
    bool is_known = domain.sizes[i] != kDynamic;
    Points trips(samples_, static_cast<double>(known(domain.sizes[i])));
    if (!is_known)
      if (const auto sizes = told_size(domain, i)) trips = *sizes, is_known = true;
    at = {add_loop(at, trips, !domain.reduction[i], is_known, true), 1.0, at.under};
    loops.push_back(at.loop);
  }
  // Values of a body are its arguments, an operand each; without a body one step follows another.
  const Few<int>* arguments =
      body < 0 ? nullptr : &module_.regions[static_cast<std::size_t>(body)].blocks[0].arguments;
  Few<int> loaded;
  for (const Domain::Operand& operand : domain.operands) {
    if (operand.store) continue;
    const int value = load(operand, span_of(loops), at);
    const bool named = arguments != nullptr && operand.number >= 0 &&
                       static_cast<std::size_t>(operand.number) < arguments->size();
    if (named)
      nest_.flows.push_back({at.loop,
                             false,
                             order_++,
                             {(*arguments)[static_cast<std::size_t>(operand.number)]},
                             {value},
                             true});
    loaded.push_back(value);
  }
  Few<int> results;
  for (const Work one : work) {
    Nest::Step step;
    step.loop = at.loop;
    step.work = one;
    step.count = count(at);
    step.bits = bits;
    step.real = real;
    if (one == Work::compare && real) step.choice = kExtremum;
    step.order = order_++;
    // Of several the first takes the operands, and what is loaded last comes in after it: a sum so far.
    step.uses =
        results.empty() ? loaded : Few<int>{results.back(), loaded.empty() ? results.back() : loaded.back()};
    if (results.empty() && work.size() > 1 && step.uses.size() > 1) step.uses.pop_back();
    step.value = --implied_;
    results.push_back(step.value);
    add_step(std::move(step), false);
  }
  if (body >= 0) {
    std::vector<std::vector<std::pair<int, std::int64_t>>> dimensions;
    for (std::size_t d = 0; d < domain.sizes.size(); ++d) dimensions.push_back({{static_cast<int>(d), 1}});
    number_body(body, dimensions, span_of(loops), at);
    region(body, at);
    const auto& operations = module_.regions[static_cast<std::size_t>(body)].blocks[0].operations;
    if (!operations.empty())
      results = module_.operations[static_cast<std::size_t>(operations.back())].operands;
  } else {
    results = results.empty() ? loaded : Few<int>{results.back()};
  }
  std::size_t stored = 0;
  for (const Domain::Operand& operand : domain.operands) {
    if (!operand.store) continue;
    Nest::Access access = moved(operand, span_of(loops), at);
    if (!results.empty()) access.uses = {results[std::min(stored, results.size() - 1)]};
    ++stored;
    nest_.accesses.push_back(std::move(access));
  }
}

void NestBuilder::structured(const Operation& operation, At at) {
  const std::size_t outputs = std::max<std::size_t>(1, operation.results.size());
  // What is written is the last operand, and the result is in its place.
  for (std::size_t i = 0; i < operation.results.size() && i < operation.operands.size(); ++i) {
    const int output =
        operation.operands[operation.operands.size() - std::min(outputs, operation.operands.size()) + i];
    if (module_.type_of(output).shaped()) same_place(operation.results[i], output);
  }
  const Type& type = module_.type_of(operation.operands.empty() ? -1 : operation.operands.back());
  if (operation.name == "linalg.generic") {
    if (auto found = generic_domain(operation)) {
      const int body = operation.regions.empty() ? -1 : operation.regions[0];
      if (fuses(operation, *found)) {
        fused_[operation.results[0]] = {std::move(*found), body, at, type.bits, type.real_elements()};
        return;
      }
      return domain(*found, at, {}, type.bits, type.real_elements(), body);
    }
    return copy(operation, at);
  }
  std::vector<Work> combine;
  if (const auto found = named_domain(module_, operation, combine))
    return domain(*found, at, combine, type.bits, type.real_elements(), -1);
  if (operation.name == "linalg.map" || operation.name == "linalg.reduce") {
    const Attribute* combiner = module_.attribute(operation, "combiner");
    std::vector<Work> work;
    if (combiner != nullptr) work.push_back(work_of(combiner->text));
    Domain loops;
    const Type& input = module_.type_of(operation.operands.empty() ? -1 : operation.operands[0]);
    const Attribute* attribute = module_.attribute(operation, "dimensions");
    std::vector<std::int64_t> reduced;
    if (attribute != nullptr && operation.name == "linalg.reduce") reduced = module_.integers(*attribute);
    std::vector<std::vector<std::pair<int, std::int64_t>>> all, kept;
    for (std::size_t i = 0; i < input.shape.size(); ++i) {
      const bool reduces =
          std::find(reduced.begin(), reduced.end(), static_cast<std::int64_t>(i)) != reduced.end();
      loops.sizes.push_back(input.shape[i]);
      loops.reduction.push_back(reduces);
      all.push_back({{static_cast<int>(i), 1}});
      if (!reduces) kept.push_back(all.back());
    }
    for (std::size_t i = 0; i < operation.operands.size(); ++i) {
      const bool output = i + outputs >= operation.operands.size();
      const auto& indices = module_.type_of(operation.operands[i]).shape.size() == all.size() ? all : kept;
      if (!output || !reduced.empty())
        loops.operands.push_back({operation.operands[i], false, indices, static_cast<int>(i)});
      if (output) loops.operands.push_back({operation.operands[i], true, indices});
    }
    return domain(loops, at, work, type.bits, type.real_elements(),
                  work.empty() && !operation.regions.empty() ? operation.regions[0] : -1);
  }
  if (operation.name == "linalg.softmax" && softmax(operation, at)) return;
  const Work work = work_of(operation.name);
  if (work == Work::contraction) return contraction(operation, at);
  if (work == Work::reduction || work == Work::pooling)
    return reduction(operation, at, work == Work::pooling);
  if (work == Work::copy || work == Work::none) return copy(operation, at);
  element_wise(operation, at, work);
}

/// From indexing_maps and iterator_types.
std::optional<Domain> NestBuilder::generic_domain(const Operation& operation) const {
  const Attribute* maps = module_.attribute(operation, "indexing_maps");
  const Attribute* iterators = module_.attribute(operation, "iterator_types");
  if (maps == nullptr || iterators == nullptr || maps->items.size() != operation.operands.size() ||
      maps->items.empty())
    return std::nullopt;
  Domain loops;
  for (const int item : iterators->items) {
    loops.reduction.push_back(module_.attributes[static_cast<std::size_t>(item)].text.find("reduction") !=
                              std::string_view::npos);
    loops.sizes.push_back(kDynamic);
  }
  const std::size_t outputs = std::max<std::size_t>(1, operation.results.size());
  bool reduces = std::find(loops.reduction.begin(), loops.reduction.end(), true) != loops.reduction.end();
  for (std::size_t i = 0; i < maps->items.size(); ++i) {
    const int id = module_.attributes[static_cast<std::size_t>(maps->items[i])].map;
    if (id < 0) return std::nullopt;
    const AffineMap& map = module_.maps[static_cast<std::size_t>(id)];
    const Type& type = module_.type_of(operation.operands[i]);
    Domain::Operand operand;
    operand.value = operation.operands[i];
    operand.number = static_cast<int>(i);
    for (std::size_t k = 0; k < map.results.size(); ++k) {
      const Linear sum = linear(map, k);
      auto& dimension = operand.indices.emplace_back();
      for (std::size_t d = 0; d < sum.factors.size() && d < loops.sizes.size(); ++d)
        if (sum.factors[d] != 0) dimension.emplace_back(static_cast<int>(d), sum.factors[d]);
      if (dimension.size() == 1 && dimension[0].second == 1 && k < type.shape.size() &&
          type.shape[k] != kDynamic)
        loops.sizes[static_cast<std::size_t>(dimension[0].first)] = type.shape[k];
    }
    if (!type.shaped()) continue;  // a scalar is held in a register
    const bool output = i + outputs >= maps->items.size();
    if (!output || reduces) loops.operands.push_back(operand);
    if (output) {
      operand.store = true;
      loops.operands.push_back(std::move(operand));
    }
  }
  return loops;
}

/// One loop a dimension of the result; operands of fewer or single elements are broadcast, as in NumPy.
void NestBuilder::element_wise(const Operation& operation, At at, Work work) {
  const int result = operation.results.empty() ? (operation.operands.empty() ? -1 : operation.operands.back())
                                               : operation.results[0];
  const Type& type = module_.type_of(result);
  Domain loops;
  for (const std::int64_t size : type.shape) {
    loops.sizes.push_back(size);
    loops.reduction.push_back(false);
  }
  const auto add = [&](int value, bool store) {
    const Type& operand = module_.type_of(value);
    if (operand.shape.empty() && !whole(operand)) return;
    Domain::Operand one;
    one.value = value;
    one.store = store;
    const std::size_t rank = operand.shape.size();
    for (std::size_t k = 0; k < rank; ++k) {
      auto& dimension = one.indices.emplace_back();
      if (operand.shape[k] != 1 && k + loops.sizes.size() >= rank)
        dimension.emplace_back(static_cast<int>(k + loops.sizes.size() - rank), 1);
    }
    loops.operands.push_back(std::move(one));
  };
  // A destination is written only.
  const bool destination = operation.dialect() == "linalg" || operation.name == "memref.copy";
  for (std::size_t i = 0; i + (destination ? 1 : 0) < operation.operands.size(); ++i)
    add(operation.operands[i], false);
  add(result, true);
  const Work list[] = {work};
  const std::size_t first = nest_.steps.size();
  domain(loops, at, work == Work::copy || work == Work::store ? std::span<const Work>() : list, type.bits,
         type.real_elements(),
         operation.name == "tensor.generate" && !operation.regions.empty() ? operation.regions[0] : -1);
  if (work == Work::compare)
    for (std::size_t i = first; i < nest_.steps.size(); ++i)
      if (nest_.steps[i].work == work) nest_.steps[i].choice = choice_of(operation.name);
  // A destination that one scalar fills.
  if (destination && loops.operands.size() == 1 && operation.operands.size() == 2 &&
      nest_.accesses.back().store) {
    Nest::Access& filled = nest_.accesses.back();
    filled.uses = {operation.operands[0]};
    filled.zero = module_.zero(operation.operands[0]);
  }
}

/// In which order a transposition takes the dimensions of its operand; empty where it is none, or not told.
std::vector<std::int64_t> NestBuilder::permutation(const Operation& operation, std::size_t rank) const {
  const std::string_view last = operation.name.substr(operation.name.rfind('.') + 1);
  const auto holds = [&](std::string_view part) {
    return operation.name.find(part) != std::string_view::npos;
  };
  const bool transposes = holds("transpose") || holds("permute") || last == "t";
  for (const std::string_view name : {"permutation", "perms", "dims"})
    if (const Attribute* attribute = module_.attribute(operation, name);
        attribute != nullptr && (transposes || name == "permutation"))
      return module_.integers(*attribute);
  if (!transposes || rank < 2 || rank > 64) return {};
  std::vector<std::int64_t> order;
  if (last != "int" && last != "t")
    return operation.operands.size() > 1 ? constants(module_, operation.operands[1]) : order;
  // torch.aten.transpose.int: two dimensions change places; aten.t: those of a matrix.
  for (std::size_t k = 0; k < rank; ++k) order.push_back(static_cast<std::int64_t>(k));
  std::size_t two[] = {rank - 2, rank - 1};
  for (std::size_t i = 0; i < 2 && last == "int"; ++i) {
    if (operation.operands.size() < 3) return {};
    std::vector<std::int64_t> one = constants(module_, operation.operands[1 + i]);
    if (one.size() != 1) return {};
    if (one[0] < 0) one[0] += static_cast<std::int64_t>(rank);
    if (one[0] < 0 || one[0] >= static_cast<std::int64_t>(rank)) return {};
    two[i] = static_cast<std::size_t>(one[0]);
  }
  std::swap(order[two[0]], order[two[1]]);
  return order;
}

void NestBuilder::copy(const Operation& operation, At at) {
  if (operation.operands.empty()) return;
  if (operation.name == "tensor.insert_slice") return insert_slice(operation, at);
  const int result = operation.results.empty() ? operation.operands.back() : operation.results[0];
  const Type& from = module_.type_of(operation.operands[0]);
  const Type& to = module_.type_of(result);
  if (operation.name.find("concat") != std::string_view::npos && join(operation, at)) return;
  // Dimension k of the result is dimension permutation[k] of the operand.
  const std::vector<std::int64_t> permutation = this->permutation(operation, from.shape.size());
  if (permutation.empty() || permutation.size() != to.shape.size() || permutation.size() != from.shape.size())
    return element_wise(operation, at, Work::copy);
  Domain loops;
  Domain::Operand source{operation.operands[0], false, {}}, destination{result, true, {}};
  source.indices.resize(permutation.size());
  for (std::size_t k = 0; k < permutation.size(); ++k) {
    loops.sizes.push_back(to.shape[k]);
    loops.reduction.push_back(false);
    destination.indices.push_back({{static_cast<int>(k), 1}});
    const auto at_source = static_cast<std::size_t>(
        std::clamp<std::int64_t>(permutation[k], 0, static_cast<std::int64_t>(permutation.size()) - 1));
    source.indices[at_source] = {{static_cast<int>(k), 1}};
  }
  loops.operands = {std::move(source), std::move(destination)};
  domain(loops, at, {}, from.bits, from.real_elements(), -1);
}

}  // namespace hone::cost::mlir
